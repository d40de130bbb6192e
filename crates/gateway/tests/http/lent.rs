//! Tokens that the broker lent, in the queue: reported, late, and in an operator's hands.

use std::time::{Duration, Instant};

use portcullis_fake_gitlab::{FakeGitlab, Fault, JobSpec, TokenState};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::broker::{broker_toml, gitlab, jwt, token};
use crate::support::{
    ADMIN, Answer, Database, GITLAB_TYPE, PAT_TYPE, PATIENCE, REPORTING, TestGateway, client_toml,
    eventually, gitlab_toml, send,
};

const OTHER: &str = "the-token-of-another-client-0123456789";

/// A token for ten minutes.
async fn lend(gateway: &TestGateway, gitlab: &FakeGitlab) -> String {
    let answer = token(gateway, Method::GET, "", &jwt(gitlab, &JobSpec::default())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

async fn start(database: &Database, gitlab: &FakeGitlab, rest: &str) -> TestGateway {
    let rest = format!("{}{rest}", gitlab_toml(gitlab.url()));
    TestGateway::start(database, &broker_toml(gitlab, &format!("revoke_seconds = 600\n{rest}")))
        .await
}

async fn dead(gitlab: &FakeGitlab, token: &str) {
    eventually(PATIENCE, async || (gitlab.state(token) == Some(TokenState::Revoked)).then_some(()))
        .await;
}

async fn detail(gateway: &TestGateway, row: &Value) -> Value {
    let path = format!("/v1/revocations/{}", row["fingerprint"].as_str().unwrap());
    send(gateway.admin_request(Method::GET, &path).bearer_auth(ADMIN)).await.json()
}

async fn operate(gateway: &TestGateway, row: &Value, act: &str) -> Answer {
    let path = format!("/v1/revocations/{}/{act}", row["fingerprint"].as_str().unwrap());
    send(gateway.admin_request(Method::POST, &path).bearer_auth(ADMIN)).await
}

/// The rows in `state`, once there are so many of them.
async fn rows(gateway: &TestGateway, state: &str, count: usize) -> Vec<Value> {
    eventually(PATIENCE, async || {
        let rows = gateway.revocations(&format!("?state={state}")).await;
        (rows.len() == count).then_some(rows)
    })
    .await
}

pub(crate) async fn a_reported_one_dies_whatever_it_is_taken_for(database: Database) {
    let gitlab = gitlab();
    let gateway = start(&database, &gitlab, "").await;
    // Of a type that fits, of one that is not offered, and of one that it does not look like.
    for (n, taken_for) in [GITLAB_TYPE, "unheard_of", PAT_TYPE].into_iter().enumerate() {
        let lent = lend(&gateway, &gitlab).await;
        let waiting = gateway.revocations("?state=pending").await;
        assert_eq!((waiting.len(), &waiting[0]["about"]["user_id"]), (1, &json!(2)));
        assert_eq!(gitlab.state(&lent), Some(TokenState::Active));
        let item = json!({ "type": taken_for, "token": lent, "location": "https://x.example/a" });
        let answer = gateway.report(&json!([item])).await;
        assert_eq!(answer.status, 204, "{taken_for}: {answer:?}");
        dead(&gitlab, &lent).await;
        let ended = rows(&gateway, "revoked", n + 1).await;
        let shown = detail(&gateway, ended.last().unwrap()).await;
        assert_eq!(shown["type"], "impersonation_token", "{taken_for}");
        assert_eq!(shown["provider"], "impersonation", "{taken_for}");
        let seen = |member: &str| -> Vec<Value> {
            let kept = shown["sightings_kept"].as_array().unwrap();
            kept.iter().map(|seen| seen[member].clone()).collect()
        };
        assert_eq!(seen("reporter"), ["impersonation", "gitlab"], "{taken_for}");
        assert_eq!(seen("type"), ["impersonation_token", taken_for]);
        let job = "user sample-user, project my-group/my-project, job 302";
        assert_eq!(seen("location"), [job, "https://x.example/a"]);
        // Again, now that it is dead: one sighting more.
        assert_eq!(gateway.report(&json!([item])).await.status, 204, "{taken_for}");
        assert_eq!(detail(&gateway, ended.last().unwrap()).await["sightings"], 3);
    }
    assert_eq!(gateway.revocations("").await.len(), 3, "one row each");
    assert_eq!(gitlab.count("DELETE", "/api/v4/personal_access_tokens/self"), 0);
    gateway.stop().await;
}

pub(crate) async fn others_are_rejected_beside_it_by_their_index(database: Database) {
    let gitlab = gitlab();
    let clients = client_toml("all", REPORTING, "")
        + &client_toml("narrow", OTHER, &format!("types = [\"{PAT_TYPE}\"]"));
    for max_batch in [2, 10_000] {
        let api = format!("[revocation_api]\nmax_batch = {max_batch}\n{clients}");
        let gateway = start(&database, &gitlab, &api).await;
        let lent = [lend(&gateway, &gitlab).await, lend(&gateway, &gitlab).await];
        let unknown = |token: &str| json!({ "type": GITLAB_TYPE, "token": token });
        let items = json!([
            unknown("glpat-somebody-else-000001"),
            5,
            unknown(&lent[0]),
            unknown("glpat-somebody-else-000002"),
            unknown(""),
            {},
            { "type": "unheard_of", "token": lent[1] },
            unknown(&lent[0]),
            unknown("glpat-somebody-else-000003"),
        ]);
        let answer = gateway.report_as(OTHER, items.to_string()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "some_items_rejected"));
        let problem = answer.json();
        let rejected: Vec<_> = problem["rejected"].as_array().unwrap().iter().collect();
        let indexes: Vec<_> = rejected.iter().map(|r| r["index"].as_u64().unwrap()).collect();
        assert_eq!(indexes, [0, 1, 3, 5, 8]);
        let codes: Vec<_> = rejected.iter().map(|r| r["code"].as_str().unwrap()).collect();
        let (type_, item) = ("unsupported_type", "invalid_item");
        assert_eq!(codes, [type_, item, type_, item, type_]);
        assert_eq!((&problem["accepted"], &problem["skipped"]), (&json!(3), &json!(1)));
        for lent in &lent {
            dead(&gitlab, lent).await;
        }
        gateway.stop().await;
    }
}

pub(crate) async fn of_many_rejections_the_first_are_listed(database: Database) {
    let gitlab = gitlab();
    let gateway = start(&database, &gitlab, "[revocation_api]\nmax_batch = 700\n").await;
    let lent = lend(&gateway, &gitlab).await;
    // Those of an unknown type are rejected after those that make no sense.
    let mut items: Vec<Value> = (0..3000)
        .map(|n| {
            if n % 3 == 0 {
                json!({ "type": "unheard_of", "token": n.to_string() })
            } else {
                json!(n)
            }
        })
        .collect();
    items.push(json!({ "type": "unheard_of", "token": lent }));
    let answer = gateway.report(&items.into()).await;
    assert_eq!(answer.status, 400);
    let problem = answer.json();
    assert_eq!((&problem["accepted"], &problem["rejected_total"]), (&json!(1), &json!(3000)));
    let rejected = problem["rejected"].as_array().unwrap();
    let indexes: Vec<_> = rejected.iter().map(|r| r["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, (0..1000).collect::<Vec<_>>());
    dead(&gitlab, &lent).await;
    gateway.stop().await;
}

pub(crate) async fn one_that_is_late_is_said_to_be_overdue_until_it_is_done(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "revoke_seconds = 2")).await;
    let refusal = Fault::Status { status: 503, retry_after: None };
    gitlab.fault_next_of("DELETE", usize::MAX, refusal);
    let asked = Instant::now();
    let lent = lend(&gateway, &gitlab).await;
    let row = gateway.revocations("").await.remove(0);
    let due = asked.elapsed() >= Duration::from_secs(2);
    assert_eq!(row["state"], "pending");
    assert!(row["overdue_seconds"].is_null() || due, "{row}");
    let late = eventually(PATIENCE, async || {
        let row = gateway.revocations("").await.remove(0);
        (row["overdue_seconds"].as_u64() >= Some(1) && row["code"] == "server").then_some(row)
    });
    let late = late.await;
    assert_eq!((&late["state"], &late["due_at"]), (&json!("pending"), &row["due_at"]));
    assert_eq!(detail(&gateway, &late).await["state"], "pending");
    assert_eq!(gitlab.state(&lent), Some(TokenState::Active));
    gitlab.forget_faults();
    let row = gateway.ended().await;
    assert_eq!((&row["state"], &row["overdue_seconds"]), (&json!("revoked"), &json!(null)));
    assert_eq!(gitlab.state(&lent), Some(TokenState::Revoked));
    gateway.stop().await;
}

pub(crate) async fn a_report_while_it_is_being_revoked_changes_nothing(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "revoke_seconds = 1")).await;
    let lent = lend(&gateway, &gitlab).await;
    gitlab.fault_next_of("DELETE", 1, Fault::Delay(Duration::from_secs(2)));
    eventually(PATIENCE, async || {
        gitlab.requests().iter().any(|request| request.method == "DELETE").then_some(())
    })
    .await;
    let report = json!([{ "type": "unheard_of", "token": lent, "location": "a" }]);
    assert_eq!(gateway.report(&report).await.status, 204);
    let row = gateway.ended().await;
    assert_eq!(
        (&row["state"], &row["attempts"], &row["sightings"]),
        (&json!("revoked"), &json!(1), &json!(2))
    );
    let deletions = gitlab.requests().into_iter().filter(|request| request.method == "DELETE");
    assert_eq!(deletions.count(), 1);
    gateway.stop().await;
}

pub(crate) async fn an_operator_cannot_cancel_it(database: Database) {
    let gitlab = gitlab();
    let gateway = start(&database, &gitlab, "").await;
    let lent = lend(&gateway, &gitlab).await;
    let row = gateway.revocations("").await.remove(0);
    let answer = operate(&gateway, &row, "cancel").await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "lent"));
    assert_eq!(answer.json()["state"], "pending");
    for act in ["approve", "retry"] {
        let answer = operate(&gateway, &row, act).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "wrong_state"), "{act}");
    }
    assert_eq!(gateway.revocations("?state=pending").await.len(), 1);
    assert_eq!(gateway.report(&json!([{ "type": PAT_TYPE, "token": lent }])).await.status, 204);
    assert_eq!(gateway.ended().await["state"], "revoked");
    let answer = operate(&gateway, &row, "cancel").await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "wrong_state"), "as any other");
    gateway.stop().await;
}
