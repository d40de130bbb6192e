//! What only Postgres can show: two gateways on one database, and a database that goes away.

use std::time::{Duration, Instant};

use portcullis_test_support::Cluster;
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Database, PAT_TYPE, TestGateway, eventually, in_future};

/// The longest that a replica may take a dead token for a good one.
const PROMISE: Duration = Duration::from_secs(5);

/// Asks until the answer is as it must be for everybody who asks that long after `told`; when he gets it does
/// not matter.
pub(crate) async fn kept(told: Instant, holds: impl AsyncFn() -> bool) {
    loop {
        let asked = told.elapsed();
        if holds().await {
            return;
        }
        assert!(asked < PROMISE, "{asked:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_gateway_kills_the_other_refuses() {
    let database = Database::postgres().await;
    let one = TestGateway::start(&database, "").await;
    let two = TestGateway::start(&database, "").await;
    for way in ["reported", "deleted", "regenerated"] {
        let pat = one.mint().await;
        for gateway in [&one, &two] {
            assert_eq!(gateway.auth(&pat.token).await.status, 200);
        }
        let path = format!("/{}", pat.id);
        let status = match way {
            "reported" => {
                one.report(&json!([{ "type": PAT_TYPE, "token": pat.token }])).await.status
            }
            "deleted" => one.pats(Method::DELETE, &path, None).await.status,
            _ => {
                let body = json!({ "expires_at": in_future(Duration::from_hours(1)) });
                one.pats(Method::POST, &format!("{path}/regenerate"), Some(body)).await.status
            }
        };
        let told = Instant::now();
        assert!(status < 300, "{way}: {status}");
        assert_eq!(one.auth(&pat.token).await.status, 401, "{way}: at once where it was said");
        kept(told, async || two.auth(&pat.token).await.status == 401).await;
        let shown = two.pats(Method::GET, &path, None).await.json();
        let reason = if way == "regenerated" { "active" } else { "revoked" };
        assert_eq!(shown["status"], reason, "{way}");
    }
    let pat = one.mint().await;
    assert_eq!(two.auth(&pat.token).await.header("x-auth-scopes"), Some(""));
    let change = json!({ "scopes": ["deploy"] });
    assert_eq!(one.pats(Method::PATCH, &format!("/{}", pat.id), Some(change)).await.status, 200);
    let told = Instant::now();
    kept(told, async || two.auth(&pat.token).await.header("x-auth-scopes") == Some("deploy")).await;
    one.stop().await;
    two.stop().await;
}

/// Never a 204 for what is not committed, never a 401 for what cannot be looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_a_gateway_says_so_and_comes_back() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let database = Database::at(cluster.url("postgres"));
    let gateway = TestGateway::start(&database, "").await;
    let pat = gateway.mint().await;
    let cluster = tokio::task::spawn_blocking(|| {
        let mut cluster = cluster;
        cluster.stop();
        cluster
    });
    let mut cluster = cluster.await.unwrap();
    assert_eq!(gateway.get("/health").await.status, 200);
    let (path, items) = (format!("/{}", pat.id), json!([{ "type": PAT_TYPE, "token": pat.token }]));
    let answers = tokio::join!(
        gateway.get("/ready"),
        gateway.auth(&pat.token),
        gateway.report(&items),
        gateway.pats(Method::GET, "", None),
        gateway.pats(Method::DELETE, &path, None),
    );
    for answer in <[Answer; 5]>::from(answers) {
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
        assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    }
    assert_eq!(gateway.auth("gitpod_pat_forged.token").await.status, 401, "nobody is asked");
    let cluster = tokio::task::spawn_blocking(move || {
        cluster.restart();
        cluster
    });
    let cluster = cluster.await.unwrap();
    eventually(Duration::from_secs(20), async || {
        (gateway.get("/ready").await.status == 200).then_some(())
    })
    .await;
    eventually(Duration::from_secs(20), async || {
        (gateway.report(&items).await.status == 204).then_some(())
    })
    .await;
    assert_eq!(gateway.auth(&pat.token).await.status, 401);
    assert_eq!(gateway.ended().await["state"], "revoked");
    gateway.stop().await;
    drop(cluster);
}
