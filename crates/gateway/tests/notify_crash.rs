//! A gateway is killed between a secret's end and the moment at which people were told of it: started again
//! it tells them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "these tests need a part of it")]
#[path = "http/notify/hook.rs"]
mod hook;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use hook::{Hook, Say};
use portcullis_chaos::{Place, Process, Setup};
use portcullis_fake_gitlab::FakeGitlab;
use portcullis_test_support::{postgres, scratch_dir};

async fn start(place: Place, directory: &Path, gitlab: &FakeGitlab, hook: &Hook) -> Process {
    let url = &hook.url;
    let setup = Setup {
        binary: env!("CARGO_BIN_EXE_portcullis").into(),
        place,
        directory: directory.to_owned(),
        gitlab: gitlab.url().into(),
        max_batch: 1000,
        call_timeout: Duration::from_secs(2),
        more: format!("[[notifications]]\nname = \"one\"\nurl = \"{url}\"\nformat = \"json\"\n"),
    };
    Process::start(setup).await
}

/// For longer than the lease of 40 s on what the dead one was telling, and a look after it.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..9000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}

/// Reports one more token, and returns when it is dead and that is written.
async fn end_one(process: &Process, gitlab: &FakeGitlab, n: usize) {
    let token = format!("glpat-{n:020}");
    gitlab.add_token(&token);
    assert!(process.client().report(&[token]).await);
    let ended = async || process.client().count_ends().await.get("revoked") == Some(&n);
    until("the token is dead", ended).await;
}

/// Of how many ends it has heard.
fn heard(hook: &Hook) -> usize {
    let notices = hook.notices();
    let ids: BTreeSet<String> = notices.iter().map(|notice| notice["id"].to_string()).collect();
    ids.len()
}

/// Killed as soon as the end is written, when mostly nothing is collected yet; and while the webhook is
/// down.
async fn what_ended_is_told(place: Place) {
    let (directory, gitlab, hook) = (scratch_dir(), FakeGitlab::start(), Hook::start().await);
    let mut process = start(place, directory.path(), &gitlab, &hook).await;
    for n in 1..=3 {
        end_one(&process, &gitlab, n).await;
        process.kill();
        process.start_again().await;
        until("it is told", async || heard(&hook) == n).await;
    }
    hook.say(Say::Status(503, String::new()));
    let before = hook.told().len();
    end_one(&process, &gitlab, 4).await;
    until("it was tried", async || hook.told().len() > before).await;
    // Mostly that is written, and nobody has to wait for a lease.
    tokio::time::sleep(Duration::from_millis(300)).await;
    process.kill();
    hook.say(Say::Status(200, String::new()));
    assert_eq!(heard(&hook), 3);
    process.start_again().await;
    until("it is told", async || heard(&hook) == 4).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_is_told_on_sqlite() {
    what_ended_is_told(Place::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ended_is_told_on_postgres() {
    let database = postgres().await;
    what_ended_is_told(Place::Postgres(database.url().to_owned())).await;
}

/// On SQLite nobody waits for the lease of a dead process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_being_told_is_told_again() {
    let (directory, gitlab) = (scratch_dir(), FakeGitlab::start());
    let hook = Hook::saying(Say::Nothing).await;
    let mut process = start(Place::Sqlite, directory.path(), &gitlab, &hook).await;
    end_one(&process, &gitlab, 1).await;
    until("it is being told", async || hook.told().len() == 1).await;
    process.kill();
    let killed = Instant::now();
    hook.say(Say::Status(200, String::new()));
    process.start_again().await;
    until("it is told", async || heard(&hook) == 1).await;
    assert!(killed.elapsed() < Duration::from_secs(30), "{:?}", killed.elapsed());
    let all = hook.told();
    assert_eq!(all[0].notices()[0]["id"], all[1].notices()[0]["id"], "as the same");
    process.stop().await;
}
