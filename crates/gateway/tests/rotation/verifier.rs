//! A verifier that keeps keys for exactly as long as it is told that it may, and never looks again for a
//! `kid` that it does not know: the strictest that is still legal (RFC 9111).

use std::time::{Duration, Instant};

use portcullis_base::http::{ClientOptions, client};
use portcullis_jwt_verify::sources::StaticKeys;
use portcullis_jwt_verify::{KeySet, Verifier};
use tokio::sync::Mutex;

/// Keys and until when they are good.
struct Held {
    verifier: Verifier,
    until: Instant,
}

pub(crate) struct CachingVerifier {
    /// It keeps what it fetches first no longer than this.
    first: Duration,
    http: reqwest::Client,
    keys: String,
    held: Mutex<Option<Held>>,
}

impl CachingVerifier {
    pub(crate) fn of(address: &str, first: Duration) -> Self {
        let http = client(&ClientOptions::default()).unwrap();
        let keys = format!("http://{address}/.well-known/jwks.json");
        Self { first, http, keys, held: Mutex::new(None) }
    }

    /// Whether it has keys.
    pub(crate) async fn has_keys(&self) -> bool {
        self.held.lock().await.is_some()
    }

    /// Why it refuses a token, where it does.
    pub(crate) async fn refuses(&self, token: &str) -> Option<String> {
        let mut held = self.held.lock().await;
        if held.as_ref().is_none_or(|held| held.until <= Instant::now()) {
            let longest = if held.is_none() { self.first } else { Duration::MAX };
            *held = Some(self.fetch(longest).await);
        }
        let held = held.as_ref().unwrap();
        held.verifier.verify(token).await.err().map(|error| error.to_string())
    }

    async fn fetch(&self, longest: Duration) -> Held {
        // An answer is as old as its request (RFC 9111, section 4.2.3).
        let begun = Instant::now();
        let answer = self.http.get(&self.keys).send().await.unwrap();
        let said = answer.headers()["cache-control"].to_str().unwrap().to_owned();
        let age = said.strip_prefix("public, max-age=").unwrap().parse().unwrap();
        let set = KeySet::from_jwks(&answer.bytes().await.unwrap()).unwrap();
        let builder = Verifier::builder(StaticKeys::new(set)).any_issuer().any_audience();
        let verifier = builder.without_subject().require_key_id().leeway(Duration::ZERO).build();
        Held { verifier, until: begun + Duration::from_secs(age).min(longest) }
    }
}
