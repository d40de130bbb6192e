//! The public keys of a programme: fetched, kept, and fetched again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portcullis_web::is_safe;
use reqwest::Client;
use thiserror::Error;
use url::Url;

use super::document::{LONGEST_IDENTIFIER, Published};
use super::fetch;
use super::signature::PublicKey;

/// Known keys are not asked for again so long.
const LIFE: Duration = Duration::from_mins(15);
/// So long after they were fetched they are used while fetching fails.
const STALE: Duration = Duration::from_hours(24);
/// How often an identifier that is not among the known keys has them fetched again.
const UNKNOWN_WAIT: Duration = Duration::from_mins(1);
/// After a failure, how long the source is left alone.
const FAILURE_WAIT: Duration = Duration::from_secs(5);

/// Keys over a wire that others write to are anybody's keys.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("must be an https URL")]
pub struct Insecure;

/// What is known of an identifier.
#[derive(Debug)]
pub(super) enum Found {
    /// It signs.
    Current(PublicKey),
    /// It is published, and signs no more.
    Retired,
    /// It is not published.
    Unknown,
    /// No keys are known, and none could be had.
    Unavailable,
}

/// Keys of one address. Cheap to clone: clones share them.
#[derive(Debug, Clone)]
pub(super) struct Keys(Arc<Source>);

#[derive(Debug)]
struct Source {
    http: Client,
    url: Url,
    held: Mutex<Held>,
    /// Whoever has it fetches: one at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Held {
    keys: Arc<Vec<Published>>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
    /// Whether the last try brought nothing.
    failed: bool,
}

impl Keys {
    pub(super) fn new(http: Client, url: Url) -> Result<Self, Insecure> {
        if !is_safe(&url) {
            return Err(Insecure);
        }
        let (held, turn) = Default::default();
        Ok(Self(Arc::new(Source { http, url, held, turn })))
    }

    /// The key of this identifier; fetched, where it is not known and that may help.
    pub(super) async fn find(&self, identifier: &str) -> Found {
        self.find_at(identifier, Instant::now).await
    }

    /// By this clock. It goes on while a source is waited for.
    pub(super) async fn find_at(
        &self,
        identifier: &str,
        clock: impl Fn() -> Instant + Clone + Send + 'static,
    ) -> Found {
        if identifier.len() > LONGEST_IDENTIFIER {
            return Found::Unknown;
        }
        let (wanted, needed) = {
            let (held, now) = (self.0.held(), clock());
            (held.wants(identifier, now), !held.makes_do(identifier, now))
        };
        if wanted {
            Arc::clone(&self.0).renew(identifier, needed, clock.clone()).await;
        }
        self.0.held().find(identifier, clock())
    }
}

impl Held {
    /// Whether a fetch may be made now that could change what is known of this identifier.
    fn wants(&self, identifier: &str, now: Instant) -> bool {
        let fresh = self.is_within(LIFE, now);
        if fresh && self.signs(identifier) {
            return false;
        }
        let wait = match (fresh, self.failed) {
            (true, _) => UNKNOWN_WAIT,
            (false, true) => FAILURE_WAIT,
            (false, false) => Duration::ZERO,
        };
        self.tried.is_none_or(|tried| now.saturating_duration_since(tried) >= wait)
    }

    /// Whether nobody needs to wait for a source that is down: the key is known, if an old one.
    fn makes_do(&self, identifier: &str, now: Instant) -> bool {
        self.failed && self.is_within(STALE, now) && self.signs(identifier)
    }

    fn signs(&self, identifier: &str) -> bool {
        self.keys.iter().any(|key| key.identifier == identifier && key.is_current)
    }

    fn is_within(&self, life: Duration, now: Instant) -> bool {
        self.fetched.is_some_and(|fetched| now.saturating_duration_since(fetched) < life)
    }

    fn find(&self, identifier: &str, now: Instant) -> Found {
        if !self.is_within(STALE, now) {
            return Found::Unavailable;
        }
        match self.keys.iter().find(|key| key.identifier == identifier) {
            Some(key) if key.is_current => Found::Current(key.key.clone()),
            Some(_) => Found::Retired,
            None => Found::Unknown,
        }
    }
}

impl Source {
    /// Nobody waits under this lock for anything but memory.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever comes while a fetch is under way waits for that one and makes none after it: nobody waits
    /// for longer than one takes, and whoever leaves leaves nothing behind.
    async fn renew(
        self: Arc<Self>,
        identifier: &str,
        needed: bool,
        clock: impl Fn() -> Instant + Send + 'static,
    ) {
        let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else {
            if needed {
                drop(self.turn.lock().await);
            }
            return;
        };
        // Whoever had the turn before may have brought it, or have tried just now.
        if !self.held().wants(identifier, clock()) {
            return;
        }
        // As a task of its own: others wait for it, also when this caller has left.
        let fetch = tokio::spawn(async move {
            let _turn = turn;
            self.fetch(clock).await;
        });
        if needed {
            drop(fetch.await);
        }
    }

    /// What comes of it counts from its end on: a source that hung for long was not tried long ago.
    async fn fetch(&self, clock: impl Fn() -> Instant) {
        let fetched = fetch::fetch(&self.http, &self.url).await;
        let (mut held, now) = (self.held(), clock());
        held.tried = Some(now);
        held.failed = fetched.is_err();
        match fetched {
            Ok(keys) => {
                held.fetched = Some(now);
                held.keys = Arc::new(keys);
            }
            Err(error) => tracing::warn!(
                keys.source = self.url.as_str(),
                error.code = error.code(),
                error = %error,
                "a programme's keys could not be fetched"
            ),
        }
    }
}
