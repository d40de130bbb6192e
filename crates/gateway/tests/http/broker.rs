//! `GET /token` and `DELETE /token`.

use portcullis_fake_gitlab::{JobSpec, TokenState};
use reqwest::Method;

use crate::support::broker::{broker_toml, gitlab, jwt, token};
use crate::support::{Database, PATIENCE, TestGateway, eventually};

pub(crate) async fn a_job_is_given_a_token_that_dies(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "revoke_seconds = 1")).await;
    let answer = token(&gateway, Method::GET, "", &jwt(&gitlab, &JobSpec::default())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(gitlab.state(&answer.text), Some(TokenState::Active));
    let rows = gateway.revocations("").await;
    assert_eq!((rows.len(), rows[0]["state"].as_str()), (1, Some("pending")));
    eventually(PATIENCE, async || {
        (gitlab.state(&answer.text) == Some(TokenState::Revoked)).then_some(())
    })
    .await;
    assert_eq!(gateway.ended().await["state"], "revoked");
    gateway.stop().await;
}

pub(crate) async fn a_job_gives_its_tokens_back(database: Database) {
    let gitlab = gitlab();
    let gateway =
        TestGateway::start(&database, &broker_toml(&gitlab, "revoke_seconds = 600")).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    let given = token(&gateway, Method::GET, "", &jwt).await.text;
    assert_eq!(gitlab.state(&given), Some(TokenState::Active));
    for _ in 0..2 {
        assert_eq!(token(&gateway, Method::DELETE, "", &jwt).await.status, 204);
        eventually(PATIENCE, async || {
            (gitlab.state(&given) == Some(TokenState::Revoked)).then_some(())
        })
        .await;
    }
    gateway.stop().await;
}
