//! Keys in a file.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use portcullis_base::{Clock, clock};
use time::OffsetDateTime;
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::flight::Flight;
use super::held::within;
use super::stamp::{self, Seen};
use super::{Health, KeyError, KeySource};
use crate::KeySet;

/// A JWK set (RFC 7517) in a file, which is read again when it changes. Cheap to clone: clones share
/// their keys.
///
/// At most once a second, somebody who asks for keys has the file looked at; what changed is read in
/// the background of the tokio runtime, and at once where there is none. A file that is gone, broken or
/// without a usable key leaves the keys that were read before, and shows in [`KeySource::health`]. A file
/// has at most 1 MiB.
#[derive(Clone)]
pub struct JwksFile(Arc<Watched>);

struct Watched {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    held: ArcSwap<Held>,
    /// When somebody was sent to look last, in milliseconds since 1970.
    looked_ms: AtomicI64,
    state: Mutex<State>,
}

struct Held {
    keys: Arc<KeySet>,
    read_at: OffsetDateTime,
}

struct State {
    flight: Flight,
    /// What the file was like before it was read last.
    seen: Seen,
    last_error: Option<(OffsetDateTime, KeyError)>,
    /// How many readings went well, and how many failed.
    tally: (u64, u64),
}

const LOOK_EVERY_MS: i64 = 1000;

impl JwksFile {
    /// Reads the keys. [`KeyError::File`] where the file cannot be read, and whatever else may be wrong
    /// with it.
    pub fn open(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let path = path.into();
        let read_at = clock.now();
        let seen = stamp::look(&path);
        let keys = Arc::new(stamp::read(&path)?);
        Ok(Self(Arc::new(Watched {
            path,
            held: ArcSwap::from_pointee(Held { keys, read_at }),
            looked_ms: AtomicI64::new(clock::to_ms(read_at)),
            clock,
            state: Mutex::new(State {
                flight: Flight::default(),
                seen,
                last_error: None,
                tally: (1, 0),
            }),
        })))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

#[async_trait]
impl KeySource for JwksFile {
    fn known(&self) -> Option<Arc<KeySet>> {
        self.0.look();
        Some(self.0.keys())
    }

    async fn find(&self, kid: Option<&str>) -> Result<Arc<KeySet>, KeyError> {
        self.0.look();
        let reading = self.0.state().flight.current();
        let keys = self.0.keys();
        match reading {
            Some(reading) if kid.is_none() || !keys.has(kid) => {
                reading.wait().await;
                Ok(self.0.keys())
            }
            _ => Ok(keys),
        }
    }

    fn health(&self) -> Health {
        self.0.look();
        let held = self.0.held.load();
        let state = self.0.state();
        let (fetched, failed) = state.tally;
        Health {
            keys: held.keys.len(),
            fetched_at: Some(held.read_at),
            last_error: state.last_error.clone(),
            skipped: held.keys.skipped().to_vec(),
            stale: false,
            fetched,
            failed,
        }
    }
}

impl Watched {
    /// Nobody waits under this lock for anything but memory.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.held.load().keys)
    }

    /// Looks at the file, if that was not done lately, and has it read where it changed.
    fn look(self: &Arc<Self>) {
        let looked_ms = self.looked_ms.load(Ordering::Relaxed);
        let now_ms = self.clock.now_ms();
        if within(now_ms, looked_ms, LOOK_EVERY_MS) {
            return;
        }
        let (set, relaxed) = (&self.looked_ms, Ordering::Relaxed);
        if set.compare_exchange(looked_ms, now_ms, relaxed, relaxed).is_err() {
            return;
        }
        let seen = stamp::look(&self.path);
        let mut state = self.state();
        if seen == state.seen || state.flight.current().is_some() {
            return;
        }
        let (flying, _) = state.flight.begin();
        drop(state);
        let watched = Arc::clone(self);
        let read = move || {
            watched.read(seen);
            drop(flying);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(read)),
            Err(_) => read(),
        }
    }

    /// Reads the file, of which `seen` was seen before.
    fn read(&self, seen: Seen) {
        let read_at = self.clock.now();
        let read = stamp::read(&self.path);
        let last_error = read.as_ref().err().map(|error| (read_at, error.clone()));
        let path = self.path.display();
        let said = self.state().last_error.as_ref().map(|(_, error)| error.to_string());
        match read {
            Ok(keys) => {
                let keys = keys.reusing(&self.held.load().keys);
                info!(keys.source = %path, keys.count = keys.len(), "keys read");
                self.held.store(Arc::new(Held { keys: Arc::new(keys), read_at }));
            }
            // Said once: what could not be read is tried at every look.
            Err(error) if said == Some(error.to_string()) => {}
            Err(error) => warn!(
                keys.source = %path,
                error.code = error.code(),
                error = %error,
                "keys could not be read"
            ),
        }
        let mut state = self.state();
        // What was seen and could not be read was not read: it is not the file that is known.
        state.seen = match &last_error {
            Some((_, KeyError::File(kind))) => Err(*kind),
            _ => seen,
        };
        match last_error {
            None => state.tally.0 += 1,
            Some(_) => state.tally.1 += 1,
        }
        state.last_error = last_error;
    }
}

impl fmt::Debug for JwksFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwksFile({})", self.0.path.display())
    }
}

impl From<JwksFile> for Arc<dyn KeySource> {
    fn from(keys: JwksFile) -> Self {
        Arc::new(keys)
    }
}
