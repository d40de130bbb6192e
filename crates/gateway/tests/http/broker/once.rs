//! A JWT that is good for one token.

use portcullis_fake_gitlab::{Fault, JobSpec};
use reqwest::Method;
use serde_json::json;

use crate::support::broker::{ask, broker_toml, gitlab, given, job_with, jwt, said, token};
use crate::support::{Answer, Database, TestGateway};

const ONCE: &str = "single_use = true";

fn assert_used(answer: &Answer) {
    assert_eq!(said(answer), (401, "used".to_owned()));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"gitlab-pat\""));
}

pub(crate) async fn a_jwt_brings_one_token(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, ONCE)).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    // What is refused before GitLab is asked costs nothing.
    assert_eq!(token(&gateway, Method::GET, "?scopes=api", &jwt).await.status, 403);
    assert_eq!(token(&gateway, Method::GET, "", &jwt).await.status, 200);
    for query in ["", "?ttl=1"] {
        assert_used(&token(&gateway, Method::GET, query, &jwt).await);
    }
    assert_eq!(gitlab.impersonation_tokens(2).len(), 1);
    given(&gateway, &gitlab, &JobSpec::default()).await;
    assert_eq!(token(&gateway, Method::DELETE, "", &jwt).await.status, 204, "it may still end it");
    assert_used(&token(&gateway, Method::GET, "", &jwt).await);
    let nameless = job_with([("jti", json!(null))]);
    assert_eq!(said(&ask(&gateway, &gitlab, &nameless).await), (403, "claim".to_owned()));
    gateway.stop().await;
}

/// A JWT verifies for half a minute beyond its end: what it was used for is remembered as long.
pub(crate) async fn a_jwt_past_its_end_brings_no_other(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, ONCE)).await;
    let jwt = jwt(&gitlab, &JobSpec { issued_at: -5, lifetime: 3, ..JobSpec::default() });
    assert_eq!(token(&gateway, Method::GET, "", &jwt).await.status, 200, "within the leeway");
    assert_used(&token(&gateway, Method::GET, "", &jwt).await);
    gateway.stop().await;
}

pub(crate) async fn what_gitlab_did_not_do_may_be_asked_for_again(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, ONCE)).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    let refused = Fault::Status { status: 403, retry_after: None };
    for fault in [refused, Fault::DropBefore, Fault::DropAfter] {
        gitlab.fault_next_of("POST", 1, fault);
        assert_eq!(token(&gateway, Method::GET, "", &jwt).await.status, 502);
    }
    assert_eq!(token(&gateway, Method::GET, "", &jwt).await.status, 200);
    assert_used(&token(&gateway, Method::GET, "", &jwt).await);
    gateway.stop().await;
}

/// Of several at once one is given a token.
async fn assert_one_of(gateways: [&TestGateway; 4], jwt: &str) {
    let [a, b, c, d] = gateways.map(|gateway| token(gateway, Method::GET, "", jwt));
    let answers = <[Answer; 4]>::from(tokio::join!(a, b, c, d));
    let (given, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 200);
    assert_eq!(given.len(), 1, "{answers:?}");
    refused.into_iter().for_each(assert_used);
}

pub(crate) async fn at_once_is_once(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, ONCE)).await;
    for _ in 0..3 {
        let jwt = jwt(&gitlab, &JobSpec::default());
        assert_one_of([&gateway; 4], &jwt).await;
    }
    assert_eq!(gitlab.impersonation_tokens(2).len(), 3);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_know_what_was_used() {
    let (gitlab, database) = (gitlab(), Database::postgres().await);
    let one = TestGateway::start(&database, &broker_toml(&gitlab, ONCE)).await;
    let two = TestGateway::start(&database, &broker_toml(&gitlab, ONCE)).await;
    let first = jwt(&gitlab, &JobSpec::default());
    assert_eq!(token(&one, Method::GET, "", &first).await.status, 200);
    assert_used(&token(&two, Method::GET, "", &first).await);
    for _ in 0..3 {
        assert_one_of([&one, &two, &one, &two], &jwt(&gitlab, &JobSpec::default())).await;
    }
    assert_eq!(gitlab.impersonation_tokens(2).len(), 4);
    one.stop().await;
    two.stop().await;
}
