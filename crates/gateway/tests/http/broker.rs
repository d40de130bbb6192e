//! `GET /token` and `DELETE /token`.

use portcullis_fake_gitlab::{FakeGitlab, JobSpec, TokenSpec, TokenState};
use reqwest::Method;

use serde_json::{Value, json};

use crate::support::broker::{ADMIN_TOKEN, broker_toml, gitlab, jwt, token};
use crate::support::{Database, PATIENCE, TestGateway, eventually, in_future, send};

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

/// What operators are told, once the administrator's token has been looked at.
async fn looked_at(gateway: &TestGateway) -> Value {
    eventually(PATIENCE, async || {
        let told = send(gateway.admin_request(Method::GET, "/ready")).await.json();
        (!told["impersonation"]["admin_token"]["checked_at"].is_null()).then_some(told)
    })
    .await
}

pub(crate) async fn a_lost_admin_token_is_told(database: Database) {
    let gitlab = FakeGitlab::start();
    let expires_at = in_future(std::time::Duration::from_hours(12 * 24));
    let spec = TokenSpec {
        user_id: 1,
        scopes: vec!["api".to_owned()],
        expires_at: expires_at.get(..10).map(str::to_owned),
        ..TokenSpec::default()
    };
    gitlab.add_token_with(ADMIN_TOKEN, spec);
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let told = looked_at(&gateway).await;
    let known = &told["impersonation"];
    assert_eq!((&told["ready"], &told["degraded"]), (&json!(true), &Value::Null), "{told}");
    assert_eq!(known["gitlab"], gitlab.url());
    assert_eq!(
        (&known["admin_token"]["state"], &known["keys"]["issuer"]),
        (&json!("accepted"), &json!(gitlab.url()))
    );
    // Midnight may have passed meanwhile.
    assert!([11, 12].map(Value::from).contains(&known["admin_token"]["days_left"]), "{told}");
    assert_eq!(told["issuers"], json!([known["keys"]]));
    let jwt = jwt(&gitlab, &JobSpec::default());
    gitlab.set_state(ADMIN_TOKEN, TokenState::Revoked);
    assert_eq!(token(&gateway, Method::GET, "", &jwt).await.status, 502);
    let public = gateway.get("/ready").await;
    let lost = json!({"ready": true, "degraded": ["impersonation"]});
    assert_eq!((public.status, public.json()), (200, lost));
    let told = send(gateway.admin_request(Method::GET, "/ready")).await.json();
    assert_eq!(
        (&told["degraded"], &told["impersonation"]["admin_token"]["state"]),
        (&json!(["impersonation"]), &json!("refused"))
    );
    assert_eq!(told["impersonation"]["admin_token"]["problem"], "admin_token_refused");
    gitlab.set_state(ADMIN_TOKEN, TokenState::Active);
    assert_eq!(token(&gateway, Method::GET, "", &jwt).await.status, 200);
    assert_eq!(gateway.get("/ready").await.text, r#"{"ready":true}"#);
    gateway.stop().await;
}

pub(crate) async fn a_poor_admin_token_is_told_before_any_job_comes(database: Database) {
    let gitlab = gitlab();
    let poor = "sudo_user = \"sample-user\"";
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, poor)).await;
    let told = looked_at(&gateway).await;
    let known = &told["impersonation"]["admin_token"];
    assert_eq!(told["degraded"], json!(["impersonation"]));
    assert_eq!(
        (&known["state"], &known["problem"]),
        (&json!("forbidden"), &json!("sudo_user_not_administrator"))
    );
    assert!(gateway.get("/ready").await.text.contains("degraded"));
    gateway.stop().await;
}
