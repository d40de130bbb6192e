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
    pub(super) async fn fill(&self) -> Result<(), StoreError> {
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

#[cfg(test)]
mod tests {
    use portcullis_base::ManualClock;
    use portcullis_store::ConnectOptions;
    use time::OffsetDateTime;

    use super::*;

    const NOW: i64 = 1_900_000_000;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_leaked_is_kept_a_minute_beyond_its_expiry_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/p.db", folder.path().display()).into();
        let store = Store::connect(&ConnectOptions { url, max_connections: 2 }).await.unwrap();
        let at = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        let clock = Arc::new(ManualClock::at(at));
        let one = Leaked::new(store.clone(), Arc::clone(&clock) as _);
        let minute = Duration::from_mins(1);
        for (expires_at, keep) in [(NOW + 100, 160), (NOW, 60), (NOW - 100, 60), (i64::MIN, 60)] {
            assert_eq!(one.once([1; 32], expires_at).keep, Duration::from_secs(keep));
        }
        one.refuse(&[one.once([1; 32], NOW + 100), one.once([2; 32], NOW + 500)]).await.unwrap();
        assert!(one.has(&[1; 32]) && one.has(&[2; 32]) && !one.has(&[3; 32]));
        let other = Leaked::new(store, Arc::clone(&clock) as _);
        assert!(!other.has(&[1; 32]));
        other.fill().await.unwrap();
        assert!(other.has(&[1; 32]) && other.has(&[2; 32]));
        // A look that began before a report ended takes nothing away.
        one.learn(&[]);
        assert!(one.has(&[1; 32]));
        clock.advance(Duration::from_secs(100) + minute);
        one.learn(&[]);
        assert!(!one.has(&[1; 32]) && one.has(&[2; 32]));
    }
}
