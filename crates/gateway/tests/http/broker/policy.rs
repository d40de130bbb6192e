//! Which jobs get what.

use std::time::Duration;

use portcullis_fake_gitlab::{Fault, JobSpec, UserSpec};
use reqwest::Method;
use serde_json::json;

use crate::support::broker::{ask, broker_toml, calls, gitlab, given, job_with, jwt, said, token};
use crate::support::{Database, TestGateway, eventually};

const RULES: &str = "
[[impersonation.rules]]
claims = { project_path = 'my-group/*', ref_protected = 'true', ref_type = 'branch' }
scopes = ['write_repository', 'read_api']
revoke_seconds = 120
[[impersonation.rules]]
claims = { project_path = 'my-group/*' }
scopes = ['read_repository']
[[impersonation.rules]]
claims = { project_path = 'my-group/**', user_login = ['sample-user', 'another'] }
scopes = ['read_user']
";

pub(crate) async fn the_first_rule_that_holds_decides(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, RULES)).await;
    let project = |path: &str| JobSpec {
        project_path: path.to_owned(),
        job_project_path: Some(path.to_owned()),
        ..JobSpec::default()
    };
    let protected = JobSpec { ref_protected: true, ..JobSpec::default() };
    for (job, scopes) in [
        (&protected, &["write_repository", "read_api"][..]),
        (&JobSpec::default(), &["read_repository"]),
        (&JobSpec { ref_type: "tag".to_owned(), ..protected.clone() }, &["read_repository"]),
        (&project("my-group/below/my-project"), &["read_user"]),
    ] {
        let token = given(&gateway, &gitlab, job).await;
        assert_eq!(gitlab.scopes_of(&token).unwrap(), scopes, "{job:?}");
    }
    let long = token(&gateway, Method::GET, "?ttl=120", &jwt(&gitlab, &protected)).await;
    assert_eq!(long.status, 200, "a rule's own lifetime");
    let long = token(&gateway, Method::GET, "?ttl=31", &jwt(&gitlab, &JobSpec::default())).await;
    assert_eq!(said(&long), (403, "ttl_not_granted".to_owned()), "the section's");
    let asked = calls(&gitlab).len();
    for path in ["another-group/my-project", "xmy-group/my-project", "MY-GROUP/my-project"] {
        let answer = ask(&gateway, &gitlab, &project(path)).await;
        assert_eq!(said(&answer), (403, "no_rule".to_owned()), "{path}");
        assert!(!answer.text.contains("my-group"), "the rules are nobody's business: {answer:?}");
    }
    let stranger = JobSpec { user_login: "x".to_owned(), ..project("my-group/below/my-project") };
    assert_eq!(said(&ask(&gateway, &gitlab, &stranger).await).1, "no_rule");
    assert_eq!(calls(&gitlab).len(), asked, "GitLab is not asked");
    gateway.stop().await;
}

fn fork() -> JobSpec {
    JobSpec {
        project_id: 31,
        project_path: "somebody/my-project".to_owned(),
        pipeline_source: "merge_request_event".to_owned(),
        ..JobSpec::default()
    }
}

fn old() -> JobSpec {
    JobSpec {
        job_project_id: None,
        job_project_path: None,
        pipeline_source: "merge_request_event".to_owned(),
        ..JobSpec::default()
    }
}

pub(crate) async fn forks_get_nothing_unless_allowed(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let of_old = JobSpec { pipeline_source: "push".to_owned(), ..old() };
    for (job, code) in [(fork(), "fork"), (old(), "fork_unknown")] {
        assert_eq!(said(&ask(&gateway, &gitlab, &job).await), (403, code.to_owned()));
    }
    assert!(calls(&gitlab).is_empty());
    given(&gateway, &gitlab, &of_old).await;
    gateway.stop().await;
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "allow_forks = true")).await;
    for job in [fork(), old()] {
        given(&gateway, &gitlab, &job).await;
    }
    gateway.stop().await;
}

pub(crate) async fn odd_claims_get_nothing(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    for (claim, value) in [
        ("user_id", json!(null)),
        ("user_id", json!(2)),
        ("user_id", json!("2 ")),
        ("user_id", json!("02")),
        ("user_id", json!("0")),
        ("user_id", json!("-2")),
        ("user_id", json!("2/../1")),
        ("user_id", json!("99999999999999999999")),
        ("job_id", json!(302)),
        ("project_path", json!(["my-group/my-project"])),
        ("job_project_id", json!("")),
    ] {
        let what = format!("{claim}: {value}");
        let answer = ask(&gateway, &gitlab, &job_with([(claim, value)])).await;
        assert_eq!(said(&answer), (403, "claim".to_owned()), "{what}");
    }
    assert!(calls(&gitlab).is_empty());
    gateway.stop().await;
}

pub(crate) async fn administrators_get_nothing_unless_allowed(database: Database) {
    let gitlab = gitlab();
    gitlab.add_user(UserSpec { id: 7, admin: true, ..UserSpec::default() });
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    for user_id in [1, 7, 1] {
        let job = JobSpec { user_id, ..JobSpec::default() };
        let answer = ask(&gateway, &gitlab, &job).await;
        assert_eq!(said(&answer), (403, "administrator".to_owned()));
    }
    assert_eq!(gitlab.count("GET", "/api/v4/users/1"), 1, "it is remembered for a moment");
    assert_eq!(calls(&gitlab).len(), 2, "nothing else is asked");
    gateway.stop().await;
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "allow_admins = true")).await;
    let token = given(&gateway, &gitlab, &JobSpec { user_id: 1, ..JobSpec::default() }).await;
    assert_eq!(gitlab.impersonation_tokens(1)[0].token, token);
    assert_eq!(gitlab.count("GET", "/api/v4/users/1"), 1, "nobody asks");
    gateway.stop().await;
}

/// What GitLab said of somebody is believed for 30 s and no longer.
pub(crate) async fn who_becomes_an_administrator_is_soon_refused(database: Database) {
    let gitlab = gitlab();
    gitlab.add_user(UserSpec { id: 7, ..UserSpec::default() });
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let job = JobSpec { user_id: 7, ..JobSpec::default() };
    given(&gateway, &gitlab, &job).await;
    gitlab.add_user(UserSpec { id: 7, admin: true, ..UserSpec::default() });
    eventually(Duration::from_mins(1), async || {
        let answer = ask(&gateway, &gitlab, &job).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        (answer.status == 403).then_some(())
    })
    .await;
    gateway.stop().await;
}

/// No answer, no token; and what went wrong is not remembered.
pub(crate) async fn who_cannot_be_asked_for_gets_nothing(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let status = |status| Fault::Status { status, retry_after: None };
    for (fault, expected, code) in [
        (status(500), 502, "gitlab_unavailable"),
        (status(403), 502, "gitlab_refused"),
        (status(404), 502, "gitlab_refused"),
        (status(429), 429, "gitlab_busy"),
        (Fault::Html { status: 200 }, 502, "gitlab_unavailable"),
        (Fault::PlainUnauthorized, 502, "gitlab_unavailable"),
        (Fault::DropBefore, 502, "gitlab_unavailable"),
        (Fault::DropAfter, 502, "gitlab_unavailable"),
    ] {
        gitlab.fault_next_at("GET", "/users/2", 1, fault.clone());
        let answer = ask(&gateway, &gitlab, &JobSpec::default()).await;
        assert_eq!(said(&answer), (expected, code.to_owned()), "{fault:?}");
    }
    let unknown = JobSpec { user_id: 77, ..JobSpec::default() };
    assert_eq!(said(&ask(&gateway, &gitlab, &unknown).await), (502, "gitlab_refused".to_owned()));
    assert!(calls(&gitlab).iter().all(|call| call.method == "GET"), "nothing is made");
    given(&gateway, &gitlab, &JobSpec::default()).await;
    gateway.stop().await;
}
