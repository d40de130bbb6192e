//! Keys that somebody publishes on the web.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use portcullis_base::clock;
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::attempts::{Attempts, LONGEST_WAIT, Why};
use super::flight::Landing;
use super::held::{Held, to_ms, within};
use super::place::{Fetched, Place};
use super::{Health, KeyError, KeySource, RemoteOptions};
use crate::KeySet;

/// Keys that are fetched, kept, and fetched again before they run out. Cheap to clone: clones share
/// their keys.
///
/// - Keys live as long as the answer says, within a floor and a ceiling. When four fifths of that are
///   over, the next caller has new ones fetched in the background, and does not wait.
/// - There is one fetch at a time, and everybody who has to wait shares it. It goes on if they leave.
/// - A `kid` that is not among the keys has them fetched again, at most once a minute.
/// - An answer that is no set of keys, or has none that can be used, never replaces those that are there.
/// - While fetching fails, known keys are used past their life for `stale_for`, and a fetch is tried
///   again after 5 s, then after longer, at most 60 s. Keys past their life that nobody asked for
///   meanwhile are not used before a fetch was tried: they may have been withdrawn.
///
/// Addresses are `https`, or `http` on loopback. Redirects are not followed. Needs a tokio runtime with
/// I/O and time.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Remote>);

struct Remote {
    place: Place,
    label: String,
    options: RemoteOptions,
    held: ArcSwapOption<Held>,
    /// When the last fetch failed, in milliseconds since 1970; [`WENT_WELL`] where it did not.
    failed_ms: AtomicI64,
    /// When the last fetch began, in milliseconds since 1970.
    begun_ms: AtomicI64,
    attempts: Mutex<Attempts>,
}

const WENT_WELL: i64 = i64::MIN;

/// A fetch that has not ended so long after its deadline belongs to a runtime that nobody drives.
const GRACE: Duration = Duration::from_secs(1);

impl RemoteKeys {
    /// The keys of an OpenID provider, by `<authority>/.well-known/openid-configuration`. The document's
    /// `issuer` has to be the authority to the letter, a slash at the end included; its `jwks_uri` may
    /// be on another host by https. Both are fetched each time.
    ///
    /// [`KeyError::Address`] or [`KeyError::Insecure`] where the authority is none to ask.
    pub fn discover(authority: &str, options: RemoteOptions) -> Result<Self, KeyError> {
        Place::discovery(authority).map(|place| Self::new(place, options))
    }

    /// The JWK set (RFC 7517) at an address. A user and password in it are sent, and never shown.
    ///
    /// [`KeyError::Address`] or [`KeyError::Insecure`] where the address is none to ask.
    pub fn jwks(url: &str, options: RemoteOptions) -> Result<Self, KeyError> {
        Place::jwks(url).map(|place| Self::new(place, options))
    }

    /// The keys of a Google service account: the certificates by `kid` at `<certs_url>/<account>`.
    /// Google's own `certs_url` is `https://www.googleapis.com/robot/v1/metadata/x509/`.
    ///
    /// [`KeyError::Address`] or [`KeyError::Insecure`] where the address is none to ask, or the account
    /// is none.
    pub fn google(
        certs_url: &str,
        account: &str,
        options: RemoteOptions,
    ) -> Result<Self, KeyError> {
        Place::certificates(certs_url, account).map(|place| Self::new(place, options))
    }

    fn new(place: Place, options: RemoteOptions) -> Self {
        Self(Arc::new(Remote {
            label: place.label(),
            place,
            options,
            held: ArcSwapOption::empty(),
            failed_ms: AtomicI64::new(WENT_WELL),
            begun_ms: AtomicI64::new(i64::MIN),
            attempts: Mutex::default(),
        }))
    }
}

#[async_trait]
impl KeySource for RemoteKeys {
    fn known(&self) -> Option<Arc<KeySet>> {
        let held = self.0.held.load();
        let held = held.as_ref()?;
        let now_ms = self.0.options.clock.now_ms();
        if held.is_due(now_ms) {
            self.0.refresh();
        }
        self.0.may_use(held, now_ms).then(|| Arc::clone(&held.keys))
    }

    async fn find(&self, kid: Option<&str>) -> Result<Arc<KeySet>, KeyError> {
        if let Some(landing) = self.0.seek(kid) {
            let longest = self.0.options.deadline.saturating_add(GRACE);
            if tokio::time::timeout(longest, landing.clone().wait()).await.is_err() {
                self.0.give_up(&landing);
            }
        }
        self.0.answer(kid)
    }

    fn health(&self) -> Health {
        let now_ms = self.0.options.clock.now_ms();
        let held = self.0.held.load_full().filter(|held| held.may_be_stale(now_ms));
        let held = held.as_ref();
        let attempts = self.0.attempts();
        let (fetched, failed) = attempts.tally;
        Health {
            keys: held.map_or(0, |held| held.keys.len()),
            fetched_at: held.map(|held| clock::from_ms(held.fetched_ms)),
            last_error: attempts.last_error.clone(),
            skipped: held.map_or_else(Vec::new, |held| held.keys.skipped().to_vec()),
            stale: held.is_some_and(|held| !held.is_fresh(now_ms)),
            fetched,
            failed,
        }
    }
}

impl Remote {
    /// Nobody waits under this lock for anything but memory.
    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_use(&self, held: &Held, now_ms: i64) -> bool {
        held.is_fresh(now_ms)
            || (held.may_be_stale(now_ms)
                && (self.is_failing(now_ms) || self.is_renewing(held, now_ms)))
    }

    /// Whether a fetch that was begun in time is still under way: nobody has to wait for it.
    fn is_renewing(&self, held: &Held, now_ms: i64) -> bool {
        let begun_ms = self.begun_ms.load(Ordering::Relaxed);
        begun_ms > held.fetched_ms
            && held.is_fresh(begun_ms)
            && within(now_ms, begun_ms, to_ms(self.options.deadline))
    }

    /// Whether the last fetch failed, and lately: under traffic the next one follows within the longest
    /// wait and a deadline.
    fn is_failing(&self, now_ms: i64) -> bool {
        let failed_ms = self.failed_ms.load(Ordering::Relaxed);
        let lately = to_ms(self.options.deadline.saturating_add(LONGEST_WAIT * 2));
        failed_ms != WENT_WELL && now_ms.saturating_sub(failed_ms) < lately
    }

    fn usable(&self, now_ms: i64) -> Option<Arc<KeySet>> {
        let held = self.held.load();
        let held = held.as_ref().filter(|held| self.may_use(held, now_ms))?;
        Some(Arc::clone(&held.keys))
    }

    /// Begins a fetch that nobody waits for.
    fn refresh(self: &Arc<Self>) {
        // Whoever holds the lock looks after the same thing.
        let mut attempts = match self.attempts.try_lock() {
            Ok(attempts) => attempts,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // The fetch that the caller wanted may have ended between its look and the lock.
        let now_ms = self.options.clock.now_ms();
        let is_due = || self.held.load().as_ref().is_none_or(|held| held.is_due(now_ms));
        if attempts.flight.current().is_none() && is_due() {
            self.begin(&mut attempts, Why::Needed, now_ms);
        }
    }

    /// The fetch to wait for, if one would help and may be made.
    fn seek(self: &Arc<Self>, kid: Option<&str>) -> Option<Landing> {
        let mut attempts = self.attempts();
        // Asked under the lock: a moment from before the end of the last fetch would look as if the
        // clock had been put back.
        let now_ms = self.options.clock.now_ms();
        let why = match self.usable(now_ms) {
            // It came while the caller was on the way here.
            Some(keys) if kid.is_some() && keys.has(kid) => return None,
            Some(_) => Why::Unknown,
            None => Why::Needed,
        };
        attempts.flight.current().or_else(|| self.begin(&mut attempts, why, now_ms))
    }

    /// Begins a fetch, if it may be made now: as a task of its own, so that it does not die with the
    /// caller.
    fn begin(self: &Arc<Self>, attempts: &mut Attempts, why: Why, now_ms: i64) -> Option<Landing> {
        if !attempts.may(why, self.options.unknown_key_wait, now_ms) {
            return None;
        }
        let runtime = Handle::try_current().ok()?;
        let (flying, landing) = attempts.flight.begin();
        self.begun_ms.store(now_ms, Ordering::Relaxed);
        let remote = Arc::clone(self);
        runtime.spawn(async move {
            let fetch = remote.place.fetch(&remote.options);
            let fetched = tokio::time::timeout(remote.options.deadline, fetch).await;
            // What was given up may come much later, and is no news then.
            if !remote.attempts().flight.is_of(&flying) {
                return;
            }
            match fetched.unwrap_or(Err(KeyError::Timeout)) {
                Ok(fetched) => remote.succeeded(fetched, now_ms),
                Err(error) => remote.failed(error),
            }
            drop(flying);
        });
        Some(landing)
    }

    /// Ends the wait of everybody who comes later for a fetch that does not come to an end.
    fn give_up(&self, landing: &Landing) {
        let given_up = self.attempts().flight.give_up(landing);
        if given_up {
            self.failed(KeyError::Timeout);
        }
    }

    /// Takes new keys in. `asked_ms`: they live from the moment at which they were asked for.
    fn succeeded(&self, Fetched { keys, life }: Fetched, asked_ms: i64) {
        let older = self.held.load_full();
        let keys = match &older {
            Some(older) => keys.reusing(&older.keys),
            None => keys,
        };
        let news = older.is_none_or(|older| !keys.has_only_keys_of(&older.keys));
        let (count, skipped) = (keys.len(), keys.skipped().len());
        let held = Held::new(Arc::new(keys), asked_ms, life, self.options.stale_for);
        self.held.store(Some(Arc::new(held)));
        self.failed_ms.store(WENT_WELL, Ordering::Relaxed);
        let mut attempts = self.attempts();
        let recovered = attempts.last_error.is_some();
        attempts.succeeded(self.options.clock.now_ms());
        drop(attempts);
        if news || recovered {
            info!(
                keys.source = self.label,
                keys.count = count,
                keys.skipped = skipped,
                "keys fetched"
            );
        }
    }

    fn failed(&self, error: KeyError) {
        let now = self.options.clock.now();
        let now_ms = clock::to_ms(now);
        warn!(
            keys.source = self.label,
            error.code = error.code(),
            error = %error,
            "keys could not be fetched"
        );
        self.attempts().failed(now, now_ms, error);
        self.failed_ms.store(now_ms, Ordering::Relaxed);
    }

    /// The keys; or why not, where the key is not among them and may be among those that could not be
    /// fetched.
    fn answer(&self, kid: Option<&str>) -> Result<Arc<KeySet>, KeyError> {
        let error = self.attempts().last_error.as_ref().map(|(_, error)| error.clone());
        match (self.usable(self.options.clock.now_ms()), error) {
            (Some(keys), error) if error.is_none() || keys.has(kid) => Ok(keys),
            (_, error) => Err(error.unwrap_or(KeyError::Unreachable)),
        }
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address itself may hold a password.
        write!(f, "RemoteKeys({})", self.0.label)
    }
}

impl From<RemoteKeys> for Arc<dyn KeySource> {
    fn from(keys: RemoteKeys) -> Self {
        Arc::new(keys)
    }
}
