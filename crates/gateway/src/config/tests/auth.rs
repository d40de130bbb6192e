//! `[auth]` and `[gerrit]`.

use std::fs;

use super::super::*;
use super::{Setup, bad, good};

const OIDC: &str = "[[auth.oidc]]\nissuer = \"https://a.example\"\naudiences = [\"x\"]\n";

#[test]
fn an_issuer_has_its_keys_in_one_place() {
    let keys = |rest: &str| good(&format!("{OIDC}{rest}"), &[]).auth.oidc.remove(0).keys;
    assert_eq!(keys(""), KeysFrom::Discovery("https://a.example".into()));
    let local = "http://127.0.0.1:7/x";
    assert_eq!(keys(&format!("authority = {local:?}")), KeysFrom::Discovery(local.into()));
    assert_eq!(
        keys("jwks_url = \"https://b.example/keys\""),
        KeysFrom::Url("https://b.example/keys".parse().unwrap())
    );
    for (rest, key) in [
        ("authority = \"http://b.example\"", "authority"),
        ("authority = \"https://u:p@b.example\"", "authority"),
        ("authority = \"https://b.example?x\"", "authority"),
        ("authority = \"b.example\"", "authority"),
        ("authority = \"https://b.example \"", "authority"),
        ("authority = \"https:\\\\\\\\b.example\"", "authority"),
        ("jwks_url = \"http://b.example/keys\"", "jwks_url"),
        ("jwks_file = \"none.json\"", "jwks_file"),
        ("jwks_file = \"none.json\"\nauthority = \"https://b.example\"", "jwks_file"),
        ("jwks_url = \"https://b.example\"\nauthority = \"https://b.example\"", "jwks_url"),
    ] {
        let keys = bad(&format!("{OIDC}{rest}"), &[]);
        assert_eq!(keys, [format!("auth.oidc[0].{key}")], "{rest}");
    }
}

#[test]
fn an_issuer_ends_where_an_identity_says() {
    for issuer in ["https://a.example/#b", "https://a.example/b c", ""] {
        let text = OIDC.replace("https://a.example", issuer);
        assert!(bad(&text, &[]).contains(&"auth.oidc[0].issuer".to_owned()), "{issuer}");
    }
}

#[test]
fn a_file_of_keys_holds_one_that_can_be_used() {
    let setup = Setup::new();
    let file = setup.0.path().join("keys.json");
    let text = format!("{OIDC}jwks_file = {:?}\n", file.display().to_string());
    let problem = |content: &str| {
        fs::write(&file, content).unwrap();
        setup.read(&text, &[]).config.err().map(|problems| problems[0].problem.clone())
    };
    let ends = |content: &str, end: &str| {
        let problem = problem(content).unwrap();
        assert!(problem.ends_with(&format!("keys.json: {end}")), "{problem}");
    };
    ends("{}", "is not a set of keys");
    ends("{\"keys\":[]}", "has no usable key");
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let key = format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{x}\"}}");
    assert_eq!(problem(&format!("{{\"keys\":[{key}]}}")), None);
    // What the start would refuse, `check` refuses.
    ends(&format!("{{\"keys\":[{key}]}}{}", " ".repeat(1 << 20)), "has more than 1048576 bytes");
    ends(&format!("{{\"keys\":[{}]}}", vec![key; 1001].join(",")), "has more than 1000 keys");
}

#[test]
fn two_entries_for_one_issuer_cannot_be_told_apart() {
    let other = OIDC.replace("a.example", "b.example");
    assert_eq!(good(&format!("{OIDC}{other}"), &[]).auth.oidc.len(), 2);
    let again = OIDC.replace("[\"x\"]", "[\"y\"]");
    assert_eq!(bad(&format!("{OIDC}{again}"), &[]), ["auth.oidc[1].issuer"]);
}

const GERRIT: &str = "[gerrit]\nsigner_accounts = [\"a@b.iam.gserviceaccount.com\"]\n";

#[test]
fn gerrit_is_off_without_its_section() {
    assert!(good("", &[]).gerrit.is_none());
    let gerrit = good(&format!("{GERRIT}audience = \"x\""), &[]).gerrit.unwrap();
    assert_eq!((gerrit.header.as_str(), gerrit.audiences), ("X-Gerrit-Auth", vec!["x".to_owned()]));
    let gerrit = good(&format!("{GERRIT}audience = [\"x\", \"y\"]"), &[]).gerrit.unwrap();
    assert_eq!(gerrit.audiences, ["x", "y"]);
    assert_eq!(bad("[gerrit]", &[]), ["gerrit.signer_accounts", "gerrit.audience"]);
    for (rest, key) in [
        ("audience = []", "audience"),
        ("audience = \"\"", "audience"),
        ("audience = \"x\"\ncerts_url = \"http://a.example/\"", "certs_url"),
        ("audience = \"x\"\nheader = \"Authorization\"", "header"),
        ("audience = \"x\"\nheader = \"X-Auth-Identity\"", "header"),
        ("audience = \"x\"\nheader = \"a b\"", "header"),
        ("audience = \"x\"\nheader = \"Cookie\"", "header"),
        ("audience = \"x\"\nheader = \"X-Forwarded-For\"", "header"),
        ("audience = \"x\"\nheader = \"content-length\"", "header"),
        ("audience = \"x\"\nhosts = [\"\"]", "hosts"),
        ("audience = \"x\"\nrepositories = [\"r\", \"\"]", "repositories"),
        ("audience = \"x\"\nchanges = [1, 0]", "changes"),
    ] {
        assert_eq!(bad(&format!("{GERRIT}{rest}"), &[]), [format!("gerrit.{key}")], "{rest}");
    }
    for account in ["a@example.com", "a/../b@c.gserviceaccount.com", "@a.gserviceaccount.com", ""] {
        let text = format!("[gerrit]\naudience = \"x\"\nsigner_accounts = [{account:?}]");
        assert_eq!(bad(&text, &[]), ["gerrit.signer_accounts[0]"], "{account}");
    }
}

#[test]
fn what_nobody_asks_is_warned_of() {
    let warned = |text: &str| {
        let warnings = Setup::new().read(text, &[]).warnings;
        let keys = warnings.iter().map(|w| w.split(": ").next().unwrap_or_default().to_owned());
        keys.collect::<Vec<_>>()
    };
    let gerrit = format!("{GERRIT}audience = \"x\"\n");
    let methods = |these: &str| format!("[auth]\nmethods = [{these}]\n");
    assert_eq!(warned(&format!("{gerrit}{OIDC}")), [""; 0]);
    let pat = methods("\"pat\"");
    assert_eq!(warned(&format!("{gerrit}{pat}{OIDC}")), ["gerrit", "auth.oidc"]);
    assert_eq!(warned(&methods("\"gerrit\", \"oidc\"")), ["auth.methods"]);
    assert_eq!(warned(&format!("{}{OIDC}", methods("\"gerrit\", \"oidc\""))), [""; 0]);
}
