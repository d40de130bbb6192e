//! Those who report: what they may, how often, and when they must wait.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::support::{
    ADMIN, Answer, Database, GITLAB_TYPE, PAT_TYPE, REPORTING, TestGateway, client_toml,
    eventually, gitlab_toml, send,
};

const OTHER: &str = "the-token-of-another-client-0123456789";

/// A GitLab that nobody is behind.
fn nowhere() -> String {
    gitlab_toml("http://127.0.0.1:1")
}

async fn types(gateway: &TestGateway, credential: &str) -> Answer {
    let request = gateway.request(Method::GET, "/v1/revocable_token_types");
    send(request.header(AUTHORIZATION, credential)).await
}

fn assert_told_to_wait(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (429, code));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

pub(crate) async fn a_client_reports_the_types_it_may(database: Database) {
    let narrow = format!("types = [\"{GITLAB_TYPE}\", \"not_offered\"]");
    let clients = client_toml("all", REPORTING, "") + &client_toml("narrow", OTHER, &narrow);
    let gateway = TestGateway::start(&database, &(nowhere() + &clients)).await;
    for (credential, offered) in [
        (REPORTING.to_owned(), json!([GITLAB_TYPE, PAT_TYPE])),
        (format!("Bearer {REPORTING}"), json!([GITLAB_TYPE, PAT_TYPE])),
        (OTHER.to_owned(), json!([GITLAB_TYPE])),
    ] {
        let answer = types(&gateway, &credential).await;
        assert_eq!((answer.status, &answer.json()["types"]), (200, &offered));
    }
    let pat = gateway.mint().await.token;
    let not_ours = format!("gitpod_pat_{}.abc", "A".repeat(43));
    let items = json!([
        { "type": PAT_TYPE, "token": not_ours, "location": "" },
        { "type": "not_offered", "token": "x" },
        { "type": PAT_TYPE, "token": pat, "location": "" },
    ]);
    let answer = gateway.report_as(OTHER, items.to_string()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "some_items_rejected"));
    let rejected = answer.json()["rejected"].clone();
    let indexes: Vec<_> = rejected.as_array().unwrap().iter().map(|r| &r["index"]).collect();
    assert_eq!(indexes, [0, 1]);
    assert!(rejected.as_array().unwrap().iter().all(|r| r["code"] == "unsupported_type"));
    assert_eq!(gateway.auth(&pat).await.status, 401, "one of our own dies whoever reports it");
    let row = gateway.ended().await;
    let shown = gateway.admin_request(
        Method::GET,
        &format!("/v1/revocations/{}", row["fingerprint"].as_str().unwrap()),
    );
    let shown = send(shown.bearer_auth(ADMIN)).await.json();
    assert_eq!(shown["sightings_kept"][0]["reporter"], "narrow");
    gateway.stop().await;
}

pub(crate) async fn a_client_has_a_rate_of_its_own(database: Database) {
    let slow = "rate_limit = { per_second = 1, burst = 2 }";
    let clients = client_toml("slow", REPORTING, slow) + &client_toml("other", OTHER, "");
    let gateway = TestGateway::start(&database, &clients).await;
    let mut passed = 0;
    let limited = loop {
        let answer = gateway.report(&json!([])).await;
        if answer.status != 204 {
            break answer;
        }
        passed += 1;
        assert!(passed < 100, "it is not limited");
    };
    assert!(passed >= 2, "{passed}");
    assert_told_to_wait(&limited, "rate_limited");
    assert_eq!(gateway.report_as(OTHER, "[]").await.status, 204, "another is not held up");
    gateway.stop().await;
}

pub(crate) async fn wrong_tokens_are_refused_and_then_slowed_down(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let credentials = ["wrong", "Bearer wrong", ADMIN, "", "Basic dTpw", "Bearer"];
    let (mut refused, mut n) = (0, 0);
    let limited = loop {
        let answer = types(&gateway, credentials[n % credentials.len()]).await;
        n += 1;
        if answer.status != 401 {
            break answer;
        }
        assert_eq!(answer.code(), "unauthorized");
        assert!(answer.headers.contains_key("www-authenticate"));
        refused += 1;
        assert!(refused < 1000, "failures are not limited");
    };
    assert!(refused >= 20, "{refused}");
    assert_told_to_wait(&limited, "too_many_failures");
    assert_eq!(types(&gateway, REPORTING).await.status, 200, "the right one still passes");
    gateway.stop().await;
}

pub(crate) async fn with_too_many_waiting_reports_must_wait(database: Database) {
    let rest = format!("[revocation_api]\nmax_waiting = 1\n{}", nowhere());
    let gateway = TestGateway::start(&database, &rest).await;
    let item =
        |n: u8| json!({ "type": GITLAB_TYPE, "token": format!("glpat-aaaaaaaaaaaaaaaaaaa{n}") });
    assert_eq!(gateway.report(&json!([item(1), item(2)])).await.status, 204);
    let limited = eventually(Duration::from_secs(10), async || {
        Some(gateway.report(&json!([])).await).filter(|answer| answer.status != 204)
    });
    assert_told_to_wait(&limited.await, "queue_full");
    let pending = eventually(Duration::from_secs(10), async || {
        let rows = gateway.revocations("?state=pending").await;
        rows.iter().all(|row| row["attempts"].as_u64().unwrap() > 0).then_some(rows)
    })
    .await;
    assert_eq!(pending.len(), 2, "tried, and waiting still");
    gateway.stop().await;
}

pub(crate) async fn the_endpoints_live_where_they_are_mounted(database: Database) {
    let gateway = TestGateway::start(&database, "[revocation_api]\nmount = \"/leaks\"").await;
    for (path, status) in [("/leaks/v1/revoke_tokens", 204), ("/v1/revoke_tokens", 404)] {
        let request = gateway.request(Method::POST, path).header(AUTHORIZATION, REPORTING);
        assert_eq!(send(request.body("[]")).await.status, status, "{path}");
    }
    gateway.stop().await;
}

pub(crate) async fn what_is_made_up_is_taken_from_everybody_and_harms_nobody(database: Database) {
    const MADE_UP: &str = "portcullis_doctor";
    let narrow = format!("types = [\"{GITLAB_TYPE}\"]");
    // Neither a mode nor a format changes anything about it.
    let rest = format!(
        "[revocation.modes]\n{MADE_UP} = \"revoke\"\n[revocation.formats]\n{MADE_UP} = \"^.*$\"\n{}",
        client_toml("narrow", OTHER, &narrow)
    );
    let gateway = TestGateway::start(&database, &(nowhere() + &rest)).await;
    let offered = types(&gateway, OTHER).await.json();
    assert_eq!(offered["types"], json!([GITLAB_TYPE]));
    let pat = gateway.mint().await.token;
    let items = json!([
        { "type": MADE_UP, "token": format!("portcullis_doctor_{}", "0".repeat(32)) },
        { "type": MADE_UP, "token": "glpat-abcdefghijklmnopqrst" },
        { "type": MADE_UP, "token": pat },
    ]);
    for _ in 0..2 {
        assert_eq!(gateway.report_as(OTHER, items.to_string()).await.status, 204);
    }
    assert_eq!(gateway.auth(&pat).await.status, 401, "one of our own dies all the same");
    let rows = eventually(Duration::from_secs(30), async || {
        let rows = gateway.revocations("").await;
        rows.iter().all(|row| !row["ended_at"].is_null()).then_some(rows)
    });
    let mut ends: Vec<_> = rows.await.iter().map(|row| row["state"].to_string()).collect();
    ends.sort();
    assert_eq!(ends, ["\"refused\"", "\"revoked\"", "\"simulated\""]);
    gateway.stop().await;
}
