//! What happens in the database, told to those who wait: from Postgres by `LISTEN`, on SQLite by
//! the functions that write, since there is one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

const DUE: &str = "portcullis_due";
const PAT: &str = "portcullis_pat";
const BEAT: &str = "portcullis_beat";

/// How often a replica sends itself a notification, to know that it still hears them.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something may be due.
    Due,
    /// The PAT token with this digest died or changed.
    PatChanged(String),
    /// Notifications may have been missed: whatever is remembered may be out of date.
    Missed,
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
    /// Milliseconds after `start`; `u64::MAX` where events are told in process and cannot be late.
    last: AtomicU64,
}

impl Default for Events {
    fn default() -> Self {
        let heard = Heard { start: Instant::now(), last: AtomicU64::new(u64::MAX) };
        Self { sender: broadcast::channel(4096).0, heard: Arc::new(heard) }
    }
}

impl Events {
    /// Hears every event from now on. A receiver that lags behind must treat that as
    /// [`Event::Missed`].
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// How long ago this process last knew that it hears other replicas; zero on SQLite.
    pub fn silence(&self) -> Duration {
        match self.heard.last.load(Ordering::Acquire) {
            u64::MAX => Duration::ZERO,
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
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.store(now, Ordering::Release);
    }
}

/// The task that listens, and the one that sends the beat. They end when the pool is closed.
pub(crate) struct PostgresListener {
    pool: PgPool,
    sender: broadcast::Sender<Event>,
    heard: Arc<Heard>,
}

impl PostgresListener {
    pub(crate) fn spawn(pool: PgPool, events: &Events) -> JoinHandle<()> {
        // Until the first beat is heard, nothing remembered may be trusted.
        events.heard.last.store(0, Ordering::Release);
        let listener =
            Self { pool, sender: events.sender.clone(), heard: Arc::clone(&events.heard) };
        tokio::spawn(async move {
            tokio::select! {
                () = listener.listen() => {}
                () = send_beats(&listener.pool) => {}
            }
        })
    }

    async fn listen(&self) {
        while !self.pool.is_closed() {
            if let Err(error) = self.listen_once().await
                && !self.pool.is_closed()
            {
                tracing::warn!(error = %error, "notifications are not heard; trying again");
            }
            self.tell(Event::Missed);
            tokio::time::sleep(BEAT_EVERY).await;
        }
    }

    async fn listen_once(&self) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen_all([DUE, PAT, BEAT]).await?;
        self.tell(Event::Missed);
        loop {
            let Some(notification) = listener.try_recv().await? else {
                // The connection was lost; what was sent meanwhile is lost as well.
                return Ok(());
            };
            match notification.channel() {
                DUE => self.tell(Event::Due),
                PAT => self.tell(Event::PatChanged(notification.payload().to_owned())),
                _ => self.heard.beat(),
            }
        }
    }

    fn tell(&self, event: Event) {
        drop(self.sender.send(event));
    }
}

/// One's own notification comes back by the way that all others come.
async fn send_beats(pool: &PgPool) {
    while !pool.is_closed() {
        if let Err(error) = sqlx::query("NOTIFY portcullis_beat").execute(pool).await {
            tracing::debug!(error = %error, "no beat was sent");
        }
        tokio::time::sleep(BEAT_EVERY).await;
    }
}
