//! An issuer with a web server, a clock that the test moves, and what both have in common.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::clock::from_ms;
use portcullis_base::{Clock as _, ManualClock, http};
use portcullis_jwt_verify::sources::{KeyError, KeySource, RemoteKeys, RemoteOptions};
use portcullis_jwt_verify::{Error, Verifier};
use portcullis_test_support::{Reply, SigningKey, Site, jwks};
use serde_json::json;

pub(crate) const PATH: &str = "/keys";
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// The shortest time that the clock tells.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// The last moment before this is over.
pub(crate) fn just_before(time: Duration) -> Duration {
    time.saturating_sub(TICK)
}

pub(crate) struct World {
    pub(crate) site: Site,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn start() -> Self {
        Self { site: Site::start(), clock: clock() }
    }

    /// One whose site publishes these keys, good for so many seconds.
    pub(crate) fn publishing(keys: &[&SigningKey], max_age: u64) -> Self {
        let world = Self::start();
        world.publish(keys, max_age);
        world
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey], max_age: u64) {
        self.site.set(PATH, set(keys).header("Cache-Control", &format!("max-age={max_age}")));
    }

    pub(crate) fn options(&self) -> RemoteOptions {
        RemoteOptions { clock: self.clock.clone(), ..options() }
    }

    pub(crate) fn source(&self) -> RemoteKeys {
        self.source_with(self.options())
    }

    pub(crate) fn source_with(&self, options: RemoteOptions) -> RemoteKeys {
        RemoteKeys::jwks(&self.at(PATH), options).unwrap()
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.site.url())
    }

    pub(crate) fn fetches(&self) -> usize {
        self.site.count(PATH)
    }

    /// Moves the clock, asks as a request would, and waits for the end of what that began in the
    /// background. There have to be so many fetches then.
    pub(crate) async fn ask_after(
        &self,
        by: Duration,
        source: &RemoteKeys,
        fetches: usize,
    ) -> bool {
        self.clock.advance(by);
        let before = self.fetches();
        let known = source.known().is_some();
        if fetches > before {
            let now = Some(self.clock.now());
            eventually(|| {
                let health = source.health();
                health.fetched_at == now || health.last_error.map(|(at, _)| at) == now
            })
            .await;
        }
        self.settle(fetches).await;
        known
    }

    /// Makes sure that there are just so many fetches, now and a little later.
    pub(crate) async fn settle(&self, fetches: usize) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(self.fetches(), fetches);
    }
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(from_ms(1_793_534_400_000)))
}

pub(crate) fn options() -> RemoteOptions {
    RemoteOptions::new(http::client(&http::ClientOptions::default()).unwrap())
}

pub(crate) fn key(id: &str) -> SigningKey {
    SigningKey::generate("EdDSA", id)
}

pub(crate) fn set(keys: &[&SigningKey]) -> Reply {
    Reply::json(jwks(keys.iter().copied()))
}

pub(crate) fn verifier(keys: impl Into<Arc<dyn KeySource>>, remember: u64) -> Verifier {
    Verifier::builder(keys).issuer("i").any_audience().remember(remember).build()
}

pub(crate) fn token(key: &SigningKey) -> String {
    key.sign(&json!({"iss": "i", "sub": "s", "exp": 253_402_300_799_i64}))
}

pub(crate) async fn verdict(verifier: &Verifier, key: &SigningKey) -> Result<(), Error> {
    verifier.verify(&token(key)).await.map(drop)
}

/// The ids of a set, in order.
pub(crate) async fn found(
    source: &dyn KeySource,
    kid: Option<&str>,
) -> Result<Vec<String>, KeyError> {
    let keys = source.find(kid).await?;
    Ok(keys.iter().filter_map(|key| key.id().map(str::to_owned)).collect())
}

pub(crate) fn last_error(source: &dyn KeySource) -> Option<KeyError> {
    source.health().last_error.map(|(_, error)| error)
}

/// Waits for something that happens in the background.
pub(crate) async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen within 5 s");
}
