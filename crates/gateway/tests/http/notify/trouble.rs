//! Webhooks that are down, slow down, hang, or send elsewhere.

use std::time::{Duration, Instant};

use portcullis_fake_gitlab::{FakeGitlab, TokenState};
use serde_json::{Value, json};

use super::hook::{Hook, Say};
use super::{assert_harmless, hook_toml, leak, modes, token, told};
use crate::support::{Database, GITLAB_TYPE, PATIENCE, TestGateway, eventually};

fn status(status: u16) -> Say {
    Say::Status(status, String::new())
}

/// Once it was told so often, taken or not.
async fn tried(hook: &Hook, times: usize) {
    eventually(PATIENCE, async || (hook.told().len() >= times).then_some(())).await;
}

pub(crate) async fn one_that_hangs_delays_nobody(database: Database) {
    let (gitlab, good) = (FakeGitlab::start(), Hook::start().await);
    let hangs = Hook::saying(Say::Nothing).await;
    let endless = Hook::saying(Say::Endless).await;
    let rest = [
        modes(&gitlab),
        hook_toml("hangs", &hangs, "json", ""),
        hook_toml("endless", &endless, "json", ""),
        hook_toml("good", &good, "json", ""),
    ];
    let gateway = TestGateway::start(&database, &rest.concat()).await;
    let begun = Instant::now();
    for n in 1..=3 {
        gitlab.add_token(&token(n));
        assert_eq!(gateway.report(&json!([leak(GITLAB_TYPE, &token(n))])).await.status, 204);
        told(&good, n).await;
        assert_eq!(gitlab.state(&token(n)), Some(TokenState::Revoked));
    }
    assert!(begun.elapsed() < Duration::from_secs(18), "{:?}", begun.elapsed());
    assert_eq!(hangs.told().len(), 1, "it has its one call");
    told(&endless, 3).await;
    let stopping = Instant::now();
    gateway.stop().await;
    assert!(stopping.elapsed() < Duration::from_secs(8), "{:?}", stopping.elapsed());
}

pub(crate) async fn one_that_is_down_is_told_later(database: Database) {
    let (gitlab, hook) = (FakeGitlab::start(), Hook::saying(status(503)).await);
    let elsewhere = Hook::start().await;
    gitlab.add_token(&token(1));
    let rest = [modes(&gitlab), hook_toml("down", &hook, "json", "")];
    let gateway = TestGateway::start(&database, &rest.concat()).await;
    assert_eq!(gateway.report(&json!([leak(GITLAB_TYPE, &token(1))])).await.status, 204);
    tried(&hook, 1).await;
    // A redirect is no answer, and nobody goes where it points.
    hook.say(Say::Status(307, format!("Location: {}\r\n", elsewhere.url)));
    tried(&hook, 2).await;
    hook.say(status(400));
    tried(&hook, 3).await;
    hook.say(status(200));
    let notice = told(&hook, 1).await.remove(0);
    assert_eq!(notice["state"], "revoked");
    let ids: Vec<Value> = hook.told().iter().map(|told| told.notices()[0]["id"].clone()).collect();
    assert!(ids.len() > 3 && ids.iter().all(|id| *id == notice["id"]), "{ids:?}");
    assert!(elsewhere.told().is_empty());
    gateway.stop().await;
    assert_harmless(&hook);
}

pub(crate) async fn one_that_asks_for_a_pause_gets_it(database: Database) {
    let (gitlab, hook) = (FakeGitlab::start(), Hook::saying(status(503)).await);
    hook.say(Say::Status(429, "Retry-After: 7\r\n".to_owned()));
    gitlab.add_tokens([token(1), token(2)].iter().map(String::as_str));
    let rest = [modes(&gitlab), hook_toml("slow", &hook, "json", "")];
    let gateway = TestGateway::start(&database, &rest.concat()).await;
    assert_eq!(gateway.report(&json!([leak(GITLAB_TYPE, &token(1))])).await.status, 204);
    tried(&hook, 1).await;
    hook.say(status(200));
    // There is something else to tell, and it waits too.
    assert_eq!(gateway.report(&json!([leak(GITLAB_TYPE, &token(2))])).await.status, 204);
    told(&hook, 2).await;
    let all = hook.told();
    let waited = all[1].at - all[0].at;
    assert!(waited >= Duration::from_millis(6990), "{waited:?}");
    assert_eq!(all.len(), 2, "then both at once");
    gateway.stop().await;
}

/// Only Postgres has two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_tell_it_once() {
    const MANY: usize = 300;
    let database = Database::postgres().await;
    let (gitlab, hook) = (FakeGitlab::start(), Hook::start().await);
    let rest = [modes(&gitlab), hook_toml("one", &hook, "json", "")].concat();
    let one = TestGateway::start(&database, &rest).await;
    let two = TestGateway::start(&database, &rest).await;
    for n in 0..MANY {
        gitlab.add_token(&token(n));
        let gateway = if n % 2 == 0 { &one } else { &two };
        assert_eq!(gateway.report(&json!([leak(GITLAB_TYPE, &token(n))])).await.status, 204);
    }
    told(&hook, MANY).await;
    // What comes twice comes within a poll.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let notices = told(&hook, MANY).await;
    assert!(notices.iter().all(|notice| notice["state"] == "revoked"));
    one.stop().await;
    two.stop().await;
}
