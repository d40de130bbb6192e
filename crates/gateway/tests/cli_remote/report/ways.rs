//! Who may report, and what: against a gateway of ours.

use std::fs;
use std::process::{Command, Stdio};

use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use serde_json::{Value, json};

use super::{refused, report, report_file, vulnerability};
use crate::binary::{private_file, run, run_with};
use crate::support::broker::{AUDIENCE, broker_toml, gitlab, given, jwt, revoked};
use crate::support::{Database, PAT_TYPE, REPORTING, TestGateway, client_toml};

/// Jobs of this GitLab report; `rest` are more keys of the section, and what follows it.
pub(super) fn jobs_toml(gitlab: &FakeGitlab, rest: &str) -> String {
    let clients = client_toml("gitlab", REPORTING, "");
    let url = gitlab.url();
    format!(
        "{clients}[revocation_api.jobs]\nissuer = \"{url}\"\naudiences = [\"{AUDIENCE}\"]\n{rest}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pat_and_a_lent_token_die_whatever_they_were_taken_for() {
    let (database, gitlab) = (Database::sqlite().await, gitlab());
    let gateway =
        TestGateway::start(&database, &broker_toml(&gitlab, "revoke_seconds = 600")).await;
    let folder = database.folder();
    let (pat, other) = (gateway.mint().await.token, gateway.mint().await.token);
    let lent = given(&gateway, &gitlab, &JobSpec::default()).await;
    let leak = |rule: &str, secret: &str| json!({ "RuleID": rule, "Secret": secret, "File": "a", "StartLine": 1 });
    let found = json!([
        leak("gitpod_personal_access_token", &pat),
        leak("generic-api-key", &other),
        leak("gitlab-pat", &lent),
        leak("gitlab-pat", "glpat-somebody-elses-01"),
        leak("generic-api-key", "hunter2"),
        leak("jwt", "eyJhbGciOiJub25lIn0.e30.c2lnbmVk"),
        leak("generic-api-key", "REDACTED"),
    ]);
    fs::write(folder.join("report.json"), found.to_string()).unwrap();
    let url = format!("http://{}", gateway.address());
    let before: Value =
        serde_json::from_str(&report(folder, &url, &["--dry-run", "--json"]).good()).unwrap();
    assert_eq!((&before["all"]["sent"], &before["dry_run"]), (&json!(5), &json!(true)));
    assert_eq!(gateway.auth(&pat).await.status, 200, "nothing was sent");
    let heading = report(folder, &url, &["--dry-run"]).good();
    assert!(heading.starts_with("TYPE ") && heading.contains(" WOULD SEND "), "{heading}");

    let told: Value = serde_json::from_str(&report(folder, &url, &["--json"]).good()).unwrap();
    let all = json!({ "found": 7, "without_secret": 1, "not_offered": 3, "repeated": 0, "sent": 3,
        "rejected": 0, "undelivered": 0 });
    assert_eq!((&told["format"], &told["all"]), (&json!("gitleaks"), &all));
    for dead in [&pat, &other] {
        assert_eq!(gateway.auth(dead).await.status, 401);
    }
    revoked(&gitlab, &lent).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_reports_with_its_id_token() {
    let (database, gitlab) = (Database::sqlite().await, FakeGitlab::start());
    let rules = "[[revocation_api.jobs.rules]]\nclaims = { project_path = \"my-group/*\" }";
    let gateway = TestGateway::start(&database, &jobs_toml(&gitlab, rules)).await;
    let (folder, pat) = (database.folder(), gateway.mint().await.token);
    report_file(folder, &[vulnerability(PAT_TYPE, json!(pat), 1)]);
    let url = format!("http://{}", gateway.address());
    let arguments = ["report", "report.json", "--url", &url];
    let as_job = |spec: &JobSpec| {
        let token = jwt(&gitlab, spec);
        run_with(folder, &[("PORTCULLIS_ID_TOKEN", &token)], &arguments)
    };
    let untaken =
        "error: unauthorized: URL does not take the job's id token in PORTCULLIS_ID_TOKEN";
    let untaken = untaken.replace("URL", &url);
    let late = as_job(&JobSpec { issued_at: -7200, ..JobSpec::default() });
    assert_eq!(refused(&late), untaken);
    let audience = "https://elsewhere.example.com".to_owned();
    assert_eq!(refused(&as_job(&JobSpec { audience, ..JobSpec::default() })), untaken);
    let project_path = "other/project".to_owned();
    let other = as_job(&JobSpec { project_path, ..JobSpec::default() });
    assert_eq!(refused(&other), "error: no_rule: no rule lets this job report");
    assert_eq!(gateway.auth(&pat).await.status, 200);

    assert!(as_job(&JobSpec::default()).good().contains(PAT_TYPE));
    assert_eq!(gateway.auth(&pat).await.status, 401);

    // A client's token goes before it, and a file before both.
    let both = [("PORTCULLIS_ID_TOKEN", "a.b.c"), ("PORTCULLIS_REPORT_TOKEN", REPORTING)];
    run_with(folder, &both, &arguments).good();
    let wrong = [("PORTCULLIS_REPORT_TOKEN", "wrong")];
    let said = run_with(folder, &wrong, &arguments);
    let told = "does not take the client token in PORTCULLIS_REPORT_TOKEN";
    assert!(refused(&said).ends_with(told), "{said:?}");
    private_file(folder, "client-token", REPORTING);
    let with_file = [&arguments[..], &["--token-file", "client-token"]].concat();
    run_with(folder, &wrong, &with_file).good();
    let odd = run_with(folder, &[("PORTCULLIS_REPORT_TOKEN", "two words")], &arguments);
    assert_eq!(refused(&odd), "error: token: PORTCULLIS_REPORT_TOKEN must hold the token alone");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_input_is_a_report_and_a_mount_a_part_of_the_address() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "[revocation_api]\nmount = \"/leaks\"").await;
    let (folder, pat) = (database.folder(), gateway.mint().await.token);
    let file = report_file(folder, &[vulnerability(PAT_TYPE, json!(format!("'{pat}'")), 1)]);
    private_file(folder, "client-token", REPORTING);
    let url = format!("http://{}", gateway.address());
    let plain = ["report", "-", "--url", &url, "--token-file", "client-token"];
    let said = run(folder, &plain);
    assert!(refused(&said).contains("there is no /v1/revocable_token_types at"), "{said:?}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args([
        "report",
        "-",
        "--url",
        &format!("{url}/leaks/"),
        "--token-file",
        "client-token",
    ]);
    let input = fs::File::open(folder.join(file)).unwrap();
    let output =
        command.current_dir(folder).env_clear().stdin(Stdio::from(input)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(gateway.auth(&pat).await.status, 401);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_type_dies_where_it_is_our_own() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let (folder, pat) = (database.folder(), gateway.mint().await.token);
    let found = ["glpat-somebody-elses-01", "hunter2", &pat];
    let bare = found.map(|secret| {
        let mut one = vulnerability("gitleaks_rule_id_x", json!(secret), 1);
        one["identifiers"] = json!([]);
        one
    });
    report_file(folder, &bare);
    let url = format!("http://{}", gateway.address());
    let told = report(folder, &url, &[]).good();
    let counts: Vec<&str> = told.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(counts, ["(without", "a", "type)", "3", "0", "2", "1", "0"]);
    assert_eq!(gateway.auth(&pat).await.status, 401);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_found_is_good() {
    let database = Database::sqlite().await;
    let gateway = TestGateway::start(&database, "").await;
    let url = format!("http://{}", gateway.address());
    report_file(database.folder(), &[]);
    let said = report(database.folder(), &url, &[]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", "nothing was found\n"));
    let strange = vulnerability("gitleaks_rule_id_strange", json!("x"), 1);
    report_file(database.folder(), &[strange]);
    assert!(report(database.folder(), &url, &[]).good().contains("strange"));
    gateway.stop().await;
}
