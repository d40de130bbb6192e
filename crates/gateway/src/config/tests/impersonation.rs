//! `[impersonation]`.

use std::fs;
use std::time::Duration;

use portcullis_base::secret::ExposeSecret as _;
use portcullis_impersonation::policy::{Grant, rule_claims};
use serde_json::json;

use super::super::*;
use super::{Setup, bad, good};

mod predecessor;

const SECTION: &str = "[impersonation]\ngitlab_url = \"https://gitlab.example.com\"\n\
                       admin_token = \"glpat-of-an-administrator-00\"\n";
const JWT: &str = "[impersonation.jwt]\naudiences = [\"https://gw.example.com\"]\n";
const RULE: &str = "[[impersonation.rules]]\nclaims = { project_path = \"infra/*\" }\n";

fn impersonation(text: &str) -> Impersonation {
    good(text, &[]).impersonation.unwrap()
}

/// With `rest` in the section itself.
fn with(rest: &str) -> String {
    format!("{SECTION}{rest}\n{JWT}{RULE}")
}

/// With `rest` instead of the rules.
fn ruled(rest: &str) -> String {
    format!("{SECTION}{JWT}{rest}\n")
}

fn warned(text: &str) -> Vec<String> {
    let reading = Setup::new().read(text, &[]);
    assert!(reading.config.is_ok(), "{:?}", reading.config);
    let keys = reading.warnings.iter().map(|w| w.split(": ").next().unwrap_or_default().to_owned());
    keys.collect()
}

fn grant(scopes: &[&str], seconds: u64) -> Grant {
    let scopes = scopes.iter().map(ToString::to_string).collect();
    Grant { scopes, lifetime: Duration::from_secs(seconds) }
}

#[test]
fn it_is_off_without_its_section() {
    assert!(good("", &[]).impersonation.is_none());
    let keys = ["gitlab_url", "admin_token", "jwt.audiences"];
    assert_eq!(bad("[impersonation]", &[]), keys.map(|key| format!("impersonation.{key}")));
}

#[test]
fn what_is_left_out_has_a_default() {
    let read = impersonation(&format!("{SECTION}{JWT}"));
    assert_eq!((read.mount.as_str(), read.gitlab_url.path()), ("/", "/"));
    assert_eq!(read.admin_token.expose_secret(), "glpat-of-an-administrator-00");
    assert!(!format!("{read:?}").contains("glpat-of"));
    assert_eq!(read.grant, grant(&["write_repository"], 30));
    assert!(read.rules.is_empty() && read.sudo_user.is_none() && read.ca_file.is_none());
    assert!(!read.allow_forks && !read.allow_admins && !read.single_use && !read.log_claims);
    assert_eq!(read.user_limit, RateLimit { per_second: 1, burst: 20 });
    assert_eq!(read.project_limit, RateLimit { per_second: 5, burst: 100 });
    assert_eq!(read.jwt.issuers, ["https://gitlab.example.com"]);
    assert_eq!(read.jwt.keys, KeysFrom::Discovery("https://gitlab.example.com".into()));
    assert_eq!(read.jwt.audiences, Some(vec!["https://gw.example.com".to_owned()]));
}

#[test]
fn everything_can_be_said() {
    let read = impersonation(&with(
        "mount = \"/broker\"\nsudo_user = \"token-issuer\"\nscopes = [\"read_api\", \"api\"]\n\
         revoke_seconds = 86400\nallow_forks = true\nallow_admins = true\nsingle_use = true\n\
         log_claims = true\nper_user = { per_second = 2 }\nper_project = { burst = 3 }",
    ));
    assert_eq!((read.mount.as_str(), read.sudo_user.as_deref()), ("/broker", Some("token-issuer")));
    assert_eq!(read.grant, grant(&["read_api", "api"], 86_400));
    assert!(read.allow_forks && read.allow_admins && read.single_use && read.log_claims);
    assert_eq!(read.user_limit, RateLimit { per_second: 2, burst: 20 });
    assert_eq!(read.project_limit, RateLimit { per_second: 5, burst: 3 });
}

#[test]
fn a_bad_value_is_named_by_its_key() {
    for (rest, keys) in [
        ("mount = \"/a/\"", vec!["mount"]),
        ("sudo_user = \"\"", vec!["sudo_user"]),
        ("sudo_user = \"a b\"", vec!["sudo_user"]),
        ("sudo_user = \"a\\n\"", vec!["sudo_user"]),
        ("ca_file = \"/nonexistent\"", vec!["ca_file"]),
        ("scopes = []", vec!["scopes"]),
        ("scopes = \"api\"", vec!["scopes"]),
        ("scopes = [\"api\", \"\", \"a b\", \"api\"]", vec!["scopes[1]", "scopes[2]", "scopes[3]"]),
        ("revoke_seconds = 0", vec!["revoke_seconds"]),
        ("revoke_seconds = 86401", vec!["revoke_seconds"]),
        ("revoke_seconds = \"30s\"", vec!["revoke_seconds"]),
        ("per_user = { per_second = 0 }", vec!["per_user.per_second"]),
        ("per_project = { burst = 0 }", vec!["per_project.burst"]),
        ("per_project = 5", vec!["per_project"]),
        ("single_use = 1\nlog_claims = \"yes\"", vec!["single_use", "log_claims"]),
        ("allow_fork = true", vec!["allow_fork"]),
    ] {
        let keys: Vec<String> = keys.iter().map(|key| format!("impersonation.{key}")).collect();
        assert_eq!(bad(&with(rest), &[]), keys, "{rest}");
    }
}

#[test]
fn the_token_of_an_administrator_travels_encrypted_or_not_at_all() {
    let at = |url: &str| with("").replace("https://gitlab.example.com", url);
    for url in ["http://gitlab.example.com", "https://u:p@gitlab.example.com", "gitlab.example.com"]
    {
        assert_eq!(bad(&at(url), &[]), ["impersonation.gitlab_url"], "{url}");
    }
    let local = impersonation(&at("http://127.0.0.1:7/gitlab/"));
    assert_eq!(local.jwt.issuers, ["http://127.0.0.1:7/gitlab"]);
    assert_eq!(local.jwt.keys, KeysFrom::Discovery("http://127.0.0.1:7/gitlab".into()));
}

#[test]
fn the_token_of_an_administrator_may_be_in_a_file() {
    let setup = Setup::new();
    let file = setup.0.path().join("admin-token");
    fs::write(&file, "glpat-in-a-file-00000000000\n").unwrap();
    let line = "admin_token = \"glpat-of-an-administrator-00\"";
    let text = with("").replace(line, &format!("admin_token_file = {:?}", file.to_str().unwrap()));
    let token = impersonation(&text).admin_token;
    assert_eq!(token.expose_secret(), "glpat-in-a-file-00000000000");
    for bad_token in ["admin_token = \"\"", "admin_token = \"a b\"", "admin_token = 7"] {
        assert_eq!(bad(&with("").replace(line, bad_token), &[]), ["impersonation.admin_token"]);
    }
}

#[test]
fn keys_are_discovered_at_the_issuer_else_at_the_gitlab() {
    let keys = |rest: &str| impersonation(&format!("{SECTION}{JWT}{rest}")).jwt.keys;
    let at = |authority: &str| KeysFrom::Discovery(authority.to_owned());
    assert_eq!(keys("issuer = \"gitlab.example.com\""), at("https://gitlab.example.com"));
    assert_eq!(keys("issuer = \"https://b.example\""), at("https://b.example"));
    assert_eq!(keys("issuer = \"http://b.example\""), at("https://gitlab.example.com"));
    assert_eq!(
        keys("issuer = \"https://b.example\"\nauthority = \"https://c.example\""),
        at("https://c.example")
    );
    assert_eq!(
        keys("jwks_url = \"https://b.example/keys\""),
        KeysFrom::Url("https://b.example/keys".parse().unwrap())
    );
    for (rest, key) in [
        ("issuer = \"\"", "issuer"),
        ("issuer = \"a b\"", "issuer"),
        ("authority = \"http://b.example\"", "authority"),
        ("jwks_url = \"http://b.example/keys\"", "jwks_url"),
        ("jwks_file = \"none.json\"", "jwks_file"),
        ("jwks_url = \"https://b.example\"\nauthority = \"https://b.example\"", "jwks_url"),
    ] {
        let keys = bad(&format!("{SECTION}{JWT}{rest}"), &[]);
        assert_eq!(keys, [format!("impersonation.jwt.{key}")], "{rest}");
    }
}

#[test]
fn an_audience_is_named_or_given_up_aloud() {
    let jwt = |rest: &str| format!("{SECTION}{RULE}[impersonation.jwt]\n{rest}");
    let reading = Setup::new().read(&jwt(""), &[]);
    let problem = reading.config.unwrap_err().remove(0);
    assert_eq!(problem.key, "impersonation.jwt.audiences");
    assert!(problem.problem.contains("id_tokens"), "{problem}");
    assert!(problem.problem.contains("validate_audience = false"), "{problem}");
    for empty in ["audiences = []", "audiences = [\"\"]", "audiences = [\"x\", \"\"]"] {
        assert_eq!(bad(&jwt(empty), &[]), ["impersonation.jwt.audiences"], "{empty}");
    }
    let any = jwt("validate_audience = false");
    assert_eq!(impersonation(&any).jwt.audiences, None);
    assert_eq!(warned(&any), ["impersonation.jwt.validate_audience"]);
    // What is named is kept for later, and not looked at.
    let both = jwt("validate_audience = false\naudiences = [\"x\"]");
    assert_eq!(impersonation(&both).jwt.audiences, None);
    assert_eq!(warned(&both), ["impersonation.jwt.validate_audience"]);
}

#[test]
fn a_rule_takes_from_the_section_what_it_does_not_say() {
    let read = impersonation(&ruled(
        "[[impersonation.rules]]\nclaims = { project_path = [\"a/b\", \"c/**\"] }\n\
         [[impersonation.rules]]\nclaims = { ref_protected = true }\nscopes = [\"api\"]\n\
         [[impersonation.rules]]\nclaims.project_id = 20\nrevoke_seconds = 120",
    ));
    let asked = |name: &str, value| rule_claims([(name.to_owned(), value)]).unwrap();
    let rules: Vec<_> = read.rules.iter().map(|r| (r.claims.clone(), r.outcome.clone())).collect();
    let expected = [
        (asked("project_path", json!(["a/b", "c/**"])), grant(&["write_repository"], 30)),
        (asked("ref_protected", json!(true)), grant(&["api"], 30)),
        (asked("project_id", json!(20)), grant(&["write_repository"], 120)),
    ];
    assert_eq!(rules, expected);
}

#[test]
fn a_rule_that_cannot_be_meant_is_a_problem() {
    for (rest, key) in [
        ("claims.project_path = []", "claims.project_path"),
        ("claims.project_path = 1.5", "claims.project_path"),
        ("claims.runner_id = nan", "claims.runner_id"),
        ("claims.project_path = true", "claims.project_path"),
        ("claims.project_path = 2026-01-01", "claims.project_path"),
        ("claims.project_path.a = 1", "claims.project_path"),
        ("claims.project_path = [[\"a\"]]", "claims.project_path"),
        ("claims.no_such_claim = \"a\"", "claims.no_such_claim"),
        ("claims = \"a\"", "claims"),
        ("claims.ref = \"a\"\nscopes = []", "scopes"),
        ("claims.ref = \"a\"\nscopes = [\"api\", \"api\"]", "scopes[1]"),
        ("claims.ref = \"a\"\nrevoke_seconds = 0", "revoke_seconds"),
        ("claims.ref = \"a\"\nrevoke_seconds = -1", "revoke_seconds"),
        ("claims.ref = \"a\"\nscope = [\"api\"]", "scope"),
    ] {
        let keys = bad(&ruled(&format!("{RULE}[[impersonation.rules]]\n{rest}")), &[]);
        assert_eq!(keys, [format!("impersonation.rules[1].{key}")], "{rest}");
    }
    let both = ruled("[[impersonation.rules]]\nclaims = { aa = \"x\", project_path = [] }");
    let keys = ["claims.aa", "claims.project_path"];
    assert_eq!(bad(&both, &[]), keys.map(|key| format!("impersonation.rules[0].{key}")));
    assert_eq!(
        bad(&with("").replace(RULE, ""), &[("PORTCULLIS__IMPERSONATION__RULES", "[]")]),
        ["impersonation.rules"]
    );
}

#[test]
fn a_misspelt_claim_is_told_with_the_one_that_is_near() {
    let problem = |name: &str| {
        let text = ruled(&format!("[[impersonation.rules]]\nclaims.{name} = \"a\""));
        Setup::new().read(&text, &[]).config.unwrap_err().remove(0).problem
    };
    assert!(problem("projekt_path").contains("is project_path meant?"));
    assert!(!problem("colour_of_the_sky").contains("meant"));
}

#[test]
fn a_rule_can_come_from_the_environment() {
    let rules = [
        ("PORTCULLIS__IMPERSONATION__RULES__0__CLAIMS__REF", "[\"a\", \"b\"]"),
        ("PORTCULLIS__IMPERSONATION__RULES__0__CLAIMS__REF_PROTECTED", "true"),
        ("PORTCULLIS__IMPERSONATION__RULES__0__REVOKE_SECONDS", "5"),
        ("PORTCULLIS__IMPERSONATION__RULES__1__CLAIMS", "{ project_id = 20 }"),
        // A text stays one, as nearly all claims of GitLab are.
        ("PORTCULLIS__IMPERSONATION__RULES__2__CLAIMS__REF", "20"),
    ];
    let read = good(&ruled(""), &rules).impersonation.unwrap();
    let asked = |text: &str| {
        let claims: serde_json::Map<_, _> = serde_json::from_str(text).unwrap();
        rule_claims(claims).unwrap()
    };
    let expected = [
        asked(r#"{"ref": ["a", "b"], "ref_protected": "true"}"#),
        asked(r#"{"project_id": 20}"#),
        asked(r#"{"ref": "20"}"#),
    ];
    let claims: Vec<_> = read.rules.iter().map(|rule| rule.claims.clone()).collect();
    assert_eq!(claims, expected);
    assert_eq!(read.rules.iter().next().unwrap().outcome, grant(&["write_repository"], 5));
}

#[test]
fn what_gives_much_away_is_warned_of() {
    let rules = "impersonation.rules";
    assert_eq!(warned(&with("")), [""; 0]);
    assert_eq!(warned(&ruled("")), [rules]);
    for everybody in ["", "claims = {}"] {
        let text = ruled(&format!("[[impersonation.rules]]\n{everybody}"));
        assert_eq!(warned(&text), [format!("{rules}[0].claims")]);
    }
    let power = ruled(&format!("{RULE}scopes = [\"api\", \"admin_mode\"]"));
    assert_eq!(warned(&power), [format!("{rules}[0].scopes[1]")]);
    assert_eq!(warned(&with("scopes = [\"sudo\"]")), ["impersonation.scopes[0]"]);
    let host = with("").replace(RULE, &format!("issuer = \"gitlab.example.com\"\n{RULE}"));
    assert_eq!(warned(&host), ["impersonation.jwt.issuer"]);
}

#[test]
fn an_issuer_may_have_several_names() {
    let read = |issuer: &str| {
        let text = with("").replace(RULE, &format!("issuer = {issuer}\n{RULE}"));
        Setup::new().read(&text, &[])
    };
    let names = ["gitlab.example.com", "https://gitlab.example.com"];
    let both = read(&format!("{names:?}"));
    assert_eq!(both.warnings, [""; 0]);
    let jwt = both.config.unwrap().impersonation.unwrap().jwt;
    assert_eq!(jwt.issuers, names);
    assert_eq!(jwt.keys, KeysFrom::Discovery(names[1].to_owned()));
    for (issuer, key) in [
        ("[]", "issuer"),
        ("[\"\"]", "issuer"),
        ("[\"a\", \"\"]", "issuer[1]"),
        ("[\"a\", \"a\"]", "issuer[1]"),
        ("[\"a\", 1]", "issuer[1]"),
        ("1", "issuer"),
    ] {
        let problems = read(issuer).config.unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, [format!("impersonation.jwt.{key}")], "{issuer}");
    }
}
