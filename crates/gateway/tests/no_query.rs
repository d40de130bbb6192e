//! A forged token costs no query, a remembered one none either. Alone in its process, since it
//! counts every statement that the process sends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{Database, TestGateway};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

#[expect(dead_code, reason = "this test needs a part of it")]
mod support;

/// Statements that look a PAT up.
static LOOK_UPS: AtomicUsize = AtomicUsize::new(0);
/// All statements on the tables of PATs.
static ON_PATS: AtomicUsize = AtomicUsize::new(0);

/// Counts the statements that `sqlx` logs.
struct Counting;

impl<S: Subscriber> Layer<S> for Counting {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        if text.0.contains("pats") || text.0.contains("pat_tokens") {
            ON_PATS.fetch_add(1, Ordering::Relaxed);
        }
        if text.0.contains("SELECT") && text.0.contains("t.digest = $1") {
            LOOK_UPS.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Every field of an event: a long statement is in another field than a short one.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{value:?} ");
    }

    fn record_str(&mut self, _: &Field, value: &str) {
        self.0 += value;
    }
}

fn look_ups() -> usize {
    LOOK_UPS.load(Ordering::Relaxed)
}

fn on_pats() -> usize {
    ON_PATS.load(Ordering::Relaxed)
}

/// The token's signature over another value, each time another.
fn forged(token: &str, n: usize) -> String {
    let (signature, value) = token.split_once('.').unwrap();
    format!("{signature}.{n:05}{}", &value[5..])
}

async fn forged_and_remembered_tokens_ask_nobody(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let token = gateway.mint().await.token;
    let before = look_ups();
    assert_eq!(gateway.auth(&token).await.status, 200);
    assert_eq!(look_ups(), before + 1, "the counter counts");

    // The note of the first use is written beside its answer.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = on_pats();
    for n in 0..1000 {
        assert_eq!(gateway.auth(&forged(&token, n)).await.status, 401);
    }
    assert_eq!(on_pats(), before, "a forged token costs no query");

    // Within the five seconds for which a token is remembered: the first use fills anew.
    assert_eq!(gateway.auth(&token).await.status, 200);
    let before = look_ups();
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(gateway.auth(&token).await.status, 200);
    }
    let periods = usize::try_from(begun.elapsed().as_secs() / 5).unwrap() + 1;
    assert!(look_ups() <= before + periods, "a remembered token costs no query");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_and_on_postgres() {
    let subscriber = tracing_subscriber::registry().with(Counting);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    forged_and_remembered_tokens_ask_nobody(Database::sqlite().await).await;
    forged_and_remembered_tokens_ask_nobody(Database::postgres().await).await;
}
