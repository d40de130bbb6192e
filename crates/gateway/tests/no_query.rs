//! A forged token costs no query, a remembered one none either. Alone in its process, since it
//! counts every statement that the process sends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use support::{Database, Minted, TestGateway, eventually};
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
        write!(self.0, "{value:?} ").unwrap();
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
    let pat = gateway.mint().await;
    let before = look_ups();
    assert_eq!(gateway.auth(&pat.token).await.status, 200);
    assert_eq!(look_ups(), before + 1, "the counter counts");
    // The note of this use is written beside the answer.
    noted(&gateway, &pat).await;

    let before = on_pats();
    for n in 0..1000 {
        assert_eq!(gateway.auth(&forged(&pat.token, n)).await.status, 401);
    }
    assert_eq!(on_pats(), before, "a forged token costs no query");
    // A machine that stands still for seconds may outlast what is remembered: it gets another try.
    let mut tries = 0;
    while !asks_once(&gateway).await {
        tries += 1;
        assert!(tries < 5, "a remembered token costs a query");
    }
    gateway.stop().await;
}

async fn noted(gateway: &TestGateway, pat: &Minted) {
    eventually(Duration::from_secs(10), async || {
        let shown = gateway.pats(Method::GET, &format!("/{}", pat.id), None).await;
        (!shown.json()["last_used_at"].is_null()).then_some(())
    })
    .await;
}

/// Whether a hundred uses of a new token after its first one cost no query.
async fn asks_once(gateway: &TestGateway) -> bool {
    let pat = gateway.mint().await;
    assert_eq!(gateway.auth(&pat.token).await.status, 200);
    noted(gateway, &pat).await;
    let before = on_pats();
    for _ in 0..100 {
        assert_eq!(gateway.auth(&pat.token).await.status, 200);
    }
    on_pats() == before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_and_on_postgres() {
    let subscriber = tracing_subscriber::registry().with(Counting);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    forged_and_remembered_tokens_ask_nobody(Database::sqlite().await).await;
    forged_and_remembered_tokens_ask_nobody(Database::postgres().await).await;
}
