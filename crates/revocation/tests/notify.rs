//! A webhook that never answers is given up, and its line goes on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::{SystemClock, SystemRandomness};
use portcullis_revocation::notify::{Format, Options, Outbox, Webhook};
use portcullis_store::queue::State;
use portcullis_store::report::{Entry, NewRevocation, Sighting};
use portcullis_store::{ConnectOptions, Store};
use tokio::net::TcpListener;

/// A row that nobody revokes.
fn noted(n: u8) -> NewRevocation {
    NewRevocation {
        fingerprint: [n; 32],
        token_type: "type_a".into(),
        provider: "none".into(),
        mode: "notify",
        entry: Entry::Ended(State::Noted),
        reason: None,
        code: Some("notify"),
        sealed: None,
        key_version: 1,
        pat_digest: None,
        sightings: vec![Sighting {
            digest: [n; 16],
            token_type: "type_a".into(),
            reporter: "a test".into(),
            location: None,
            times: 1,
        }],
    }
}

/// Hangs up on everybody, and counts them.
async fn rude() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (format!("http://{address}/"), calls)
}

async fn reach(calls: &AtomicUsize, count: usize) {
    for _ in 0..1000 {
        if calls.load(Ordering::SeqCst) >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{calls:?} calls and not {count}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_webhook_never_takes_is_given_up_after_enough_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/p.db", folder.path().display());
    let options = ConnectOptions { url: url.into(), max_connections: 2 };
    let store = Store::connect(&options).await.unwrap();
    store.tell_people();
    let (url, calls) = rude().await;
    let webhook = Webhook {
        name: "rude".into(),
        url: url.into(),
        format: Format::Json,
        types: vec!["*".into()],
        on: vec![State::Noted],
        signing_secret: None,
        http: client(&ClientOptions::default()).unwrap(),
    };
    assert_eq!(format!("{webhook:?}"), "Webhook(rude)");
    let options = Options {
        collect_every: Duration::from_millis(10),
        retry_base: Duration::from_millis(10),
        retry_cap: Duration::from_millis(20),
        // All of them are too old at once.
        give_up_after: Duration::ZERO,
    };
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandomness));
    let outbox = Outbox::start(store.clone(), vec![webhook], options, clock, random);
    for n in 1..=2 {
        store.report(&[noted(n)]).await.unwrap();
        reach(&calls, usize::from(n) * 5).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(calls.load(Ordering::SeqCst), usize::from(n) * 5, "five attempts each");
    }
    outbox.stop().await;
    // Nothing of them is left.
    assert!(store.claim_notices("rude", 10, Duration::ZERO).await.unwrap().is_empty());
    store.close().await;
}
