//! `[oidc_proxy]`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use portcullis_base::secret::ExposeSecret as _;
use portcullis_jwt_verify::Algorithm;
use portcullis_oidc_proxy::IssuerName;
use portcullis_oidc_proxy::keyring::Choice;
use portcullis_test_support::{SigningKey, private_jwks};

use super::super::*;
use super::Setup;

/// A folder with keys of ours, by RS256 and ES256 under one `kid`, by EdDSA under another.
struct Keys(Setup, tempfile::TempDir);

impl Keys {
    fn new() -> Self {
        let keys = Self(Setup::new(), tempfile::tempdir().unwrap());
        let ours = [("RS256", "a"), ("ES256", "a"), ("EdDSA", "b")];
        let ours = ours.map(|(algorithm, kid)| SigningKey::generate(algorithm, kid));
        keys.write(&private_jwks(&ours).to_string(), 0o600);
        keys
    }

    fn path(&self) -> String {
        self.1.path().join("ours.json").display().to_string()
    }

    fn write(&self, text: &str, mode: u32) {
        fs::write(self.path(), text).unwrap();
        fs::set_permissions(self.path(), Permissions::from_mode(mode)).unwrap();
    }

    /// The section with our keys and `rest`.
    fn read(&self, rest: &str) -> Reading {
        self.0.read(&format!("[oidc_proxy]\njwks_file = \"{}\"\n{rest}\n", self.path()), &[])
    }

    fn good(&self, rest: &str) -> OidcProxy {
        self.read(rest).config.unwrap().oidc_proxy.unwrap()
    }

    fn bad(&self, rest: &str) -> Vec<String> {
        let problems = self.read(rest).config.unwrap_err();
        let key = |problem: Problem| problem.key.replacen("oidc_proxy.", "", 1);
        problems.into_iter().map(key).collect()
    }

    fn warned(&self, rest: &str) -> Vec<String> {
        let reading = self.read(rest);
        assert!(reading.config.is_ok(), "{:?}", reading.config);
        let key = |warning: &String| warning.split(": ").next().unwrap_or_default().to_owned();
        reading.warnings.iter().map(key).collect()
    }
}

const SIGNS: &str = "signing_key_ids = { ES256 = \"a\" }\n";
const UPSTREAM: &str = "upstream_issuer = \"https://gitlab.example.com\"\n";
const ISSUER: &str = "issuer = \"https://oidc.example.com\"\n";

fn with(rest: &str) -> String {
    format!("{SIGNS}{UPSTREAM}{ISSUER}{rest}")
}

#[test]
fn it_is_off_without_its_section_and_says_what_it_needs() {
    let setup = Setup::new();
    assert!(setup.read("", &[]).config.unwrap().oidc_proxy.is_none());
    let problems = setup.read("[oidc_proxy]", &[]).config.unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    let wanted = ["jwks_file", "signing_key_ids", "upstream_issuer"];
    assert_eq!(keys, wanted.map(|key| format!("oidc_proxy.{key}")));
}

#[test]
fn what_is_left_out_has_a_default() {
    let read = Keys::new().good(&with(""));
    assert_eq!(read.mount, "/");
    assert_eq!(read.issuer, IssuerName::Fixed("https://oidc.example.com".into()));
    assert_eq!(read.signing.default, Algorithm::Es256);
    assert_eq!(read.signing.choices, [(Algorithm::Es256, Choice::Pinned("a".into()))].into());
    let [upstream] = &read.upstreams[..] else { panic!("{read:?}") };
    assert_eq!(upstream.keys, KeysFrom::Discovery("https://gitlab.example.com".into()));
    assert_eq!(upstream.keys_max_age, Duration::from_mins(5));
    assert_eq!(upstream.timeout, Duration::from_secs(30));
    assert!(upstream.headers.is_empty() && upstream.ca_file.is_none());
    assert!(read.clone_upstream_claims.is_empty() && read.rules.is_empty());
    assert!(read.audiences.is_none() && read.subject.is_none() && read.max_lifetime.is_none());
    assert!(!read.token_id && !read.once);
    assert_eq!(read.cache_max_age, Duration::from_mins(5));
}

#[test]
fn the_origins_numbers_are_seconds() {
    let rest = "upstream_timeout = 5\nupstream_jwks_cache_max_age = 60\ncache_max_age = \"1m\"\n\
                max_lifetime = 900";
    let read = Keys::new().good(&with(rest));
    assert_eq!(read.upstreams[0].timeout, Duration::from_secs(5));
    assert_eq!(read.upstreams[0].keys_max_age, Duration::from_mins(1));
    assert_eq!(read.cache_max_age, Duration::from_mins(1));
    assert_eq!(read.max_lifetime, Some(Duration::from_mins(15)));
    let variables = [("PORTCULLIS__OIDC_PROXY__UPSTREAM_TIMEOUT", "7")];
    let keys = Keys::new();
    let text = format!("[oidc_proxy]\njwks_file = \"{}\"\n{}", keys.path(), with(""));
    let read = keys.0.read(&text, &variables).config.unwrap().oidc_proxy.unwrap();
    assert_eq!(read.upstreams[0].timeout, Duration::from_secs(7));
}

#[test]
fn keys_that_sign_have_to_be_there_and_every_one_that_is_not_is_told() {
    let keys = Keys::new();
    for (rest, wanted) in [
        (
            "signing_key_ids = { RS256 = \"b\", ES256 = \"x\", ES384 = \"a\", HS256 = \"a\" }",
            &[
                "signing_key_ids.HS256",
                "signing_key_ids.ES256",
                "signing_key_ids.ES384",
                "signing_key_ids.RS256",
                "default_signing_alg",
            ][..],
        ),
        (
            "signing_key_ids = { RS256 = \"b\", ES256 = \"x\", ES384 = \"a\" }\n\
             default_signing_alg = \"RS256\"",
            &["signing_key_ids.ES256", "signing_key_ids.ES384", "signing_key_ids.RS256"],
        ),
        ("signing_key_ids = { RS256 = \"a\", ES256 = \"a\" }", &["default_signing_alg"]),
        (
            "signing_key_ids = { RS256 = \"a\" }\ndefault_signing_alg = \"ES256\"",
            &["default_signing_alg"],
        ),
        (
            "signing_key_ids = { RS256 = \"a\" }\ndefault_signing_alg = \"rs256\"",
            &["default_signing_alg"],
        ),
        ("signing_algs = [\"PS256\"]", &["signing_algs[0]"]),
        ("signing_algs = [\"none\"]", &["signing_algs[0]"]),
        ("signing_algs = [\"ES256\", \"ES256\"]", &["signing_algs[1]"]),
        ("signing_key_ids = { ES256 = \"a\" }\nsigning_algs = [\"ES256\"]", &["signing_algs[0]"]),
    ] {
        assert_eq!(keys.bad(&format!("{rest}\n{UPSTREAM}{ISSUER}")), wanted, "{rest}");
    }
    let both = "signing_key_ids = { ES256 = \"a\" }\nsigning_algs = [\"EdDSA\", \"RS256\"]\n\
                default_signing_alg = \"EdDSA\"\n";
    let read = keys.good(&format!("{both}{UPSTREAM}{ISSUER}"));
    assert_eq!(read.signing.choices[&Algorithm::Rs256], Choice::Latest);
    assert_eq!(read.signing.default, Algorithm::EdDsa);
}

#[test]
fn a_file_that_cannot_be_used_is_told_once_and_without_what_is_in_it() {
    let keys = Keys::new();
    let rest = format!(
        "signing_algs = [\"ES256\", \"EdDSA\"]\ndefault_signing_alg = \"ES256\"\n{UPSTREAM}{ISSUER}"
    );
    assert_eq!(keys.warned(&rest), Vec::<String>::new());
    let symmetric = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0LXNlY3JldA"}]}"#;
    for broken in ["", "{", "[]", symmetric] {
        keys.write(broken, 0o600);
        let problems = keys.read(&rest).config.unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].key, "oidc_proxy.jwks_file");
        assert!(!problems[0].problem.contains("c2VjcmV0"), "{problems:?}");
    }
    fs::remove_file(keys.path()).unwrap();
    assert_eq!(keys.bad(&rest), ["jwks_file"]);
}

#[test]
fn keys_that_others_can_read_are_a_warning() {
    let keys = Keys::new();
    fs::set_permissions(keys.path(), Permissions::from_mode(0o644)).unwrap();
    assert_eq!(keys.warned(&with("")), ["oidc_proxy.jwks_file"]);
}

#[test]
fn the_issuer_is_what_is_said_or_where_the_gateway_is() {
    let keys = Keys::new();
    let read = |server: &str, rest: &str| {
        let own = format!("[oidc_proxy]\njwks_file = \"{}\"\n{SIGNS}{UPSTREAM}", keys.path());
        keys.0.read(&format!("[server]\n{server}\n{own}{rest}"), &[])
    };
    let issuer = |reading: Reading| reading.config.unwrap().oidc_proxy.unwrap().issuer;
    let public = "public_url = \"https://gw.example.com/x/\"";
    let fixed = |name: &str| IssuerName::Fixed(name.to_owned());
    assert_eq!(issuer(read(public, "")), fixed("https://gw.example.com/x"));
    assert_eq!(issuer(read(public, "mount = \"/a\"")), fixed("https://gw.example.com/x/a"));
    assert_eq!(
        issuer(read(public, "issuer = \"https://a.example/\"")),
        fixed("https://a.example/")
    );
    let open = read("listen = \"0.0.0.0:8080\"", "").config.unwrap_err();
    assert_eq!(open[0].key, "oidc_proxy.issuer");
    let loopback = read("", "mount = \"/a\"");
    assert!(loopback.warnings.iter().any(|warning| warning.starts_with("oidc_proxy.issuer: ")));
    assert_eq!(issuer(loopback), IssuerName::OfRequest("/a".into()));
    for bad in
        ["", "a.example", "https://", "https://u:p@a.example", "https://a.example?x", "ftp://a"]
    {
        let problems = read("", &format!("issuer = \"{bad}\"")).config.unwrap_err();
        assert_eq!(problems[0].key, "oidc_proxy.issuer", "{bad}");
    }
    let plain = read("", "issuer = \"http://a.example\"");
    assert!(plain.config.is_ok() && plain.warnings.iter().any(|w| w.contains("not https")));
}

#[test]
fn claims_that_are_composed_are_not_cloned() {
    let keys = Keys::new();
    let all = "clone_upstream_claims = [\"iss\", \"sub\", \"aud\", \"exp\", \"iat\", \"nbf\", \"x\", \"x\", \"\"]";
    let wanted = [0, 2, 3, 4, 5, 7, 8].map(|i| format!("clone_upstream_claims[{i}]"));
    assert_eq!(keys.bad(&with(all)), wanted);
    for (rest, wanted) in [
        ("clone_upstream_claims = [\"sub\"]\nsubject = \"{a}\"", "clone_upstream_claims[0]"),
        ("clone_upstream_claims = [\"jti\"]\ntoken_id = true", "clone_upstream_claims[0]"),
        ("subject = \"{a}{b}\"", "subject"),
        ("subject = \"me\"", "subject"),
        ("subject = \"{a}\"\nsubject_separator = \"a\"", "subject_separator"),
        ("subject = \"{a}\"\nsubject_separator = \"::\"", "subject_separator"),
        ("audiences = []", "audiences"),
        ("audiences = [\"\"]", "audiences"),
        ("rules = []", "rules"),
        ("rules = [{ claims = { a = 1.5 } }]", "rules[0].claims.a"),
        ("rules = [{ claim = { a = 1 } }]", "rules[0].claim"),
        ("max_lifetime = 0", "max_lifetime"),
        ("max_lifetime = \"soon\"", "max_lifetime"),
        ("upstream_timeout = \"0s\"", "upstream_timeout"),
        ("cache_max_age = \"2d\"", "cache_max_age"),
        ("mount = \"x\"", "mount"),
    ] {
        assert_eq!(keys.bad(&with(rest)), [wanted], "{rest}");
    }
    let good =
        "subject = \"{iss}|{a}\"\nsubject_separator = \"|\"\nclone_upstream_claims = [\"jti\"]";
    assert!(keys.good(&with(good)).subject.is_some());
}

#[test]
fn upstreams_are_told_apart_and_each_has_its_own_keys() {
    let keys = Keys::new();
    let more = "[[oidc_proxy.upstreams]]\nissuer = \"ci\"\njwks_uri = \"https://ci.example.com/k\"\n\
                timeout = 3\nextra_request_headers = { X-Key = \"hidden\" }\n";
    let read = keys.good(&with(more));
    assert_eq!(read.upstreams.len(), 2);
    assert_eq!(read.upstreams[1].issuer, "ci");
    let [(name, value)] = &read.upstreams[1].headers[..] else { panic!("{read:?}") };
    assert_eq!((name.as_str(), value.expose_secret()), ("x-key", "hidden"));
    assert!(!format!("{read:?}").contains("hidden"));
    // The first may be left out.
    assert_eq!(keys.good(&format!("{SIGNS}{ISSUER}{more}")).upstreams.len(), 1);
    for (rest, wanted) in [
        (format!("{SIGNS}{ISSUER}upstream_timeout = 3\n{more}"), "upstream_issuer"),
        (with(&format!("{more}{more}")), "upstreams[1].issuer"),
        (with("[[oidc_proxy.upstreams]]\nissuer = \"ci\""), "upstreams[0].issuer"),
        (
            with("[[oidc_proxy.upstreams]]\nissuer = \"https://gitlab.example.com\""),
            "upstreams[0].issuer",
        ),
        (
            with("[[oidc_proxy.upstreams]]\nissuer = \"a b\"\nauthority = \"https://a.example\""),
            "upstreams[0].issuer",
        ),
        (with("upstream_jwks_uri = \"http://a.example/k\""), "upstream_jwks_uri"),
        (with("upstream_authority = \"http://a.example\""), "upstream_authority"),
        (with("upstream_jwks_file = \"missing.json\""), "upstream_jwks_file"),
        (with("extra_request_headers = { \"a b\" = \"x\" }"), "extra_request_headers.a b"),
        (with("extra_request_headers = { a = \"x\\ny\" }"), "extra_request_headers.a"),
        (with("extra_request_headers = { a_file = \"missing\" }"), "extra_request_headers.a_file"),
    ] {
        assert_eq!(keys.bad(&rest), [wanted], "{rest}");
    }
}

#[test]
fn namesakes_of_two_issuers_are_told_apart() {
    let keys = Keys::new();
    let more = "\n[[oidc_proxy.upstreams]]\nissuer = \"https://ci.example.com\"";
    let wanted = ["oidc_proxy.upstreams"];
    for (rest, warns) in [
        ("subject = \"{a}\"", true),
        ("subject = \"{iss}|{a}\"\nsubject_separator = \"|\"", false),
        ("clone_upstream_claims = [\"sub\"]", true),
        ("", false),
    ] {
        assert_eq!(keys.warned(&with(&format!("{rest}{more}"))) == wanted, warns, "{rest}");
        assert_eq!(keys.warned(&with(rest)), Vec::<String>::new());
    }
    let never = format!("subject = \"{{iss}}:{{a}}\"{more}");
    assert_eq!(keys.bad(&with(&never)), ["subject_separator"]);
}
