//! `portcullis explain`, as the real binary.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_fake_gitlab::JobSpec;
use serde_json::{Value, json};
use tempfile::TempDir;

const ADMIN_TOKEN: &str = "glpat-of-an-administrator-00";
const ISSUER: &str = "https://gitlab.example.com";
/// The middle of the third millennium: by no clock past.
const LATER: i64 = 17_514_144_000;

const RULES: &str = r#"
[[impersonation.rules]]
claims = { ref_type = "tag", ref = "v*" }
scopes = ["api"]
revoke_seconds = 10
[[impersonation.rules]]
claims = { project_path = "my-group/*", ref_protected = true }
scopes = ["write_repository", "read_registry"]
revoke_seconds = 60
"#;

fn folder(rules: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[impersonation]\ngitlab_url = \"{ISSUER}\"\nadmin_token = \"{ADMIN_TOKEN}\"\n\
         jwt.audiences = [\"https://portcullis.example.com\"]\n{rules}"
    );
    let file = folder.path().join("p.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    folder
}

fn explain(folder: &TempDir, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["explain", "--config", "p.toml"])
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that never reads its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
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

/// What a job's JWT says, for ever good.
fn claims(job: &JobSpec) -> Value {
    let mut claims = job.claims(ISSUER, 1_800_000_000);
    claims.insert("exp".to_owned(), LATER.into());
    Value::Object(claims)
}

fn on_main() -> JobSpec {
    JobSpec { ref_name: "main".to_owned(), ref_protected: true, ..JobSpec::default() }
}

/// A JWT whose signature is none.
fn token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(&json!({"alg": "RS256", "kid": "k"})), part(claims))
}

#[test]
fn an_accepted_job() {
    let folder = folder(RULES);
    fs::write(folder.path().join("claims.json"), claims(&on_main()).to_string()).unwrap();
    let output = explain(&folder, &["--claims", "claims.json"], "");
    let told = out(&output);
    let (before, after) = told.split_once("  yes exp is 2525-").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    let wanted_before = r#"NOT VERIFIED: anybody can write these claims. `portcullis jwt verify` proves a token.

Is it a JWT for this gateway?
  yes iss is "https://gitlab.example.com", which fits "https://gitlab.example.com"
  yes aud is "https://portcullis.example.com", which fits "https://portcullis.example.com"
"#;
    let wanted_after = r#"
The job, by its claims:
  iss               "https://gitlab.example.com"
  sub               "project_path:my-group/my-project:ref_type:branch:ref:main"
  user_id           "2"
  user_login        "sample-user"
  project_id        "20"
  project_path      "my-group/my-project"
  job_project_id    "20"
  job_project_path  "my-group/my-project"
  job_id            "302"
  pipeline_source   "push"
  ref               "main"
  ref_path          "refs/heads/main"

Are these claims as GitLab writes them? yes
Does it run code of a fork? no: project_id and job_project_id are both 20

The rules, in their order; the first that holds counts:
Rule 1 does not hold
  NO  ref is "main", wanted is "v*"
  NO  ref_type is "branch", wanted is "tag"
Rule 2 holds, and grants write_repository, read_registry for 60 seconds
  yes project_path is "my-group/my-project", which fits "my-group/*"
  yes ref_protected is "true", which fits "true"

Only known when a token is asked for:
  whether the JWT is genuine: its signature and its times
  whether user 2 is an administrator: these are refused
  whether the user or the project asks too often

Verdict: granted, write_repository, read_registry for 60 seconds
"#;
    assert_eq!((before, after), (wanted_before, wanted_after));
    assert_eq!((code(&output), err(&output)), (0, ""));
}

#[test]
fn a_refused_job() {
    let folder = folder(RULES);
    let feature = JobSpec { ref_name: "feature".to_owned(), ..JobSpec::default() };
    let output = explain(&folder, &["--claims", "-"], &claims(&feature).to_string());
    let wanted = r#"
The rules, in their order; the first that holds counts:
Rule 1 does not hold
  NO  ref is "feature", wanted is "v*"
  NO  ref_type is "branch", wanted is "tag"
Rule 2 does not hold
  yes project_path is "my-group/my-project", which fits "my-group/*"
  NO  ref_protected is "false", wanted is "true"
No rule holds, so nothing is granted

Verdict: refused, with the code no_rule
The job is told: no rule grants a token to this job: which project, ref or environment it has to have, the operator of this gateway can tell (with `portcullis explain`)
"#;
    assert!(out(&output).ends_with(wanted), "{}", out(&output));
    assert_eq!((code(&output), err(&output)), (1, ""));
}

#[test]
fn a_token_is_read_and_not_shown() {
    let folder = folder(RULES);
    let good = token(&claims(&on_main()));
    fs::write(folder.path().join("jwt"), &good).unwrap();
    for (argument, input) in [(good.as_str(), ""), ("-", good.as_str()), ("jwt", "")] {
        let output = explain(&folder, &["--claims", argument], input);
        assert_eq!((code(&output), err(&output)), (0, ""), "{}", out(&output));
        assert!(out(&output).starts_with("NOT VERIFIED: "));
        for part in good.split('.') {
            assert!(!out(&output).contains(part), "{part}");
        }
    }
    let broken = good.replacen('.', "!", 1);
    let output = explain(&folder, &["--claims", &broken], "");
    assert_eq!((code(&output), out(&output)), (1, ""));
    assert!(err(&output).starts_with("error: claims: --claims is no JWT, and no file "));
    for part in good.split('.') {
        assert!(!err(&output).contains(part), "{part}");
    }
}

#[test]
fn a_token_for_somebody_else_is_refused_whatever_the_rules_say() {
    let folder = folder(RULES);
    for (claim, value, line, verdict) in [
        (
            "iss",
            json!("https://evil.example"),
            "NO  iss is \"https://evil.example\", wanted is \"https://gitlab.example.com\"",
            "issuer",
        ),
        (
            "aud",
            json!(["a", "b"]),
            "NO  aud is [\"a\",\"b\"], wanted is \"https://portcullis.example.com\"",
            "audience",
        ),
        ("aud", Value::Null, "NO  aud is null, wanted is ", "audience"),
    ] {
        let mut claims = claims(&on_main());
        claims[claim] = value;
        let output = explain(&folder, &["--claims", "-"], &token(&claims));
        assert_eq!(code(&output), 1);
        assert!(out(&output).contains(line), "{}", out(&output));
        assert!(out(&output).contains(&format!("\nVerdict: refused, with the code {verdict}\n")));
        assert!(out(&output).contains("Rule 2 holds, and would grant"), "{}", out(&output));
    }
    let mut without = claims(&on_main());
    without.as_object_mut().unwrap().remove("aud");
    let as_token = explain(&folder, &["--claims", "-"], &token(&without));
    assert!(out(&as_token).contains("\nVerdict: refused, with the code claim_missing\n"));
    let as_written = explain(&folder, &["--claims", "-"], &without.to_string());
    assert!(out(&as_written).contains("  ?   aud is not there; a JWT's has to be \"https://port"));
    assert_eq!((code(&as_token), code(&as_written)), (1, 0));
}

#[test]
fn an_expired_token_still_tells_of_its_job() {
    let folder = folder(RULES);
    let mut claims = claims(&on_main());
    claims["exp"] = json!(1_000_000_000);
    let output = explain(&folder, &["--claims", "-"], &token(&claims));
    assert!(out(&output).contains("  NO  exp was 2001-09-09T01:46:40Z ("), "{}", out(&output));
    assert_eq!(code(&output), 0);
}

#[test]
fn machines_are_told_the_same() {
    let folder = folder(RULES);
    let output = explain(&folder, &["--json", "--claims", "-"], &token(&claims(&on_main())));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &told["verified"]), (0, &json!(false)));
    assert_eq!(told["granted"]["lifetime_seconds"], 60);
    assert_eq!((&told["jwt"][0]["claim"], &told["jwt"][0]["holds"]), (&json!("iss"), &json!(true)));
    let feature = claims(&JobSpec::default()).to_string();
    let output = explain(&folder, &["--json", "--claims", "-"], &feature);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &told["refused"]["code"]), (1, &json!("no_rule")));
}

#[test]
fn without_claims_the_policy_is_read_back() {
    let ruled = explain(&folder(RULES), &[], "");
    assert_eq!((code(&ruled), err(&ruled)), (0, ""));
    assert!(out(&ruled).contains("Rule 2 grants write_repository, read_registry for 60 seconds\n"));
    assert!(out(&ruled).ends_with("\nA job for which no rule holds gets nothing\n"));
    let open = explain(&folder(""), &["--json"], "");
    let told: Value = serde_json::from_slice(&open.stdout).unwrap();
    assert_eq!(told["default"]["scopes"], json!(["write_repository"]));
    let open = explain(&folder(""), &[], "");
    assert!(err(&open).starts_with("warning: impersonation.rules: there are none"));
    assert!(out(&open).ends_with("every other job gets write_repository for 30 seconds\n"));
}

#[test]
fn what_cannot_be_explained_is_an_error() {
    let folder = folder(&format!("nonsense = 1{RULES}"));
    let output = explain(&folder, &["--claims", "-"], "{}");
    assert_eq!((code(&output), out(&output)), (1, ""));
    assert_eq!(err(&output), "error: config: impersonation.nonsense: unknown key\n");
    fs::write(folder.path().join("p.toml"), "").unwrap();
    let output = explain(&folder, &[], "");
    assert_eq!((code(&output), out(&output)), (1, ""));
    assert!(err(&output).starts_with("error: no-broker: the configuration has no [impersonation]"));
    assert_eq!(code(&explain(&folder, &["--colour"], "")), 2);
}

#[test]
fn while_lending_is_paused_nobody_is_granted_anything() {
    let folder = folder(&format!("paused = true\n{RULES}"));
    let claims = claims(&on_main()).to_string();
    let output = explain(&folder, &["--claims", "-"], &claims);
    assert_eq!(code(&output), 1);
    assert!(out(&output).contains("paused"), "{}", out(&output));
}
