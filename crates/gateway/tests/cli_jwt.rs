//! `portcullis jwt …` as a program.

use std::io::Write as _;
use std::process::{Command, Stdio};

use portcullis_test_support::{Reply, SigningKey, Site, base64url, jwks, scratch_dir};
use serde_json::{Value, json};

/// Standard output, standard error, exit status.
type Told = (String, String, Option<i32>);

fn portcullis(args: &[&str], input: &str) -> Told {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its arguments reads nothing.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// The keys in a file, and what `jwt verify` says of a token with them.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn of(set: &Value) -> Self {
        let folder = scratch_dir();
        std::fs::write(folder.path().join("keys.json"), set.to_string()).unwrap();
        Self { folder }
    }

    fn verify(&self, args: &[&str], input: &str) -> Told {
        let file = self.folder.path().join("keys.json");
        portcullis(&[&["jwt", "verify", "--jwks", file.to_str().unwrap()], args].concat(), input)
    }
}

fn error(code: &str, told: &Told) {
    let (stdout, stderr, status) = told;
    assert_eq!((stdout.as_str(), *status), ("", Some(1)), "{stderr}");
    assert!(stderr.starts_with(&format!("error: {code}: ")), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn claims_that_hold_are_one_json_object() {
    let key = SigningKey::generate("ES256", "one");
    let bench = Bench::of(&jwks([&key]));
    let claims = json!({"iss": "i", "aud": ["a", "b"], "sub": "s", "exp": 1000, "x": {"y": [1]}});
    let token = key.sign(&claims);
    for (args, input) in [
        (vec!["--at", "1030", &token], ""),
        (vec!["--at", "1030"], &format!("{token}\n") as &str),
        (vec!["--at", "1030", "--issuer", "i", "--audience", "b", "-"], &token),
        (vec!["--at", "1030", "--alg", "RS256,ES256", "--json", "-"], &token),
        (vec!["--at", "1000", "--leeway", "1", "-"], &token),
    ] {
        let (stdout, stderr, status) = bench.verify(&args, input);
        assert_eq!((stderr.as_str(), status), ("", Some(0)), "{args:?}");
        assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), claims, "{args:?}");
        assert_eq!(stdout.lines().count(), 1);
    }
}

#[test]
fn what_does_not_hold_is_one_line_with_a_stable_code() {
    let key = SigningKey::generate("EdDSA", "one");
    let other = SigningKey::generate("EdDSA", "one");
    let unknown = SigningKey::generate("EdDSA", "two");
    let bench = Bench::of(&jwks([&key]));
    let claims = json!({"iss": "i", "aud": "a", "exp": 1000});
    let token = key.sign(&claims);
    for (code, args, input) in [
        ("expired", vec!["--at", "1031"], token.clone()),
        ("expired", vec!["--at", "1002", "--leeway", "1"], token.clone()),
        ("expired", vec!["--at", "1000", "--leeway", "0"], token.clone()),
        ("issuer", vec!["--at", "1", "--issuer", "j"], token.clone()),
        ("claim_missing", vec!["--audience", "a"], key.sign(&json!({"aud": "a", "sub": "s"}))),
        ("claim_missing", vec!["--issuer", "i"], key.sign(&json!({"iss": "i", "sub": "s"}))),
        ("audience", vec!["--at", "1", "--audience", "c"], token.clone()),
        ("claim_missing", vec!["--at", "1", "--issuer", "i"], token.clone()),
        ("algorithm_not_allowed", vec!["--at", "1", "--alg", "RS256"], token.clone()),
        ("signature", vec!["--at", "1"], other.sign(&claims)),
        ("key_unknown", vec!["--at", "1"], unknown.sign(&claims)),
        ("base64", vec!["--at", "1"], format!("{token}\n\n")),
        ("base64", vec!["--at", "1"], format!(" {token}")),
        ("segments", vec!["--at", "1"], "garbage".into()),
        ("segments", vec!["--at", "1"], String::new()),
        ("claims_json", vec![], key.sign_text(&key.header().to_string(), "[]")),
        ("claim_missing", vec!["--at", "1", "--audience", "a"], token.clone()),
    ] {
        error(code, &bench.verify(&args, &input));
    }
    let (stdout, stderr, status) = bench.verify(&["--json", "garbage"], "");
    assert_eq!((stdout.as_str(), status), ("", Some(1)));
    let told: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(told["error"]["code"], "segments");
}

#[test]
fn without_issuer_and_audience_no_time_claim_is_required() {
    let key = SigningKey::generate("ES384", "one");
    let bench = Bench::of(&jwks([&key]));
    let token = key.sign(&json!({}));
    assert_eq!(bench.verify(&[], &token), ("{}\n".into(), String::new(), Some(0)));
    error("claim", &bench.verify(&[], &key.sign(&json!({"exp": "1000"}))));
    error("expired", &bench.verify(&[], &key.sign(&json!({"exp": 1000}))));
}

#[test]
fn the_payload_of_a_jws_comes_as_it_is() {
    let key = SigningKey::generate("PS256", "one").without_id();
    let bench = Bench::of(&jwks([&key]));
    for payload in ["", "any text, \u{e9}\r\n", "{\"exp\":1, \"exp\":2}"] {
        let token = key.sign_text(r#"{"alg":"PS256"}"#, payload);
        assert_eq!(bench.verify(&["--jws"], &token), (payload.into(), String::new(), Some(0)));
    }
    error(
        "critical",
        &bench.verify(&["--jws"], &key.sign_text(r#"{"alg":"PS256","crit":[]}"#, "")),
    );
    let (.., status) = bench.verify(&["--jws", "--issuer", "i"], "");
    assert_eq!(status, Some(2));
}

#[test]
fn a_file_of_ones_own_may_hold_private_halves_and_says_what_it_does_not_use() {
    let key = SigningKey::generate("EdDSA", "one");
    let mut own = key.jwk();
    own["d"] = json!(base64url(key.pkey().raw_private_key().unwrap()));
    let secret = json!({"kty": "oct", "kid": "two", "k": "AAAA"});
    let bench = Bench::of(&json!({"keys": [own, secret]}));
    let (.., status) = bench.verify(&[], &key.sign(&json!({})));
    assert_eq!(status, Some(0));
    let told = bench.verify(&[], &SigningKey::generate("EdDSA", "two").sign(&json!({})));
    error("key_unknown", &told);
    assert!(told.1.contains("two (unsupported)"), "{}", told.1);
}

#[test]
fn keys_come_from_an_address_too() {
    let key = SigningKey::generate("ES512", "one");
    let site = Site::start();
    site.set("/keys", Reply::json(jwks([&key])));
    let verify =
        |place: &str| portcullis(&["jwt", "verify", "--jwks", place], &key.sign(&json!({"a": 1})));
    let (stdout, stderr, status) = verify(&format!("{}/keys", site.url()));
    assert_eq!((stdout.as_str(), stderr.as_str(), status), ("{\"a\":1}\n", "", Some(0)));
    error("keys_unavailable", &verify(&format!("{}/nothing", site.url())));
    error("jwks", &verify("http://keys.example.com/"));
    error("jwks", &verify("HTTP://keys.example.com/"));
    let told = verify("/nonexistent/keys.json");
    error("jwks", &told);
    assert!(told.1.contains("/nonexistent/keys.json: "), "{}", told.1);
}

#[test]
fn inspect_says_loudly_that_nothing_was_verified() {
    let key = SigningKey::generate("ES256", "one");
    let token = key.sign(&json!({"iss": "i", "exp": 1000, "evil": "\u{1b}[2J", "\u{9b}31m": 1}));
    let (stdout, stderr, status) = portcullis(&["jwt", "inspect"], &token);
    assert_eq!((stderr.as_str(), status), ("", Some(0)));
    assert!(stdout.starts_with("NOT VERIFIED"), "{stdout}");
    assert!(
        stdout.contains("1970-01-01T00:16:40Z") && !stdout.contains(['\u{1b}', '\u{9b}']),
        "{stdout}"
    );

    let (stdout, ..) = portcullis(&["jwt", "inspect", "--json", &token], "");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&told["verified"], &told["refused"]), (&json!(false), &Value::Null));
    assert_eq!((&told["header"]["kid"], &told["claims"]["iss"]), (&json!("one"), &json!("i")));

    let none = format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url("not JSON"));
    let (stdout, _, status) = portcullis(&["jwt", "inspect", "--json", &none], "");
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&told["claims"], &told["refused"]["code"]),
        (&json!("not JSON"), &json!("algorithm"))
    );
    assert_eq!(status, Some(0));
    let header = key.header().to_string();
    for (payload, code) in [
        ("[]", "claims_json"),
        (r#"{"exp":"1","exp":2}"#, "claims_json"),
        (r#"{"exp":"1"}"#, "claim"),
    ] {
        let token = key.sign_text(&header, payload);
        let told = portcullis(&["jwt", "inspect", "--json", &token], "").0;
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["refused"]["code"], code, "{payload}");
    }
    error("segments", &portcullis(&["jwt", "inspect", "garbage"], ""));
    error("base64", &portcullis(&["jwt", "inspect", "a b.c.d"], ""));
}
