//! A webhook that never takes what it is told is given up, and its line goes on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::{SystemClock, SystemRandomness};
use portcullis_revocation::notify::{Format, Options, Outbox, Webhook};
use portcullis_store::notices::Telling;
use portcullis_store::queue::State;
use portcullis_store::report::{Entry, NewRevocation, Sighting};
use portcullis_store::{ConnectOptions, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
    panic!("{calls:?} and not {count}");
}

async fn open(folder: &tempfile::TempDir) -> Store {
    let url = format!("sqlite://{}/p.db", folder.path().display());
    Store::connect(&ConnectOptions { url: url.into(), max_connections: 2 }).await.unwrap()
}

/// Not while a test runs.
const LATER: Duration = Duration::from_hours(1);

fn outbox(store: &Store, url: Option<&str>, give_up_after: Duration) -> Outbox {
    let webhook = |url: &str| Webhook {
        name: "one".into(),
        url: url.into(),
        format: Format::Json,
        types: vec!["*".into()],
        on: vec![State::Noted],
        signing_secret: None,
        http: client(&ClientOptions::default()).unwrap(),
    };
    let options = Options {
        collect_every: Duration::from_millis(10),
        retry_base: Duration::from_millis(10),
        retry_cap: Duration::from_millis(20),
        give_up_after,
        ..Options::default()
    };
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandomness));
    Outbox::start(store.clone(), url.map(webhook).into_iter().collect(), options, clock, random)
}

async fn is_empty(store: &Store) -> bool {
    store.claim_notices("one", 1000, Duration::ZERO).await.unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_webhook_never_takes_is_given_up_after_enough_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    store.tell_people();
    let (url, calls) = rude().await;
    let outbox = outbox(&store, Some(&url), Duration::ZERO);
    for n in 1..=2 {
        store.report(&[noted(n)]).await.unwrap();
        reach(&calls, usize::from(n) * 5).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(calls.load(Ordering::SeqCst), usize::from(n) * 5, "five attempts each");
    }
    outbox.stop().await;
    assert!(is_empty(&store).await);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_webhook_that_is_gone_not_each_of_many_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    store.tell_people();
    let all: Vec<_> = (0..=250).map(noted).collect();
    store.report(&all).await.unwrap();
    let (url, calls) = rude().await;
    let outbox = outbox(&store, Some(&url), Duration::ZERO);
    reach(&calls, 10).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 10);
    outbox.stop().await;
    assert!(is_empty(&store).await);
    store.close().await;
}

/// Takes what does not hold the fingerprint of [`noted`] of 7; counts what it took and its calls.
async fn picky() -> (String, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (taken, calls) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (told, called) = (Arc::clone(&taken), Arc::clone(&calls));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            called.fetch_add(1, Ordering::SeqCst);
            let (mut read, mut buffer) = (String::new(), vec![0; 65_536]);
            while !read.ends_with("]}") {
                let n = stream.read(&mut buffer).await.unwrap();
                read.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
            }
            let count = read.matches("\"fingerprint\"").count();
            let status = if read.contains(&"07".repeat(32)) { "400 No" } else { "200 OK" };
            if status == "200 OK" {
                told.fetch_add(count, Ordering::SeqCst);
            }
            let answer =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, taken, calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_notice_that_is_never_taken_keeps_no_others_from_being_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    store.tell_people();
    let all: Vec<_> = (0..8).map(noted).collect();
    store.report(&all).await.unwrap();
    let (url, taken, calls) = picky().await;
    let outbox = outbox(&store, Some(&url), LATER);
    reach(&taken, 7).await;
    assert!(calls.load(Ordering::SeqCst) < 20, "{calls:?}");
    outbox.stop().await;
    assert_eq!(taken.load(Ordering::SeqCst), 7);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_webhook_what_is_left_is_given_up_and_what_is_marked_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    store.tell_people();
    store.report(&[noted(1)]).await.unwrap();
    let tell = |_: &_| vec![Telling { webhook: "one".into(), payload: "{}".into() }];
    assert_eq!(store.collect(10, tell).await.unwrap(), 1);
    store.report(&[noted(2)]).await.unwrap();
    let outbox = outbox(&store, None, Duration::ZERO);
    for _ in 0..200 {
        if is_empty(&store).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    outbox.stop().await;
    assert!(is_empty(&store).await);
    assert_eq!(store.collect(10, tell).await.unwrap(), 1);
    store.close().await;
}
