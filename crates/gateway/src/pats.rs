//! Personal access tokens as a service: minted, looked up, leaked, revoked.

mod cache;
mod docs;
mod handlers;
mod input;
mod own;
mod shown;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::random::RngFrom;
use portcullis_base::{Clock, Randomness};
use portcullis_pat::{Digest, KeyRing};
use portcullis_store::events::Event;
use portcullis_store::pats::{NewPat, Pat};
use portcullis_store::{Store, StoreError};

pub(crate) use handlers::rfc3339;
pub use handlers::routes;
pub(crate) use input::is_scope;
pub use own::OwnProvider;

use cache::Cache;
use input::Wanted;
use stats::{Counts, Shown, Stats};

/// After this long a use is worth writing down again.
const USE_EVERY_MS: i64 = 60_000;

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Pats(Arc<Inner>);

struct Inner {
    store: Store,
    ring: KeyRing,
    cache: Cache,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    max_lifetime: Duration,
    counts: Counts,
}

/// A PAT that is good right now, as `/auth` needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The identity that the token speaks for.
    pub owner: String,
    /// What it may do.
    pub scopes: Vec<String>,
}

impl Pats {
    /// Over this store, signing with this ring.
    pub fn new(
        store: Store,
        ring: KeyRing,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        max_lifetime: Duration,
    ) -> Self {
        let cache = Cache::new(!store.is_shared());
        let counts = Counts::default();
        Self(Arc::new(Inner { store, ring, cache, clock, random, max_lifetime, counts }))
    }

    /// Whether a text means to be one of our tokens.
    pub fn has_prefix(&self, text: &str) -> bool {
        self.0.ring.has_prefix(text)
    }

    /// Who holds this token, if it is good. A token that we did not make is refused before the
    /// database or the cache is asked.
    pub async fn holder(&self, token: &str) -> Result<Option<Arc<Holder>>, StoreError> {
        let judged = self.judge(token).await;
        let counts = &self.0.counts;
        Ok(match judged {
            Ok(Ok(holder)) => {
                counts.shown(Shown::Good);
                Some(holder)
            }
            Ok(Err(shown)) => {
                counts.shown(shown);
                None
            }
            Err(error) => {
                counts.shown(Shown::Unavailable);
                return Err(error);
            }
        })
    }

    /// What came of the PATs that [`Self::holder`] was asked about so far.
    pub(crate) fn stats(&self) -> Stats {
        self.0.counts.stats()
    }

    async fn judge(&self, token: &str) -> Result<Result<Arc<Holder>, Shown>, StoreError> {
        let digest = match self.0.ring.verify(token) {
            Ok(digest) => digest,
            Err(error) => return Ok(Err(Shown::Bad(error))),
        };
        let remembered = self.0.cache.get(&digest);
        self.0.counts.looked_up(remembered.is_some());
        let record = match remembered {
            Some(record) => record,
            None => match self.fill(digest).await? {
                Some(record) => record,
                None => return Ok(Err(Shown::Unknown)),
            },
        };
        Ok(if record.revoked_at.is_some() {
            Err(Shown::Revoked)
        } else if record.expires_at <= self.0.clock.now_ms() {
            Err(Shown::Expired)
        } else {
            Ok(Arc::clone(&record.holder))
        })
    }

    async fn fill(&self, digest: Digest) -> Result<Option<Arc<cache::Record>>, StoreError> {
        let generation = self.0.cache.generation();
        let Some(pat) = self.0.store.pat_by_digest(digest.as_str()).await? else {
            return Ok(None);
        };
        self.note_use(&pat);
        let record = Arc::new(cache::Record::from(pat));
        self.0.cache.put(generation, digest, Arc::clone(&record));
        Ok(Some(record))
    }

    /// Beside the answer, since nobody waits for it; a lost note is a minute's imprecision.
    fn note_use(&self, pat: &Pat) {
        let now = self.0.clock.now_ms();
        let fresh = pat.last_used_at.is_some_and(|at| at + USE_EVERY_MS > now);
        if fresh || pat.revoked_at.is_some() || pat.expires_at <= now {
            return;
        }
        let (store, id) = (self.0.store.clone(), pat.id.clone());
        tokio::spawn(async move {
            if let Err(error) = store.touch_pat(&id).await {
                tracing::debug!(error = %error, "a use was not noted");
            }
        });
    }

    /// Makes a PAT; the token is in the answer and nowhere else.
    async fn mint(&self, wanted: &Wanted) -> Result<(Pat, portcullis_pat::Pat), StoreError> {
        let token = self.token();
        let (id, digest) = (self.id(), token.digest());
        let pat = NewPat {
            id: &id,
            owner: &wanted.owner,
            name: &wanted.name,
            description: &wanted.description,
            scopes: &wanted.scopes,
            digest: digest.as_str(),
            expires_at: wanted.expires_at,
        };
        let pat = self.0.store.insert_pat(&pat).await?;
        Ok((pat, token))
    }

    fn token(&self) -> portcullis_pat::Pat {
        self.0.ring.generate(&mut RngFrom(self.0.random.as_ref()))
    }

    /// A UUID that sorts by time (version 7, RFC 9562 section 5.7).
    fn id(&self) -> String {
        let mut random = [0; 10];
        self.0.random.fill(&mut random);
        let ms = u64::try_from(self.0.clock.now_ms()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid().to_string()
    }

    /// Forgets what is remembered as the store tells of changes, from this moment on; the task ends
    /// with the store.
    pub fn follow_changes(&self) -> tokio::task::JoinHandle<()> {
        let events = self.0.store.events().subscribe();
        tokio::spawn(self.clone().heed(events))
    }

    async fn heed(self, mut events: tokio::sync::broadcast::Receiver<Event>) {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            match events.recv().await {
                Ok(Event::PatChanged(digest)) => self.0.cache.forget(&digest),
                Ok(Event::Missed) | Err(RecvError::Lagged(_)) => self.0.cache.forget_all(),
                Ok(Event::Beat) => self.0.cache.beat(),
                Ok(Event::Due) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }
}

/// The scopes of a row; a row that is not a list of strings gives none.
fn scopes(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}
