//! Clients that never stop asking for tokens, and verifiers to which each token is shown from its first
//! moment to its last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_base::http::{ClientOptions, client};
use portcullis_base::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

use super::verifier::CachingVerifier;
use crate::support::{PATIENCE, eventually};

const CLIENTS: usize = 3;
const VERIFIERS: u32 = 4;
/// Verifiers fetch at different times: one of them always did so just before.
const APART: Duration = Duration::from_millis(250);
/// Between two requests of a client: it is the caches that are tried here, not the machine.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two looks at the same token.
const LOOK: Duration = Duration::from_millis(400);
/// A token that ends so soon may end on its way.
const ALMOST_OVER_MS: i64 = 300;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) tokens: usize,
    pub(crate) checks: usize,
    /// Which keys signed.
    pub(crate) signed_by: Vec<String>,
    /// By the `kid` of each refused token, why.
    pub(crate) refused: Vec<String>,
}

struct Shared {
    url: String,
    http: reqwest::Client,
    upstream: String,
    verifiers: Vec<CachingVerifier>,
    stop: AtomicBool,
    tokens: AtomicUsize,
    checks: AtomicUsize,
    signed_by: Mutex<BTreeSet<String>>,
    refused: Mutex<Vec<String>>,
}

pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Against a gateway, with a token of its upstream's.
    pub(crate) fn start(address: &str, upstream: &str) -> Self {
        let shared = Arc::new(Shared {
            url: format!("http://{address}/token"),
            http: client(&ClientOptions::default()).unwrap(),
            upstream: upstream.to_owned(),
            verifiers: (1..=VERIFIERS)
                .map(|n| CachingVerifier::of(address, APART.saturating_mul(n)))
                .collect(),
            stop: AtomicBool::new(false),
            tokens: AtomicUsize::new(0),
            checks: AtomicUsize::new(0),
            signed_by: Mutex::default(),
            refused: Mutex::default(),
        });
        let clients = (0..CLIENTS).map(|_| tokio::spawn(ask(Arc::clone(&shared)))).collect();
        Self { shared, clients }
    }

    pub(crate) async fn until_all_have_keys(&self) {
        eventually(PATIENCE, async || {
            for verifier in &self.shared.verifiers {
                if !verifier.has_keys().await {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// Lets every token come to its end.
    pub(crate) async fn stop(self) -> Told {
        self.shared.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        Told {
            tokens: self.shared.tokens.load(Ordering::Relaxed),
            checks: self.shared.checks.load(Ordering::Relaxed),
            signed_by: self.shared.signed_by.lock().await.iter().cloned().collect(),
            refused: self.shared.refused.lock().await.clone(),
        }
    }
}

async fn ask(shared: Arc<Shared>) {
    let mut shown = JoinSet::new();
    while !shared.stop.load(Ordering::Relaxed) {
        let body = json!({"token": shared.upstream}).to_string();
        let answer = shared.http.post(&shared.url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let token = answer.text().await.unwrap();
        shared.tokens.fetch_add(1, Ordering::Relaxed);
        shown.spawn(show(Arc::clone(&shared), token));
        tokio::time::sleep(PAUSE).await;
    }
    while let Some(shown) = shown.join_next().await {
        shown.unwrap();
    }
}

/// To every verifier at once, and again until it has expired.
async fn show(shared: Arc<Shared>, token: String) {
    let kid = part(&token, 0)["kid"].as_str().unwrap().to_owned();
    let ends_ms = part(&token, 1)["exp"].as_i64().unwrap() * 1000;
    shared.signed_by.lock().await.insert(kid.clone());
    loop {
        for verifier in &shared.verifiers {
            let refused = verifier.refuses(&token).await;
            // What was over before the answer was there was not refused for its key.
            if SystemClock.now_ms() >= ends_ms {
                return;
            }
            shared.checks.fetch_add(1, Ordering::Relaxed);
            if let Some(why) = refused {
                shared.refused.lock().await.push(format!("{kid}: {why}"));
            }
        }
        let left = ends_ms - SystemClock.now_ms() - ALMOST_OVER_MS;
        let Ok(left @ 1..) = u64::try_from(left) else { return };
        tokio::time::sleep(LOOK.min(Duration::from_millis(left))).await;
    }
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
