//! Upstream tokens that bring no more tokens, because they or what was made of them leaked.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use portcullis_base::Clock;
use portcullis_store::issuances::{Digest, Once};
use portcullis_store::{Store, StoreError};
use tokio::task::JoinHandle;

use super::LEEWAY;

/// How long the record of a token outlives the token: the leeway, and as much again for what our clock and the
/// database's differ.
const BEYOND_EXPIRY: Duration = LEEWAY.saturating_mul(2);

/// How late another replica hears of a leak at the latest, as long as the database answers.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The set, as this process knows it. What was put in stays until it has expired: a look at the database that
/// began before a report ended takes nothing away.
#[derive(Clone)]
pub(crate) struct Leaked {
    store: Store,
    clock: Arc<dyn Clock>,
    /// Until when each is kept, in milliseconds since 1970.
    known: Arc<RwLock<HashMap<Digest, i64>>>,
}

impl Leaked {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, known: Arc::default() }
    }

    /// Whether this one leaked. Looks at memory alone.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains_key(digest)
    }

    /// How long a token that expires then, in seconds since 1970, has to be remembered.
    pub(super) fn once(&self, digest: Digest, expires_at: i64) -> Once {
        let left = expires_at.saturating_mul(1000).saturating_sub(self.clock.now_ms());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        Once { digest, keep: left.saturating_add(BEYOND_EXPIRY) }
    }

    /// Refuses these from now on: here at once, whatever becomes of the rest, and everywhere after it.
    pub(super) async fn refuse(&self, all: &[Once]) -> Result<(), StoreError> {
        self.learn(all);
        self.store.leak(all).await
    }

    /// Takes over what the database knows.
    pub(crate) async fn fill(&self) -> Result<(), StoreError> {
        self.learn(&self.store.leaked().await?);
        Ok(())
    }

    /// Does so again and again.
    pub(crate) fn follow(&self) -> JoinHandle<()> {
        let leaked = self.clone();
        tokio::spawn(async move {
            let mut deaf = false;
            loop {
                tokio::time::sleep(ASK_AGAIN).await;
                let filled = leaked.fill().await;
                if let (Err(error), false) = (&filled, deaf) {
                    tracing::warn!(error = %error, "what leaked elsewhere is not heard of");
                }
                deaf = filled.is_err();
            }
        })
    }

    fn learn(&self, all: &[Once]) {
        let now = self.clock.now_ms();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, until| *until > now);
        for once in all {
            let keep = i64::try_from(once.keep.as_millis()).unwrap_or(i64::MAX);
            let until = known.entry(once.digest).or_default();
            *until = (*until).max(now.saturating_add(keep));
        }
    }
}
