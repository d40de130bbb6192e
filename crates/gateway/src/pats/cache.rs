//! What is remembered of PATs, for five seconds and never longer than is known to be right.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache as Remembered;
use portcullis_pat::Digest;
use portcullis_store::pats::Pat;

use super::Holder;

/// The longest that a replica which hears nothing can be wrong.
const LIFE: Duration = Duration::from_secs(5);

/// A replica that has not heard itself for so long asks the database every time.
const SILENCE: Duration = Duration::from_secs(2);

const AT_MOST: u64 = 100_000;

/// A PAT's token as `/auth` needs it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) holder: Arc<Holder>,
    pub(super) expires_at: i64,
    pub(super) revoked_at: Option<i64>,
}

impl From<Pat> for Record {
    fn from(pat: Pat) -> Self {
        let holder = Holder { scopes: super::scopes(&pat.scopes), owner: pat.owner };
        Self { holder: Arc::new(holder), expires_at: pat.expires_at, revoked_at: pat.revoked_at }
    }
}

/// The cache. Its generation counts what was forgotten: a fill that began before is thrown away,
/// because it may have read what is no longer true.
pub(super) struct Cache {
    records: Remembered<String, Arc<Record>>,
    generation: Mutex<u64>,
    /// When this replica last heard itself; not asked where `alone`.
    heard: Mutex<Option<Instant>>,
    /// There are no other replicas to hear.
    alone: bool,
}

impl Cache {
    pub(super) fn new(alone: bool) -> Self {
        let records = Remembered::builder().max_capacity(AT_MOST).time_to_live(LIFE).build();
        Self { records, generation: Mutex::new(0), heard: Mutex::new(None), alone }
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Record>> {
        if self.may_be_believed() { self.records.get(digest.as_str()) } else { None }
    }

    /// Everything that was told before this moment has been heeded.
    pub(super) fn beat(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn may_be_believed(&self) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        self.alone || heard.is_some_and(|at| at.elapsed() <= SILENCE)
    }

    /// To be read before the database is asked.
    pub(super) fn generation(&self) -> u64 {
        *self.lock()
    }

    /// Keeps what was read in `generation`, unless something was forgotten since.
    pub(super) fn put(&self, generation: u64, digest: Digest, record: Arc<Record>) {
        let now = self.lock();
        if *now == generation {
            self.records.insert(digest.as_str().to_owned(), record);
        }
    }

    pub(super) fn forget(&self, digest: &str) {
        let mut generation = self.lock();
        *generation += 1;
        self.records.invalidate(digest);
    }

    pub(super) fn forget_all(&self) {
        let mut generation = self.lock();
        *generation += 1;
        self.records.invalidate_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, u64> {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_pat::{DEFAULT_PREFIX, KeyRing, SigningKey};

    fn digest() -> Digest {
        let ring = KeyRing::new(DEFAULT_PREFIX, vec![SigningKey::new(&[1; 32]).unwrap()]).unwrap();
        let mut rng = portcullis_base::random::RngFrom(&portcullis_base::SystemRandomness);
        ring.generate(&mut rng).digest()
    }

    fn record() -> Arc<Record> {
        let holder = Arc::new(Holder { owner: "user:ann".into(), scopes: Vec::new() });
        Arc::new(Record { holder, expires_at: i64::MAX, revoked_at: None })
    }

    #[test]
    fn a_replica_that_has_not_heard_itself_remembers_nothing() {
        let (cache, digest) = (Cache::new(false), digest());
        cache.put(cache.generation(), digest, record());
        assert!(cache.get(&digest).is_none(), "not a word was heard yet");
        cache.beat();
        assert!(cache.get(&digest).is_some());
    }

    #[test]
    fn a_fill_older_than_the_last_invalidation_is_thrown_away() {
        let (cache, digest) = (Cache::new(true), digest());
        for forget in [(|cache, digest| cache.forget(digest)) as fn(&Cache, &str), |cache, _| {
            cache.forget_all();
        }] {
            let before = cache.generation();
            forget(&cache, digest.as_str());
            cache.put(before, digest, record());
            assert!(cache.records.get(digest.as_str()).is_none());
        }
        cache.put(cache.generation(), digest, record());
        assert!(cache.records.get(digest.as_str()).is_some());
        cache.forget(digest.as_str());
        assert!(cache.records.get(digest.as_str()).is_none());
    }
}
