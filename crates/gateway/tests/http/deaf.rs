//! A replica that hears no notification, because something between it and Postgres drops them
//! without a word. It must find out by itself.

use std::time::{Duration, Instant};

use portcullis_chaos::Proxy;
use portcullis_fake_gitlab::{FakeGitlab, TokenState};
use serde_json::json;

use crate::replicas::kept;
use crate::support::{
    Database, GITLAB_TYPE, PAT_TYPE, PATIENCE, TestGateway, eventually, gitlab_toml,
};

struct Pair {
    hearing: TestGateway,
    deaf: TestGateway,
    proxy: Proxy,
}

async fn pair(database: &Database, rest: &str) -> Pair {
    let (proxy, url) = Proxy::before(&database.url).await;
    let hearing = TestGateway::start(database, rest).await;
    let deaf = TestGateway::start(&Database::at(url), rest).await;
    Pair { hearing, deaf, proxy }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deaf_replica_refuses_a_leaked_pat_in_time() {
    let database = Database::postgres().await;
    let mut was_deaf = false;
    // On a busy machine the first one may notice its deafness before it is asked.
    for _ in 0..5 {
        let Pair { hearing, deaf, proxy } = pair(&database, "").await;
        // Before it has heard itself a replica trusts nothing that it remembers.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let pat = hearing.mint().await;
        eventually(PATIENCE, async || (deaf.auth(&pat.token).await.status == 200).then_some(()))
            .await;
        proxy.deafen();
        let report = json!([{ "type": PAT_TYPE, "token": pat.token }]);
        assert_eq!(hearing.report(&report).await.status, 204);
        let reported = Instant::now();
        assert_eq!(hearing.auth(&pat.token).await.status, 401, "at once where it was said");
        was_deaf = deaf.auth(&pat.token).await.status == 200;

        kept(reported, async || deaf.auth(&pat.token).await.status == 401).await;
        // Still deaf, for longer than anything is remembered: it does not come back to life.
        let watch = Instant::now();
        while was_deaf && watch.elapsed() < Duration::from_secs(6) {
            assert_eq!(deaf.auth(&pat.token).await.status, 401);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        hearing.stop().await;
        deaf.stop().await;
        if was_deaf {
            break;
        }
    }
    assert!(was_deaf, "it took the dead token for a good one for a moment, so it heard nothing");
}

/// What is reported where nobody else works wakes nobody; the poll finds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deaf_replica_works_by_its_poll() {
    let database = Database::postgres().await;
    let gitlab = FakeGitlab::start();
    let polls = "[revocation]\npoll_interval = \"1s\"\n";
    let (proxy, url) = Proxy::before(&database.url).await;
    let rest = format!("{polls}{}", gitlab_toml(gitlab.url()));
    let deaf = TestGateway::start(&Database::at(url), &rest).await;
    proxy.deafen();
    let token = format!("glpat-{:027}", 1);
    gitlab.add_token(&token);
    let report = json!([{ "type": GITLAB_TYPE, "token": token }]);
    assert_eq!(deaf.report(&report).await.status, 204);
    assert_eq!(deaf.ended().await["state"], "revoked");
    assert_eq!(gitlab.state(&token), Some(TokenState::Revoked));
    deaf.stop().await;
}
