//! The environment variables of gitlab-jwt-2-pat.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use proptest::prelude::*;

use super::*;

const ALL: [(&str, &str); 11] = [
    ("GITLAB__HOSTNAME", "https://gitlab.example.com"),
    ("GITLAB__APIKEY", "glpat-of-an-administrator-00"),
    ("GITLAB__SUDOUSERLOGIN", "token-issuer"),
    ("GITLAB__TOKENCONFIG__SCOPES__0", "write_repository"),
    ("GITLAB__TOKENCONFIG__SCOPES__10", "read_api"),
    ("GITLAB__TOKENCONFIG__SCOPES__2", "api"),
    ("GITLAB__TOKENCONFIG__REVOKESECONDS", "45"),
    ("JWT__ISSUER", "gitlab.example.com"),
    ("JWT__AUTHORITY", "https://gitlab.example.com/"),
    ("JWT__VALIDATE__AUDIENCE", "False"),
    ("JWT__DEBUG", "true"),
];
const HOST: (&str, &str) = ("GITLAB__HOSTNAME", "gitlab.example.com");
const KEY: (&str, &str) = ("GITLAB__APIKEY", "glpat-of-an-administrator-00");
const ANY: (&str, &str) = ("JWT__VALIDATE__AUDIENCE", "false");

fn problems(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let problems = Setup::new().read(text, variables).config.unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn an_installation_moves_without_a_file() {
    let read = good("", &ALL).impersonation.unwrap();
    assert_eq!(read.gitlab_url.as_str(), "https://gitlab.example.com/");
    assert_eq!(read.admin_token.expose_secret(), KEY.1);
    assert_eq!(read.sudo_user.as_deref(), Some("token-issuer"));
    assert_eq!(read.grant, grant(&["write_repository", "api", "read_api"], 45));
    assert_eq!(read.jwt.issuers, ["gitlab.example.com", "https://gitlab.example.com"]);
    assert_eq!(read.jwt.keys, KeysFrom::Discovery("https://gitlab.example.com".into()));
    assert_eq!((read.jwt.audiences, read.log_claims), (None, true));
}

#[test]
fn a_name_may_be_written_in_any_case_and_a_host_without_a_scheme() {
    let variables = [("GitLab__HostName", HOST.1), ("gitlab__apiKey", KEY.1), ANY];
    let read = good("", &variables).impersonation.unwrap();
    assert_eq!(read.gitlab_url.as_str(), "https://gitlab.example.com/");
    let twice = [HOST, KEY, ANY, ("Gitlab__Apikey", "glpat-other")];
    assert_eq!(bad("", &twice), ["Gitlab__Apikey"]);
}

#[test]
fn whatever_else_says_it_wins() {
    let setup = Setup::new();
    let file = setup.0.path().join("admin-token");
    fs::write(&file, "glpat-in-a-file-00000000000\n").unwrap();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:1\"\n[impersonation]\ngitlab_url = \"https://b.example\"\n\
         admin_token_file = {:?}\nscopes = [\"read_api\"]\n[impersonation.jwt]\n\
         audiences = [\"x\"]\njwks_url = \"https://b.example/keys\"\n",
        file.to_str().unwrap()
    );
    let mut variables = ALL.to_vec();
    variables.push(("ASPNETCORE_URLS", "http://+:8080"));
    variables.push(("PORTCULLIS__IMPERSONATION__REVOKE_SECONDS", "5"));
    let config = good(&text, &variables);
    let read = config.impersonation.unwrap();
    assert_eq!(read.gitlab_url.as_str(), "https://b.example/");
    assert_eq!(read.admin_token.expose_secret(), "glpat-in-a-file-00000000000");
    assert_eq!(read.grant, grant(&["read_api"], 5));
    assert_eq!(read.jwt.keys, KeysFrom::Url("https://b.example/keys".parse().unwrap()));
    assert_eq!(read.jwt.audiences, Some(vec!["x".to_owned()]));
    assert_eq!(config.server.listen.port(), 1);
    // What nobody else says is still theirs.
    assert_eq!(read.jwt.issuers, ["gitlab.example.com", "https://b.example"]);
    assert_eq!(read.sudo_user.as_deref(), Some("token-issuer"));
    // A table of the environment is filled in like one of the file.
    let whole = ("PORTCULLIS__IMPERSONATION", "{ revoke_seconds = 7, jwt = { issuer = \"i\" } }");
    let read = good("", &[HOST, KEY, ANY, whole]).impersonation.unwrap();
    assert_eq!(read.grant.lifetime.as_secs(), 7);
    assert_eq!(read.jwt.issuers, ["i"]);
}

/// It took the issuer that it was told, and the one that the discovery document names.
#[test]
fn tokens_that_passed_go_on_to_pass() {
    let issuers = |variables: &[(&str, &str)]| {
        let variables = [&[HOST, KEY, ANY], variables].concat();
        good("", &variables).impersonation.unwrap().jwt.issuers
    };
    let url = "https://gitlab.example.com";
    assert_eq!(issuers(&[]), [url]);
    assert_eq!(issuers(&[("JWT__ISSUER", url)]), [url]);
    for other in ["gitlab.example.com", "https://gitlab.example.com/"] {
        assert_eq!(issuers(&[("JWT__ISSUER", other)]), [other, url]);
    }
    let elsewhere = [("JWT__ISSUER", "g"), ("JWT__AUTHORITY", "https://login.example.com/")];
    assert_eq!(issuers(&elsewhere), ["g", "https://login.example.com"]);
    let both = Setup::new().read("", &[HOST, KEY, ANY, ("JWT__ISSUER", "gitlab.example.com")]);
    assert!(!both.warnings.iter().any(|told| told.contains("issuer")), "{:?}", both.warnings);
}

#[test]
fn a_stray_variable_changes_nothing() {
    let mut stray = ALL[1..].to_vec();
    stray.push(("ASPNETCORE_URLS", "https://+:443"));
    stray.push(("GITLAB__HOSTNAME", ""));
    let setup = Setup::new();
    let (with, without) = (setup.read("", &stray), setup.read("", &[]));
    let config = with.config.unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", without.config.unwrap()));
    assert_eq!(with.warnings, without.warnings);
    // With the section they count, but for the one that images of .NET set.
    let text = "[impersonation]\ngitlab_url = \"https://b.example\"";
    let config = good(text, &stray);
    assert_eq!(config.impersonation.unwrap().grant.lifetime.as_secs(), 45);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    // Others with the same beginning are somebody else's.
    good("", &[HOST, KEY, ANY, ("GITLAB__TOKENCONFIG__EXPIRESIN", "1"), ("JWT__SECRET", "x")]);
}

#[test]
fn a_bad_value_names_its_variable() {
    for (name, value, key) in [
        ("GITLAB__SUDOUSERLOGIN", "a b", "impersonation.sudo_user"),
        ("GITLAB__TOKENCONFIG__REVOKESECONDS", "0", "impersonation.revoke_seconds"),
        ("GITLAB__TokenConfig__RevokeSeconds", "30s", "impersonation.revoke_seconds"),
        ("GITLAB__TOKENCONFIG__SCOPES__3", "a b", "impersonation.scopes[0]"),
        ("JWT__ISSUER", "a b", "impersonation.jwt.issuer[0]"),
        ("JWT__AUTHORITY", "http://gitlab.example.com", "impersonation.jwt.authority"),
        ("JWT__DEBUG", "1", "impersonation.log_claims"),
    ] {
        let told = problems("", &[HOST, KEY, ANY, (name, value)]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(&format!("{key}: ")), "{told:?}");
        assert!(told[0].ends_with(&format!(" (from {name})")), "{told:?}");
    }
    let http = problems("", &[("GITLAB__HOSTNAME", "http://gitlab.example.com"), KEY, ANY]);
    assert!(http[0].ends_with(" (from GITLAB__HOSTNAME)"), "{http:?}");
    let secret = problems("", &[HOST, ("GITLAB__APIKEY", "hunter2 hunter2"), ANY]);
    assert!(secret[0].ends_with(" (from GITLAB__APIKEY)"), "{secret:?}");
    assert!(!secret.concat().contains("hunter2"), "{secret:?}");
    for scopes in ["GITLAB__TOKENCONFIG__SCOPES", "GITLAB__TOKENCONFIG__SCOPES__A"] {
        assert_eq!(bad("", &[HOST, KEY, ANY, (scopes, "api")]), [scopes]);
    }
}

#[test]
fn what_is_no_text_is_a_problem_where_it_counts() {
    let setup = Setup::new();
    let mut sources = setup.sources("", &[]);
    let set = |name: &str, value: &[u8]| -> (OsString, OsString) {
        (name.into(), OsStr::from_bytes(value).to_owned())
    };
    let key = set("GITLAB__APIKEY", b"\xff");
    sources.environment = [key.clone()].into_iter().collect();
    assert!(super::super::super::read(&sources).config.is_ok());
    let host = set(HOST.0, HOST.1.as_bytes());
    sources.environment = [host, key, set(ANY.0, ANY.1.as_bytes())].into_iter().collect();
    let problems = super::super::super::read(&sources).config.unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["GITLAB__APIKEY", "impersonation.admin_token"]);
}

#[test]
fn the_audience_has_to_be_settled_here_too() {
    let told = problems("", &[HOST, KEY]);
    assert!(told[0].starts_with("impersonation.jwt.audiences: "), "{told:?}");
    assert!(told[0].contains("validate_audience = false"), "{told:?}");
    good("", &[HOST, KEY, ("PORTCULLIS__IMPERSONATION__JWT__AUDIENCES", "[\"x\"]")]);
    let warnings = Setup::new().read("", &[HOST, KEY, ANY]).warnings;
    let any = warnings.iter().find(|w| w.starts_with("impersonation.jwt.validate_audience: "));
    assert!(any.unwrap().ends_with(" (from JWT__VALIDATE__AUDIENCE)"), "{warnings:?}");
}

#[test]
fn it_listens_where_kestrel_did() {
    let listen = |urls: &str| {
        let reading = Setup::new().read("", &[HOST, KEY, ANY, ("ASPNETCORE_URLS", urls)]);
        (reading.config.map(|config| config.server.listen.to_string()), reading.warnings)
    };
    assert_eq!(listen("http://*:5000").0.unwrap(), "0.0.0.0:5000");
    let (address, warnings) = listen("https://+:443;http://localhost:80");
    assert_eq!(address.unwrap(), "127.0.0.1:80");
    assert!(warnings.iter().any(|warning| warning.starts_with("ASPNETCORE_URLS: its https")));
    for urls in ["https://+:443", "http://unix:/run/x.sock"] {
        assert_eq!(listen(urls).0.unwrap_err()[0].key, "ASPNETCORE_URLS", "{urls}");
    }
}

proptest! {
    #[test]
    fn any_value_is_taken_or_named(value in "\\PC{0,20}") {
        for variable in ["ASPNETCORE_URLS", "GITLAB__APIKEY", "JWT__ISSUER", "JWT__AUTHORITY"] {
            let host = ("GITLAB__HOSTNAME", value.as_str());
            let _ = Setup::new().read("", &[host, KEY, ANY, (variable, &value)]);
        }
    }
}
