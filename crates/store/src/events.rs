//! What happens in the database, told to those who wait: from Postgres by `LISTEN`, on SQLite by
//! the functions that write, since there is one process.

mod listener;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

pub(crate) use listener::PostgresListener;

/// Before anything was heard.
const NEVER: u64 = 0;
/// Where events are told in process and cannot be late.
const ALWAYS: u64 = u64::MAX;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something may be due.
    Due,
    /// The PAT token with this digest died or changed.
    PatChanged(String),
    /// Notifications may have been missed: whatever is remembered may be out of date.
    Missed,
    /// This process heard itself: everything that was told before it has arrived. Never on SQLite,
    /// where nothing can be missed.
    Beat,
}

/// Where events are told, and how fresh the telling is.
#[derive(Debug)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    heard: Arc<Heard>,
}

#[derive(Debug)]
struct Heard {
    start: Instant,
    /// Milliseconds after `start`, or [`NEVER`] or [`ALWAYS`].
    last: AtomicU64,
}

impl Default for Events {
    fn default() -> Self {
        let heard = Heard { start: Instant::now(), last: AtomicU64::new(ALWAYS) };
        Self { sender: broadcast::channel(4096).0, heard: Arc::new(heard) }
    }
}

impl Events {
    /// Hears every event from now on. A receiver that lags behind must treat that as
    /// [`Event::Missed`].
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// How long ago this process last heard itself on Postgres; zero on SQLite, [`Duration::MAX`]
    /// before the first time. Who remembers things goes by [`Event::Beat`], which comes in the order
    /// of the other events.
    pub fn silence(&self) -> Duration {
        match self.heard.last.load(Ordering::Acquire) {
            ALWAYS => Duration::ZERO,
            NEVER => Duration::MAX,
            last => self.heard.start.elapsed().saturating_sub(Duration::from_millis(last)),
        }
    }

    pub(crate) fn tell(&self, event: Event) {
        // Nobody listening is no fault.
        drop(self.sender.send(event));
    }
}

impl Heard {
    fn beat(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(ALWAYS - 1);
        self.last.store(now.clamp(NEVER + 1, ALWAYS - 1), Ordering::Release);
    }
}
