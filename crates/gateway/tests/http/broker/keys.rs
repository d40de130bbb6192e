//! The keys of the jobs' issuer.

use portcullis_fake_gitlab::{FakeGitlab, Fault, JobSpec};
use reqwest::Method;
use serde_json::json;

use crate::support::broker::{broker_toml, calls, gitlab, given, job_with, jwt, said, token};
use crate::support::{Database, PATIENCE, TestGateway, eventually};

pub(crate) async fn a_job_waits_for_an_issuer_that_is_away(database: Database) {
    let gitlab = gitlab();
    gitlab.fault_always(Some(Fault::Status { status: 503, retry_after: None }));
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    for method in [Method::GET, Method::DELETE] {
        let answer = token(&gateway, method, "", &jwt).await;
        assert_eq!(said(&answer), (502, "issuer_unavailable".to_owned()));
    }
    assert!(calls(&gitlab).is_empty());
    gitlab.fault_always(None);
    eventually(PATIENCE, async || {
        (token(&gateway, Method::GET, "", &jwt).await.status == 200).then_some(())
    })
    .await;
    gateway.stop().await;
}

pub(crate) async fn every_key_that_is_published_counts(database: Database) {
    let gitlab = gitlab();
    let old = jwt(&gitlab, &JobSpec::default());
    gitlab.rotate_signing_key();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    given(&gateway, &gitlab, &JobSpec::default()).await;
    assert_eq!(token(&gateway, Method::GET, "", &old).await.status, 200);
    // One that is published nowhere, within a minute of the last look: nobody looks again.
    let stranger = signed_elsewhere(gitlab.url());
    for _ in 0..3 {
        let answer = token(&gateway, Method::GET, "", &stranger).await;
        assert_eq!(said(&answer), (401, "invalid_token".to_owned()));
    }
    assert_eq!(gitlab.count("GET", "/oauth/discovery/keys"), 1);
    gateway.stop().await;
}

fn signed_elsewhere(issuer: &str) -> String {
    FakeGitlab::start().mint_id_token(&job_with([("iss", json!(issuer))]))
}
