//! A source that takes connections and says nothing costs everybody who asks one wait, and no more.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use portcullis_base::http::{ClientOptions, client};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::super::keys::{Found, Keys};
use super::{OF_GITHUB, pem};

/// For what comes at once, on a machine that may stand still for a while.
const AT_ONCE: Duration = Duration::from_secs(5);

/// It answers when the test does, and time goes on when the test says so.
struct World {
    source: TcpListener,
    keys: Keys,
    start: Instant,
    passed: Arc<AtomicU64>,
}

impl World {
    async fn new() -> Self {
        let source = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/keys", source.local_addr().unwrap());
        let http = client(&ClientOptions::default()).unwrap();
        let keys = Keys::new(http, url.parse().unwrap()).unwrap();
        Self { source, keys, start: Instant::now(), passed: Arc::default() }
    }

    /// Somebody asks, so many seconds after the start; when this returns he waits, or has his answer.
    async fn ask(&self, second: u64) -> JoinHandle<bool> {
        self.passed.store(second, Ordering::Relaxed);
        let (keys, start, passed) = (self.keys.clone(), self.start, Arc::clone(&self.passed));
        let clock = move || start + Duration::from_secs(passed.load(Ordering::Relaxed));
        let asked = tokio::spawn(async move {
            match keys.find_at(OF_GITHUB.identifier, clock).await {
                Found::Current(_) => true,
                Found::Unavailable => false,
                Found::Retired | Found::Unknown => panic!("nothing else is published"),
            }
        });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        asked
    }

    /// The next fetch, once its request is there.
    async fn fetch(&self) -> TcpStream {
        let (mut fetch, _) =
            tokio::time::timeout(AT_ONCE, self.source.accept()).await.expect("a fetch").unwrap();
        assert!(fetch.read(&mut [0; 4096]).await.unwrap() > 0);
        fetch
    }
}

async fn answer(mut fetch: TcpStream, status: u16, body: &str) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n");
    fetch.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
}

async fn heard(asked: JoinHandle<bool>) -> bool {
    tokio::time::timeout(AT_ONCE, asked).await.expect("it waits for another fetch").unwrap()
}

#[tokio::test]
async fn whoever_comes_while_a_fetch_hangs_waits_for_that_one_alone() {
    let world = World::new().await;
    let mut asked = Vec::new();
    for second in [0, 6, 11, 16] {
        asked.push(world.ask(second).await);
    }
    let fetch = world.fetch().await;
    world.passed.store(20, Ordering::Relaxed);
    answer(fetch, 502, "").await;
    for one in asked {
        assert!(!heard(one).await);
    }
    // It is left alone from the end of the fetch on, and not from when somebody asked for it.
    assert!(!heard(world.ask(24).await).await);
    let again = world.ask(25).await;
    let key = json!({ "key_identifier": OF_GITHUB.identifier, "key": pem(OF_GITHUB.key), "is_current": true });
    let published = json!({ "public_keys": [key] }).to_string();
    answer(world.fetch().await, 200, &published).await;
    assert!(heard(again).await);
}

#[tokio::test]
async fn callers_who_leave_leave_nothing_behind() {
    let world = World::new().await;
    let first = world.ask(0).await;
    let fetch = world.fetch().await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    for second in 1..=50 {
        let asked = world.ask(second * 6).await;
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled(), "it waited");
    }
    assert_eq!(Handle::current().metrics().num_alive_tasks(), tasks);
    answer(fetch, 502, "").await;
    assert!(!heard(first).await);
}
