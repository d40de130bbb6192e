//! One batch with everything in it, sent as often as GitLab sends it: seventeen times.

use portcullis_fake_gitlab::{FakeGitlab, TokenState};
use serde_json::{Value, json};

use crate::support::{
    Database, GITLAB_TYPE, PAT_TYPE, PATIENCE, TestGateway, eventually, gitlab_toml,
};

const GOOD: [&str; 2] = ["glpat-0123456789abcdefghij", "glpat-abcdefghij0123456789"];

fn batch(own: &str) -> Value {
    json!([
        { "type": GITLAB_TYPE, "token": GOOD[0], "location": "https://gitlab.example.com/a#L1" },
        { "type": "gitleaks_rule_id_aws", "token": "AKIAIOSFODNN7EXAMPLE", "location": "x" },
        { "type": GITLAB_TYPE, "token": null, "location": "https://gitlab.example.com/b" },
        { "type": GITLAB_TYPE, "token": GOOD[0], "location": "https://gitlab.example.com/a#L1" },
        { "type": GITLAB_TYPE, "token": GOOD[0], "location": "https://gitlab.example.com/c#L7" },
        { "type": PAT_TYPE, "token": own, "location": "", "vulnerability": { "id": 1 } },
        { "type": "gitleaks_rule_id_aws", "token": own },
        { "type": GITLAB_TYPE, "token": GOOD[1], "location": null, "vulnerability": null },
        { "type": GITLAB_TYPE, "token": "" },
        { "token": GOOD[1] },
    ])
}

/// Everything of a row but how often it was seen.
fn outcome(row: &Value) -> Value {
    let mut row = row.clone();
    row["sightings"].take();
    row
}

pub(crate) async fn the_good_die_the_bad_are_named_and_again_changes_nothing(database: Database) {
    let gitlab = FakeGitlab::start();
    for token in GOOD {
        gitlab.add_token(token);
    }
    let gateway = TestGateway::start(&database, &gitlab_toml(gitlab.url())).await;
    let own = gateway.mint().await.token;
    let said = gateway.report(&batch(&own)).await;
    assert_eq!(said.code(), "some_items_rejected");
    assert_eq!(gateway.auth(&own).await.status, 401, "dead when the answer is there");
    let said = said.json();
    let counts = |said: &Value| {
        ["accepted", "skipped", "rejected_total"].map(|member| said[member].as_u64().unwrap())
    };
    assert_eq!(counts(&said), [6, 2, 2]);
    let rejected = said["rejected"].as_array().unwrap();
    let named: Vec<_> = rejected.iter().map(|one| (&one["index"], &one["code"])).collect();
    assert_eq!(
        named,
        [(&json!(1), &json!("unsupported_type")), (&json!(9), &json!("invalid_item"))]
    );
    let rows = eventually(PATIENCE, async || {
        let rows = gateway.revocations("?state=revoked").await;
        (rows.len() == 3).then_some(rows)
    });
    let rows = rows.await;
    assert_eq!(gateway.revocations("").await.len(), 3, "and nothing else was kept");
    assert!(GOOD.iter().all(|token| gitlab.state(token) == Some(TokenState::Revoked)));
    let asked = gitlab.requests().len();
    for _ in 0..17 {
        assert_eq!(gateway.report(&batch(&own)).await.json()["rejected"], said["rejected"]);
    }
    let after = gateway.revocations("").await;
    let (before, after): (Vec<_>, Vec<_>) =
        (rows.iter().map(outcome).collect(), after.iter().map(outcome).collect());
    assert_eq!(before, after);
    assert_eq!(gitlab.requests().len(), asked, "nobody was asked again");
    gateway.stop().await;
}

/// Keys that nobody can revoke with nothing but themselves: people are told, and nothing is kept of them.
pub(crate) async fn what_nobody_revokes_is_noted(database: Database) {
    let toml = "[[revocation.providers]]\nkind = \"notify\"\n";
    let gateway = TestGateway::start(&database, toml).await;
    let items = json!([
        { "type": "gitleaks_rule_id_heroku_api_key", "token": "12345678-aaaa-bbbb-cccc-1234567890ab" },
        { "type": "gitleaks_rule_id_google_(gcp)_service-account", "token": "{\n \"key\": 1\n}" },
    ]);
    assert_eq!(gateway.report(&items).await.status, 204);
    let rows = gateway.revocations("?state=noted").await;
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert_eq!((&row["provider"], &row["code"]), (&json!("notify"), &json!("notify")), "{row}");
    }
    gateway.stop().await;
}
