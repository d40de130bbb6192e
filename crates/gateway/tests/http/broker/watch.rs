//! What operators are told of the administrator's token.

use std::time::Duration;

use portcullis_fake_gitlab::{FakeGitlab, JobSpec, TokenSpec, TokenState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::broker::{ADMIN_TOKEN, ask, broker_toml, gitlab};
use crate::support::{Database, PATIENCE, TestGateway, eventually, in_future, send};

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
    let expires_at = in_future(Duration::from_hours(12 * 24));
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
    gitlab.set_state(ADMIN_TOKEN, TokenState::Revoked);
    assert_eq!(ask(&gateway, &gitlab, &JobSpec::default()).await.status, 502);
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
    assert_eq!(ask(&gateway, &gitlab, &JobSpec::default()).await.status, 200);
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
