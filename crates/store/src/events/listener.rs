//! The ear on Postgres: one connection of its own, which listens and sends itself a beat.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use portcullis_base::Quiet;
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Event, Events, Heard, NEVER};

const DUE: &str = "portcullis_due";
const PAT: &str = "portcullis_pat";
const BEAT: &str = "portcullis_beat";

/// How often a replica sends itself a notification, to know that it still hears them.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// A connection on which no beat has come back for so long is given up. A server that went silent
/// sends no error, and who only listens never notices.
const SILENCE: Duration = Duration::from_secs(2);

/// Every attempt would say so while the database is away.
static DEAF: Quiet = Quiet::new();

/// Ends when the store's pool is closed.
pub(crate) struct PostgresListener {
    /// The store's, to know when it is closed. Nothing runs on it: requests that take all of its
    /// connections must not make the replica deaf.
    store: PgPool,
    connect: PgConnectOptions,
    sender: broadcast::Sender<Event>,
    heard: Arc<Heard>,
}

impl PostgresListener {
    pub(crate) fn spawn(
        store: PgPool,
        connect: PgConnectOptions,
        events: &Events,
    ) -> JoinHandle<()> {
        // Until the first beat is heard, nothing remembered may be trusted.
        events.heard.last.store(NEVER, Ordering::Release);
        let (sender, heard) = (events.sender.clone(), Arc::clone(&events.heard));
        let listener = Self { store, connect, sender, heard };
        tokio::spawn(async move {
            tokio::select! {
                () = listener.listen() => {}
                () = listener.store.close_event() => {}
            }
        })
    }

    async fn listen(&self) {
        loop {
            if let Err(error) = self.listen_once().await
                && let Some(kept_back) = DEAF.pass()
            {
                tracing::warn!(error = %error, log.kept_back = kept_back,
                    "notifications are not heard; trying again");
            }
            self.tell(Event::Missed);
            tokio::time::sleep(BEAT_EVERY).await;
        }
    }

    async fn listen_once(&self) -> Result<(), sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(SILENCE);
        let pool = pool.connect_lazy_with(self.connect.clone());
        let mut listener =
            timeout(SILENCE, PgListener::connect_with(&pool)).await.map_err(late)??;
        timeout(SILENCE, listener.listen_all([DUE, PAT, BEAT])).await.map_err(late)??;
        self.tell(Event::Missed);
        let (mut heard, mut sent) = (Instant::now(), None::<Instant>);
        loop {
            if heard.elapsed() > SILENCE {
                return Err(late(()));
            }
            if sent.is_none_or(|at| at.elapsed() >= BEAT_EVERY) {
                let beat = listener.execute("NOTIFY portcullis_beat");
                timeout(SILENCE, beat).await.map_err(late)??;
                sent = Some(Instant::now());
            }
            match timeout(BEAT_EVERY, listener.try_recv()).await {
                Err(_) => {}
                // The connection was lost; what was sent meanwhile is lost as well.
                Ok(received) => match received? {
                    None => return Ok(()),
                    Some(notification) if notification.channel() == BEAT => {
                        heard = Instant::now();
                        self.heard.beat();
                        self.tell(Event::Beat);
                    }
                    Some(notification) if notification.channel() == PAT => {
                        self.tell(Event::PatChanged(notification.payload().to_owned()));
                    }
                    Some(_) => self.tell(Event::Due),
                },
            }
        }
    }

    fn tell(&self, event: Event) {
        // Nobody listening is no fault.
        drop(self.sender.send(event));
    }
}

fn late<T>(_: T) -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}
