//! A job gives back what it was given.

use std::time::Duration;

use portcullis_fake_gitlab::{FakeGitlab, Fault, JobSpec, TokenState};
use reqwest::Method;
use serde_json::json;

use crate::support::broker::{
    TOKENS, broker_toml, calls, gitlab, given, job_with, jwt, revoked, said, token,
};
use crate::support::{Database, PATIENCE, TestGateway, eventually};

const LONG: &str = "revoke_seconds = 600";

pub(crate) async fn all_of_a_job_and_nothing_of_others(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, LONG)).await;
    let (job, other) = (JobSpec::default(), JobSpec { job_id: 303, ..JobSpec::default() });
    let ours = [given(&gateway, &gitlab, &job).await, given(&gateway, &gitlab, &job).await];
    let theirs = given(&gateway, &gitlab, &other).await;
    // A JWT of the same job that was made later, and again when nothing is left.
    for _ in 0..2 {
        let answer = token(&gateway, Method::DELETE, "", &jwt(&gitlab, &job)).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        for token in &ours {
            revoked(&gitlab, token).await;
        }
    }
    assert_eq!(gitlab.state(&theirs), Some(TokenState::Active));
    eventually(PATIENCE, async || {
        (gateway.revocations("?state=revoked").await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(gateway.revocations("?state=pending").await.len(), 1);
    // Ended is not barred: it may ask again.
    let again = given(&gateway, &gitlab, &job).await;
    assert_eq!(gitlab.state(&again), Some(TokenState::Active));
    gateway.stop().await;
}

pub(crate) async fn without_a_job_id_the_jwt_counts(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, LONG)).await;
    for claims in [&["job_id"][..], &["job_id", "jti"]] {
        let extra = claims.iter().map(|name| ((*name).to_owned(), json!(null))).collect();
        let job = JobSpec { extra, ..JobSpec::default() };
        let later = JobSpec { issued_at: -1, ..job.clone() };
        let (one, two) = (jwt(&gitlab, &job), jwt(&gitlab, &later));
        let ours = token(&gateway, Method::GET, "", &one).await.text;
        let theirs = token(&gateway, Method::GET, "", &two).await.text;
        assert_eq!(token(&gateway, Method::DELETE, "", &one).await.status, 204);
        revoked(&gitlab, &ours).await;
        assert_eq!(gitlab.state(&theirs), Some(TokenState::Active));
    }
    gateway.stop().await;
}

pub(crate) async fn who_was_given_nothing_has_nothing_to_end(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, LONG)).await;
    for job in [JobSpec::default(), job_with([("user_login", json!("x"))])] {
        let answer = token(&gateway, Method::DELETE, "", &jwt(&gitlab, &job)).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    }
    assert!(calls(&gitlab).is_empty());
    gateway.stop().await;
}

pub(crate) async fn what_is_being_made_meanwhile_is_not_handed_out(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, LONG)).await;
    for job_id in 1..6 {
        if was_made_meanwhile(&gateway, &gitlab, &JobSpec { job_id, ..JobSpec::default() }).await {
            gateway.stop().await;
            return;
        }
    }
    panic!("the machine stood still each time");
}

/// Whether the job gave back what it had before GitLab made it; if not, that says nothing.
async fn was_made_meanwhile(gateway: &TestGateway, gitlab: &FakeGitlab, job: &JobSpec) -> bool {
    let (posts, before) = (gitlab.count("POST", TOKENS), gitlab.impersonation_tokens(2).len());
    let rows = gateway.revocations("").await.len();
    let jwt = jwt(gitlab, job);
    gitlab.fault_next_at("POST", TOKENS, 1, Fault::Delay(Duration::from_secs(3)));
    let ending = async {
        eventually(PATIENCE, async || (gitlab.count("POST", TOKENS) > posts).then_some(())).await;
        let ended = token(gateway, Method::DELETE, "", &jwt).await;
        (ended, gitlab.impersonation_tokens(2).len() == before)
    };
    let (asked, (ended, in_time)) = tokio::join!(token(gateway, Method::GET, "", &jwt), ending);
    assert_eq!(ended.status, 204);
    if !in_time {
        return false;
    }
    assert_eq!(said(&asked), (504, "gitlab_timeout".to_owned()));
    let made = gitlab.impersonation_tokens(2);
    assert_eq!(made.len(), before + 1);
    revoked(gitlab, &made[before].token).await;
    assert_eq!(gateway.revocations("").await.len(), rows);
    true
}

/// A worker that sleeps until its next look, a minute away, hears of both.
pub(crate) async fn nobody_waits_for_the_next_poll(database: Database) {
    let gitlab = gitlab();
    let poll = "revoke_seconds = 600\n[revocation]\npoll_interval = \"1m\"";
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, poll)).await;
    let (job, other) = (JobSpec::default(), JobSpec { job_id: 303, ..JobSpec::default() });
    let short = token(&gateway, Method::GET, "?ttl=1", &jwt(&gitlab, &job)).await.text;
    revoked(&gitlab, &short).await;
    let long = given(&gateway, &gitlab, &other).await;
    assert_eq!(token(&gateway, Method::DELETE, "", &jwt(&gitlab, &other)).await.status, 204);
    revoked(&gitlab, &long).await;
    gateway.stop().await;
}
