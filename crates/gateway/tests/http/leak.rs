//! The loop: minted, used, leaked, reported, dead.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Database, PAT_TYPE, TestGateway};

const IDENTITY: [(&str, &str); 6] = [
    ("x-auth-identity", "user:ann"),
    ("x-auth-email", ""),
    ("x-auth-method", "pat"),
    ("x-auth-scopes", "api read"),
    ("x-auth-gerrit-account", ""),
    ("x-auth-gerrit-change", ""),
];

/// What GitLab sends: a vulnerability beside each token, a finding whose extract was not kept, and
/// the same token again where it was found again.
fn as_gitlab_does(token: &str) -> Value {
    let item = |token: Value, location: &str| {
        json!({
            "type": PAT_TYPE,
            "token": token,
            "location": location,
            "vulnerability": {
                "id": 7, "state": "detected", "identifiers": [{"name": "Gitleaks rule ID"}],
                "location": {"file": "ci/env", "blob_path": null}, "severity": "critical",
            },
        })
    };
    let first = item(token.into(), "https://gitlab.example.com/a/b/-/blob/main/ci/env#L21");
    let again = item(token.into(), "https://gitlab.example.com/a/b/-/blob/main/.env#L3");
    let mut bare = item(token.into(), "");
    bare["vulnerability"] = Value::Null;
    json!([first, item(Value::Null, "https://gitlab.example.com/a/b"), again, bare])
}

pub(crate) async fn a_leaked_pat_is_dead_at_the_204(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let hour = Duration::from_hours(1);
    let pat = gateway.mint_for("user:ann", &["read", "api"], hour).await;
    for _ in 0..2 {
        let good = gateway.auth(&pat.token).await;
        assert_eq!(good.status, 200, "{good:?}");
        for (name, value) in IDENTITY {
            assert_eq!(good.header(name), Some(value), "{name}");
        }
    }
    let answer = gateway.report(&as_gitlab_does(&pat.token)).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(gateway.auth(&pat.token).await.status, 401, "at once, though it was remembered");
    let row = gateway.ended().await;
    assert_eq!((&row["state"], &row["type"]), (&json!("revoked"), &json!(PAT_TYPE)));
    assert_eq!(
        (&row["about"]["name"], &row["about"]["owner"]),
        (&json!("a laptop"), &json!("user:ann"))
    );
    assert_eq!(row["sightings"], 3);
    assert_eq!(gateway.report(&as_gitlab_does(&pat.token)).await.status, 204, "again is the same");
    assert_eq!(gateway.auth(&pat.token).await.status, 401);
    gateway.stop().await;
}
