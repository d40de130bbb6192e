//! An issuer with a web server, a clock that the test moves, and what both have in common.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::clock::from_ms;
use portcullis_base::{ManualClock, http};
use portcullis_jwt_verify::sources::{KeyError, KeySource, RemoteKeys, RemoteOptions};
use portcullis_jwt_verify::{Error, Verifier};
use portcullis_test_support::{Reply, SigningKey, Site, jwks};
use serde_json::json;

pub const PATH: &str = "/keys";
pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_mins(1);
pub const HOUR: Duration = Duration::from_hours(1);
pub const DAY: Duration = Duration::from_hours(24);

pub struct World {
    pub site: Site,
    pub clock: Arc<ManualClock>,
}

impl World {
    pub fn start() -> Self {
        Self { site: Site::start(), clock: clock() }
    }

    /// One whose site publishes these keys, good for so many seconds.
    pub fn publishing(keys: &[&SigningKey], max_age: u64) -> Self {
        let world = Self::start();
        world.publish(keys, max_age);
        world
    }

    pub fn publish(&self, keys: &[&SigningKey], max_age: u64) {
        self.site.set(PATH, set(keys).header("Cache-Control", &format!("max-age={max_age}")));
    }

    pub fn options(&self) -> RemoteOptions {
        RemoteOptions { clock: self.clock.clone(), ..options() }
    }

    pub fn source(&self) -> RemoteKeys {
        self.source_with(self.options())
    }

    pub fn source_with(&self, options: RemoteOptions) -> RemoteKeys {
        RemoteKeys::jwks(&self.at(PATH), options).unwrap()
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.site.url())
    }

    pub fn fetches(&self) -> usize {
        self.site.count(PATH)
    }

    /// Moves the clock, asks as a request would, and waits for whatever that began in the background.
    pub async fn ask_after(&self, by: Duration, source: &RemoteKeys, fetches: usize) -> bool {
        self.clock.advance(by);
        let known = source.known().is_some();
        self.settle(fetches).await;
        known
    }

    /// Waits until there were so many fetches, and makes sure that there is not one more.
    pub async fn settle(&self, fetches: usize) {
        eventually(|| self.fetches() >= fetches).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(self.fetches(), fetches);
    }
}

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(from_ms(1_793_534_400_000)))
}

pub fn options() -> RemoteOptions {
    RemoteOptions::new(http::client(&http::ClientOptions::default()).unwrap())
}

pub fn key(id: &str) -> SigningKey {
    SigningKey::generate("EdDSA", id)
}

pub fn set(keys: &[&SigningKey]) -> Reply {
    Reply::json(jwks(keys.iter().copied()))
}

pub fn verifier(keys: impl Into<Arc<dyn KeySource>>, remember: u64) -> Verifier {
    Verifier::builder(keys).issuer("i").any_audience().remember(remember).build()
}

pub fn token(key: &SigningKey) -> String {
    key.sign(&json!({"iss": "i", "sub": "s", "exp": 253_402_300_799_i64}))
}

pub async fn verdict(verifier: &Verifier, key: &SigningKey) -> Result<(), Error> {
    verifier.verify(&token(key)).await.map(drop)
}

/// The ids of a set, in order.
pub async fn found(source: &dyn KeySource, kid: Option<&str>) -> Result<Vec<String>, KeyError> {
    let keys = source.find(kid).await?;
    Ok(keys.iter().filter_map(|key| key.id().map(str::to_owned)).collect())
}

pub fn last_error(source: &dyn KeySource) -> Option<KeyError> {
    source.health().last_error.map(|(_, error)| error)
}

/// Waits for something that happens in the background.
pub async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen within 5 s");
}
