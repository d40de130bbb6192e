//! `portcullis check --online`, as the real binary, against a pretended GitLab.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::time::Duration;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::symm::Cipher;
use portcullis_base::{Clock as _, SystemClock};
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenSpec, TokenState, UserSpec};
use portcullis_test_support::{Inbox, Reply, SigningKey, Site};
use serde_json::{Value, json};

const TOKEN: &str = "glpat-of-an-administrator-00";

fn check(toml: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    fs::write(&file, toml).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["check", "--online", "--config", "p.toml"])
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "it made something: {left:?}");
    assert!(!out(&output).contains(TOKEN) && !err(&output).contains(TOKEN));
    output
}

/// The same, for machines.
fn told(toml: &str) -> Value {
    serde_json::from_slice(&check(toml, &["--json"]).stdout).unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("ended by itself, not by a signal")
}

fn gitlab_with(spec: TokenSpec) -> FakeGitlab {
    let gitlab = FakeGitlab::start();
    gitlab.add_token_with(TOKEN, spec);
    let issuer = UserSpec { id: 9, username: "issuer".into(), admin: true, ..UserSpec::default() };
    gitlab.add_user(issuer);
    gitlab
}

/// A token of an administrator that lives as many days.
fn spec(scopes: &[&str], days: u64) -> TokenSpec {
    let day = (SystemClock.now() + Duration::from_hours(24 * days)).date();
    let scopes = scopes.iter().map(ToString::to_string).collect();
    TokenSpec { user_id: 1, scopes, expires_at: Some(day.to_string()), ..TokenSpec::default() }
}

fn good() -> TokenSpec {
    spec(&["api", "sudo"], 100)
}

fn in_state(state: TokenState) -> TokenSpec {
    TokenSpec { state, ..good() }
}

fn broker(gitlab: &FakeGitlab, rest: &str) -> String {
    format!(
        "[impersonation]\ngitlab_url = \"{}\"\nadmin_token = \"{TOKEN}\"\nsudo_user = \"issuer\"\n\
         rules = [{{ claims = {{ ref = \"main\" }} }}]\njwt.audiences = [\"a\"]\n{rest}\n",
        gitlab.url()
    )
}

fn provider(gitlab: &FakeGitlab, name: &str, rest: &str) -> String {
    let url = gitlab.url();
    format!(
        "[[revocation.providers]]\nkind = \"gitlab\"\nname = \"{name}\"\nurl = \"{url}\"\n{rest}\n"
    )
}

#[test]
fn all_is_well() {
    let gitlab = gitlab_with(good());
    let url = gitlab.url();
    let others = [
        provider(&gitlab, "bare", ""),
        provider(&gitlab, "full", &format!("admin_token = \"{TOKEN}\"")),
        format!("[[auth.oidc]]\nissuer = \"{url}\"\naudiences = [\"a\"]\n"),
        format!(
            "[revocation_api.jobs]\nissuer = \"{url}\"\naudiences = [\"a\"]\nrules = [{{ claims = {{ ref_protected = \"true\" }} }}]\n"
        ),
    ];
    let toml = broker(&gitlab, &others.concat());
    let output = check(&toml, &[]);
    let day = good().expires_at.unwrap();
    let wanted = format!(
        "ok   issuer {url}: usable keys: 1\n\
         ok   gitlab bare: answers; no admin_token is given\n\
         ok   gitlab full: the admin_token is an administrator's, expires on {day}\n\
         ok   revocation_api.jobs, keys of {url}: usable keys: 1\n\
         ok   impersonation, keys of {url}: usable keys: 1\n\
         ok   impersonation, gitlab {url}: the admin_token is an administrator's and may act as \
         issuer, expires on {day}\n"
    );
    assert_eq!((out(&output), err(&output), code(&output)), (wanted.as_str(), "", 0));
    assert!(gitlab.requests().iter().all(|request| request.method == "GET"), "it only asks");
    let told = told(&toml);
    assert_eq!((&told["ok"], told["upstreams"].as_array().unwrap().len()), (&json!(true), 6));
    assert!(told["upstreams"][5]["days_left"].as_i64().unwrap() >= 99, "{told}");
}

#[test]
fn a_poor_token_is_told_with_what_it_lacks() {
    let nobody = TokenSpec { user_id: 2, ..good() };
    let refused = "GitLab does not accept the administrator's token";
    for (spec, sudo, why, wanted) in [
        (nobody, "issuer", "the owner of the admin_token is no administr", "not_administrator"),
        (
            spec(&["read_api"], 100),
            "issuer",
            "the admin_token lacks the scopes api and sudo",
            "scopes_missing",
        ),
        (spec(&["api"], 100), "issuer", "the admin_token lacks the scope sudo", "scopes_missing"),
        (in_state(TokenState::Revoked), "issuer", refused, "admin_token_refused"),
        (in_state(TokenState::Expired), "issuer", refused, "admin_token_refused"),
        (good(), "nobody", "there is no user nobody, which is the sudo_user", "unknown_sudo_user"),
        (
            good(),
            "sample-user",
            "the sudo_user sample-user is no administrator",
            "sudo_user_not_administrator",
        ),
    ] {
        let gitlab = gitlab_with(spec);
        let toml = broker(&gitlab, "").replace("\"issuer\"", &format!("\"{sudo}\""));
        let output = check(&toml, &[]);
        let line = format!("bad  impersonation, gitlab {}: {why}", gitlab.url());
        assert!(out(&output).contains(&line), "{line}: {}", out(&output));
        assert!(out(&output).contains("ok   impersonation, keys of "), "the others are told too");
        assert_eq!((code(&output), err(&output)), (1, ""));
        let told = told(&toml);
        assert_eq!((&told["ok"], &told["upstreams"][1]["code"]), (&json!(false), &json!(wanted)));
    }
}

#[test]
fn few_days_are_a_warning() {
    let gitlab = gitlab_with(spec(&["api", "sudo"], 10));
    let output = check(&broker(&gitlab, ""), &[]);
    let warning = err(&output);
    assert!(warning.starts_with("warning: impersonation, gitlab http://"), "{warning}");
    // Midnight may have passed meanwhile.
    let days = ["expires in 10 days\n", "expires in 9 days\n"];
    assert!(days.iter().any(|days| warning.ends_with(days)), "{warning}");
    assert_eq!(code(&output), 0);
    assert_eq!(told(&broker(&gitlab, ""))["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn a_gitlab_that_is_away_or_is_none() {
    let gitlab = gitlab_with(good());
    let toml = broker(&gitlab, &provider(&gitlab, "g", ""));
    gitlab.fault_always(Some(Fault::Html { status: 200 }));
    let output = check(&toml, &[]);
    assert_eq!((code(&output), out(&output).matches("bad  ").count()), (1, 3), "{}", out(&output));
    assert!(out(&output).contains("bad  gitlab g: the answer with status 200 is not GitLab's\n"));
    drop(gitlab);
    let output = check(&toml, &[]);
    assert_eq!((code(&output), out(&output).matches("bad  ").count()), (1, 3), "{}", out(&output));
    assert!(out(&output).contains("bad  gitlab g: GitLab cannot be reached\n"), "{}", out(&output));
}

#[test]
fn a_discovery_document_of_somebody_else() {
    let gitlab = gitlab_with(good());
    let other = gitlab.url().replace("127.0.0.1", "localhost");
    let output = check(&broker(&gitlab, &format!("jwt.authority = \"{other}\"")), &[]);
    let line = format!("keys of {}: the discovery document names another issuer\n", gitlab.url());
    assert!(out(&output).contains(&line), "{}", out(&output));
    assert_eq!(code(&output), 1);
}

#[test]
fn a_bad_configuration_is_told_before_anybody_is_asked() {
    let gitlab = gitlab_with(good());
    let output = check(&broker(&gitlab, "nonsense = 1"), &[]);
    assert_eq!((code(&output), out(&output)), (1, ""));
    assert_eq!(err(&output), "error: config: impersonation.nonsense: unknown key\n");
    assert_eq!(gitlab.requests().len(), 0);
    let output = check("", &[]);
    assert_eq!((code(&output), out(&output)), (0, "ok: there is no upstream\n"));
}

#[test]
fn a_database_that_is_away() {
    let toml = "[database]\nurl = \"postgres://nobody:hunter2@127.0.0.1:1/none\"\n\
                [secrets]\nmaster_key = \"bWFzdGVyLWtleS1vZi10aGVzZS10ZXN0cy0wMTIzNDU\"\n\
                admin_tokens = [\"the-admin-token-of-these-tests-0123456789\"]\n\
                [[revocation_api.clients]]\nname = \"g\"\n\
                token = \"the-reporting-token-of-these-tests-0123456789\"\n";
    let output = check(toml, &[]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    let start = "bad  database: the database cannot do this now";
    assert!(out(&output).starts_with(start), "{}", out(&output));
    assert!(!out(&output).contains("hunter2"));
}

#[test]
fn a_vendor_is_told_nothing_and_nobody_is_asked_for_a_passphrase() {
    let inbox = Inbox::start(|_| Some(Reply::status(404)));
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let toml = |url: &str, pem: Vec<u8>, rest: &str| {
        format!(
            "[[revocation.providers]]\nkind = \"partner\"\nname = \"acme\"\nurl = \"{url}/leaks\"\n\
             types = [\"acme\"]\nsigning_key = '''{}'''\n{rest}\n[revocation.formats]\nacme = \"^a$\"\n",
            String::from_utf8(pem).unwrap()
        )
    };
    let pem = || key.private_key_to_pem_pkcs8().unwrap();
    let output = check(&toml(inbox.url(), pem(), ""), &[]);
    let wanted = format!("ok   partner acme: {} answers\n", inbox.url());
    assert_eq!((out(&output), code(&output)), (wanted.as_str(), 0));
    assert_eq!(inbox.posts().into_iter().map(|post| post.line).collect::<Vec<_>>(), ["HEAD /"]);
    let nowhere = format!("http://127.0.0.1:{}", portcullis_test_support::free_port());
    let output = check(&toml(&nowhere, pem(), ""), &[]);
    let wanted = format!("bad  partner acme: {nowhere} cannot be reached\n");
    assert_eq!((out(&output), code(&output)), (wanted.as_str(), 1));

    let locked = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("locked.pem");
    fs::write(&file, &locked).unwrap();
    let rest = format!("previous_key_files = [\"{}\"]", file.display());
    let output = check(&toml(inbox.url(), locked, &rest), &[]);
    assert_eq!(code(&output), 1);
    assert_eq!(err(&output).matches("without a passphrase").count(), 2, "{}", err(&output));
    assert!(!err(&output).contains("Enter"), "{}", err(&output));
}

#[test]
fn a_programmes_keys_are_asked_for() {
    let site = Site::start();
    let toml = format!("[partners.gitlab]\nkeys_url = \"{}/keys\"\n", site.url());
    let asked = |reply: Reply| {
        site.set("/keys", reply);
        let told = told(&toml)["upstreams"][0].clone();
        assert_eq!(told["upstream"], "partners.gitlab, keys");
        (told["ok"].clone(), told["code"].clone(), told["text"].clone())
    };
    let key = SigningKey::generate("ES256", "k1");
    let pem = String::from_utf8(key.pkey().public_key_to_pem().unwrap()).unwrap();
    let entry = json!({ "key_identifier": "a", "key": pem, "is_current": true });
    let good = asked(Reply::json(json!({ "public_keys": [entry, 7] })));
    assert_eq!(good, (json!(true), Value::Null, json!("usable keys: 1")));
    for (reply, code) in [
        (Reply::json(json!({ "public_keys": [7] })), "no_keys"),
        (Reply::json("<html>"), "no_keys"),
        (Reply::json("x".repeat(300_000)), "too_large"),
        (Reply::status(503), "status"),
        (Reply::status(302).header("Location", "/elsewhere"), "status"),
    ] {
        let (ok, said, _) = asked(reply);
        assert_eq!((ok, said), (json!(false), json!(code)));
    }
    let nobody = "[partners.gitlab]\nkeys_url = \"http://127.0.0.1:1/keys\"\n";
    assert_eq!(told(nobody)["upstreams"][0]["code"], "unreachable");
}
