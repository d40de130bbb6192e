//! The keys of the jobs' issuer.

use portcullis_fake_gitlab::{Fault, JobSpec};
use reqwest::Method;

use crate::support::broker::{ask, broker_toml, calls, gitlab, given, jwt, said, token};
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

pub(crate) async fn a_new_key_is_found(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let old = jwt(&gitlab, &JobSpec::default());
    assert_eq!(token(&gateway, Method::GET, "", &old).await.status, 200);
    gitlab.rotate_signing_key();
    given(&gateway, &gitlab, &JobSpec::default()).await;
    assert_eq!(token(&gateway, Method::GET, "", &old).await.status, 200, "still published");
    assert_eq!(gitlab.count("GET", "/oauth/discovery/keys"), 2);
    // One that is published nowhere, within the minute: nobody asks again.
    let stranger = gitlab_that_signs_for(gitlab.url());
    for _ in 0..3 {
        let answer = token(&gateway, Method::GET, "", &stranger).await;
        assert_eq!(said(&answer), (401, "invalid_token".to_owned()));
    }
    assert_eq!(gitlab.count("GET", "/oauth/discovery/keys"), 2);
    assert_eq!(ask(&gateway, &gitlab, &JobSpec::default()).await.status, 200);
    gateway.stop().await;
}

fn gitlab_that_signs_for(issuer: &str) -> String {
    let job = crate::support::broker::job_with([("iss", serde_json::json!(issuer))]);
    portcullis_fake_gitlab::FakeGitlab::start().mint_id_token(&job)
}
