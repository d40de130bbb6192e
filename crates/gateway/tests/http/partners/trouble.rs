//! Too much, too often, and others that are away.

use std::time::Duration;

use portcullis_test_support::{Cluster, Reply, SigningKey};
use reqwest::Method;
use serde_json::json;

use super::{GITHUB, GITLAB, KEYS, Programme};
use crate::support::{
    Answer, Database, GITLAB_TYPE, PATIENCE, TestGateway, eventually, gitlab_toml, send,
};

fn assert_told_to_wait(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

pub(crate) async fn keys_that_cannot_be_had_are_waited_for(database: Database) {
    let programme = Programme::start();
    programme.site.set(KEYS, Reply::status(502));
    let gateway = TestGateway::start(&database, &programme.toml("")).await;
    for _ in 0..30 {
        // Nobody who signs well is taken for one who fails.
        let answer = programme.report(&gateway, GITHUB, &json!([])).await;
        assert_told_to_wait(&answer, 503, "unavailable");
    }
    assert!(programme.site.count(KEYS) < 10, "it is left alone for a while");
    programme.publish(&[(&programme.key, "now", true)]);
    eventually(PATIENCE, async || {
        let answer = programme.report(&gateway, GITHUB, &json!([])).await;
        (answer.status == 200).then_some(())
    })
    .await;
    programme.site.set(KEYS, Reply::status(502));
    assert_eq!(programme.report(&gateway, GITHUB, &json!([])).await.status, 200, "it is known");
    gateway.stop().await;
}

pub(crate) async fn strangers_are_slowed_down_and_partners_are_not(database: Database) {
    let programme = Programme::start();
    let stranger =
        Programme { site: Programme::start().site, key: SigningKey::generate("ES256", "") };
    // A gateway for each kind of failure, whose count is its own.
    for signed in [true, false] {
        let gateway = TestGateway::start(&database, &programme.toml("")).await;
        let mut refused = 0;
        let limited = loop {
            let answer = if signed {
                stranger.report(&gateway, GITLAB, &json!([])).await
            } else {
                send(gateway.request(Method::POST, GITHUB)).await
            };
            if answer.status != 400 {
                break answer;
            }
            refused += 1;
            assert!(refused < 1000, "failures are not limited");
        };
        assert!(refused >= 20, "{refused}");
        assert_told_to_wait(&limited, 429, "too_many_failures");
        for path in [GITHUB, GITLAB] {
            assert!(programme.report(&gateway, path, &json!([])).await.status < 300, "{path}");
        }
        gateway.stop().await;
    }
}

/// Without signing each anew: what was sent once, again and again.
pub(crate) async fn a_replay_has_an_end(database: Database) {
    let programme = Programme::start();
    let gateway = TestGateway::start(&database, &programme.toml("")).await;
    let request = programme.request(&gateway, GITHUB, "[]");
    let again = || request.try_clone().unwrap();
    let mut passed = 0;
    let limited = loop {
        let all = futures_util::future::join_all((0..50).map(|_| send(again()))).await;
        passed += all.iter().filter(|answer| answer.status == 200).count();
        if let Some(limited) = all.into_iter().find(|answer| answer.status != 200) {
            break limited;
        }
        assert!(passed < 20_000, "it is not limited");
    };
    assert!(passed >= 200, "{passed}");
    assert_told_to_wait(&limited, 429, "rate_limited");
    assert_eq!(programme.report(&gateway, GITLAB, &json!([])).await.status, 204, "by itself");
    gateway.stop().await;
}

pub(crate) async fn with_too_many_waiting_partners_must_wait(database: Database) {
    let programme = Programme::start();
    let rest = format!(
        "[revocation_api]\nmax_waiting = 1\n{}{}",
        gitlab_toml("http://127.0.0.1:1"),
        programme.toml("")
    );
    let gateway = TestGateway::start(&database, &rest).await;
    let item =
        |n: u8| json!({ "type": GITLAB_TYPE, "token": format!("glpat-aaaaaaaaaaaaaaaaaaa{n}") });
    assert_eq!(gateway.report(&json!([item(1), item(2)])).await.status, 204);
    for path in [GITHUB, GITLAB] {
        let limited = eventually(Duration::from_secs(10), async || {
            let answer = programme.report(&gateway, path, &json!([])).await;
            (answer.status >= 300).then_some(answer)
        });
        assert_told_to_wait(&limited.await, 429, "queue_full");
    }
    gateway.stop().await;
}

pub(crate) async fn they_live_where_they_are_mounted_and_where_they_are_configured(
    database: Database,
) {
    let programme = Programme::start();
    let rest = format!(
        "[revocation_api]\nmount = \"/leaks\"\n[partners.github]\nkeys_url = \"{}{KEYS}\"\n",
        programme.site.url()
    );
    let gateway = TestGateway::start(&database, &rest).await;
    for (path, status) in
        [("/leaks/v1/partners/github", 200), (GITHUB, 404), ("/leaks/v1/partners/gitlab", 404)]
    {
        assert_eq!(programme.report(&gateway, path, &json!([])).await.status, status, "{path}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_nothing_is_promised() {
    let mut cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let programme = Programme::start();
    let database = Database::at(cluster.url("postgres"));
    let gateway = TestGateway::start(&database, &programme.toml("")).await;
    let pat = gateway.mint().await.token;
    let items = json!([{ "type": "t", "token": pat }]);
    cluster = tokio::task::spawn_blocking(move || {
        cluster.stop();
        cluster
    })
    .await
    .unwrap();
    for path in [GITHUB, GITLAB] {
        let answer = programme.report(&gateway, path, &items).await;
        assert_told_to_wait(&answer, 503, "unavailable");
    }
    cluster = tokio::task::spawn_blocking(move || {
        cluster.restart();
        cluster
    })
    .await
    .unwrap();
    eventually(PATIENCE, async || {
        let answer = programme.report(&gateway, GITHUB, &items).await;
        (answer.status == 200).then_some(())
    })
    .await;
    assert_eq!(gateway.ended().await["state"], "revoked");
    gateway.stop().await;
    drop(cluster);
}
