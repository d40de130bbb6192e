//! One task that writes what all handlers tell, many at a time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use portcullis_base::{Clock, Quiet, Randomness, SystemClock};
use portcullis_store::audit::{AuditKey, Batch, CLOSE, HEADS, Told};
use portcullis_store::{Store, StoreError};
use portcullis_web::{Call, Place, Recorder};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::entry;
use super::refused::Refused;

/// Entries that wait at the most, beside one for each connection; an entry has some hundred bytes, and few have some
/// thousand.
const WAITING: usize = 2048;

/// Entries in one commit.
const AT_MOST: usize = 256;

/// How long a caller waits for its entry; then it hears 503, and the entry is written later.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two attempts to write.
const PAUSE: Duration = Duration::from_millis(250);

/// How long the last entries are tried again when the process is to stop.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often is looked whether counted calls are to be told.
const TICK: Duration = Duration::from_secs(1);

/// How often the ends of other replicas' chains are named, and old entries are taken away.
const HOUR: Duration = Duration::from_hours(1);

/// The duty of taking old entries away, which one replica has at a time.
const RETENTION: &str = "audit-retention";

/// An entry on its way.
struct Queued {
    told: Told,
    written: Option<oneshot::Sender<()>>,
}

/// What is known of the log here.
struct Shared {
    queue: mpsc::Sender<Queued>,
    refused: Mutex<Refused>,
    clock: Arc<dyn Clock>,
    /// The last attempt to write failed, and what it was to write waits.
    stuck: AtomicBool,
    failures: AtomicU64,
    turned_away: AtomicU64,
}

/// How the log is doing, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Entries that this process has written.
    pub(crate) written: u64,
    /// Entries that wait to be written, and places that calls under way have taken.
    pub(crate) waiting: u64,
    /// Whether the last attempt to write failed, so that calls are turned away.
    pub(crate) stuck: bool,
    /// Attempts to write that failed.
    pub(crate) failures: u64,
    /// Calls that were turned away since entries could not be written.
    pub(crate) turned_away: u64,
}

/// Who knows how the log is doing.
pub(crate) struct Watched {
    shared: Arc<Shared>,
    store: Store,
}

/// The log of a running gateway.
pub struct Log {
    shared: Arc<Shared>,
    store: Store,
    stop: watch::Sender<bool>,
    writer: JoinHandle<()>,
    retention: JoinHandle<()>,
}

impl Log {
    /// Begins to write into the chain that this store has begun. Each of so many connections can have a call under
    /// way, and so a place, from before its body is read: whoever only holds connections must not take the others'.
    pub fn start(
        store: &Store,
        key: AuditKey,
        keep: Duration,
        connections: usize,
        random: &dyn Randomness,
    ) -> Self {
        let (queue, queued) = mpsc::channel(WAITING + connections);
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            queue,
            refused: Mutex::default(),
            clock: Arc::new(SystemClock),
            stuck: AtomicBool::new(false),
            failures: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        });
        let writer = Writer { shared: Arc::clone(&shared), store: store.clone(), queued, stopped };
        let writer = tokio::spawn(writer.run());
        // Not the process's number: in containers all have the same.
        let holder = hex::encode(random.uuid_v4());
        let retention = tokio::spawn(retain(store.clone(), key, keep, holder));
        Self { shared, store: store.clone(), stop, writer, retention }
    }

    /// By what handlers are recorded.
    pub fn recorder(&self) -> Arc<dyn Recorder> {
        Arc::new(Handle(Arc::clone(&self.shared)))
    }

    /// Who knows how it is doing.
    pub(crate) fn watched(&self) -> Watched {
        Watched { shared: Arc::clone(&self.shared), store: self.store.clone() }
    }

    /// Writes what waits, and ends the chain.
    pub(crate) async fn stop(self) {
        self.retention.abort();
        self.stop.send_replace(true);
        // A panic in it was logged by the runtime.
        drop(self.writer.await);
        if let Err(error) = self.store.witness(CLOSE).await {
            tracing::warn!(error = %error, cause = cause(&error), "the end of the audit log could not be written");
        }
    }
}

impl Watched {
    /// How the log is doing.
    pub(crate) fn standing(&self) -> Standing {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let waiting = self.shared.queue.max_capacity() - self.shared.queue.capacity();
        Standing {
            written: self.store.entries_written(),
            waiting: waiting as u64,
            failures: count(&self.shared.failures),
            turned_away: count(&self.shared.turned_away),
            stuck: self.shared.stuck.load(Ordering::Relaxed),
        }
    }
}

struct Handle(Arc<Shared>);

impl Recorder for Handle {
    fn reserve(&self) -> Option<Box<dyn Place>> {
        let shared = &self.0;
        let stuck = shared.stuck.load(Ordering::Relaxed);
        let permit = if stuck { None } else { shared.queue.clone().try_reserve_owned().ok() };
        let Some(permit) = permit else {
            shared.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        Some(Box::new(Held { shared: Arc::clone(shared), permit }))
    }

    fn refused(&self, call: Call) {
        let shared = &self.0;
        let mut refused = shared.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let now = shared.clock.now_ms();
        if let Some(told) = refused.take(now, call.clone())
            && shared.queue.try_send(Queued { told, written: None }).is_err()
        {
            refused.not_told(call);
        }
    }
}

struct Held {
    shared: Arc<Shared>,
    permit: mpsc::OwnedPermit<Queued>,
}

impl Place for Held {
    fn keep(self: Box<Self>, call: Call) -> BoxFuture<'static, bool> {
        let told = entry::done(self.shared.clock.now_ms(), &call);
        let (written, heard) = oneshot::channel();
        self.permit.send(Queued { told, written: Some(written) });
        async move { matches!(tokio::time::timeout(PATIENCE, heard).await, Ok(Ok(()))) }.boxed()
    }
}

/// What the writer does next.
enum Next {
    Write(usize),
    Look,
    Close,
}

struct Writer {
    shared: Arc<Shared>,
    store: Store,
    queued: mpsc::Receiver<Queued>,
    stopped: watch::Receiver<bool>,
}

impl Writer {
    async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        let mut witnessed = Instant::now();
        let mut batch = Vec::with_capacity(AT_MOST);
        let mut closed = false;
        loop {
            let next = tokio::select! {
                count = self.queued.recv_many(&mut batch, AT_MOST) => Next::Write(count),
                _ = tick.tick() => Next::Look,
                _ = self.stopped.wait_for(|stopped| *stopped), if !closed => Next::Close,
            };
            match next {
                Next::Write(0) => break,
                Next::Write(_) => self.write(&mut batch).await,
                Next::Look => {
                    self.tell_refused(false).await;
                    if witnessed.elapsed() >= HOUR {
                        witnessed = Instant::now();
                        self.witness().await;
                    }
                }
                // Whoever has a place still may use it.
                Next::Close => {
                    closed = true;
                    self.queued.close();
                }
            }
        }
        self.tell_refused(true).await;
    }

    async fn witness(&self) {
        if let Err(error) = self.store.witness(HEADS).await {
            tracing::warn!(error = %error, cause = cause(&error),
                "the ends of the audit log's chains could not be named");
        }
    }

    async fn tell_refused(&mut self, all: bool) {
        let now = self.shared.clock.now_ms();
        let told =
            self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).over(now, all);
        let mut batch = told.into_iter().map(|told| Queued { told, written: None }).collect();
        self.write(&mut batch).await;
    }

    /// Tries until it is written: what comes later comes after it.
    async fn write(&mut self, queued: &mut Vec<Queued>) {
        let (told, written): (Vec<_>, Vec<_>) =
            queued.drain(..).map(|one| (one.told, one.written)).unzip();
        if told.is_empty() {
            return;
        }
        let mut batch = Batch::new(told);
        let mut until = None;
        while let Err(error) = self.store.record(&mut batch).await {
            self.shared.stuck.store(true, Ordering::Relaxed);
            self.shared.failures.fetch_add(1, Ordering::Relaxed);
            warn_of(&error, batch.told.len());
            let now = Instant::now();
            if *self.stopped.borrow() && *until.get_or_insert(now + LAST_WORDS) <= now {
                // Whoever stops the process has said how long it may take.
                tracing::error!(
                    audit.entries = batch.told.len(),
                    "entries of the audit log are lost"
                );
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.shared.stuck.store(false, Ordering::Relaxed);
        for waits in written.into_iter().flatten() {
            // Its caller may have left.
            let _ = waits.send(());
        }
    }
}

/// Every attempt would say so while the database is away.
static NOT_WRITTEN: Quiet = Quiet::new();

fn warn_of(error: &StoreError, entries: usize) {
    if let Some(kept_back) = NOT_WRITTEN.pass() {
        tracing::warn!(error = %error, cause = cause(error), audit.entries = entries,
            log.kept_back = kept_back, "the audit log could not be written; trying again");
    }
}

/// What the database said.
fn cause(error: &StoreError) -> Option<tracing::field::DisplayValue<&dyn std::error::Error>> {
    std::error::Error::source(error).map(tracing::field::display)
}

/// Once an hour, by one replica.
async fn retain(store: Store, key: AuditKey, keep: Duration, holder: String) {
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    loop {
        match store.take_duty(RETENTION, &holder, HOUR).await {
            Ok(true) => {
                let before = SystemClock.now_ms().saturating_sub(keep);
                if let Err(error) = store.retain_audit(&key, before).await {
                    tracing::warn!(error = %error, "old entries of the audit log could not be taken away");
                }
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(error = %error, "the duty of the audit log could not be taken");
            }
        }
        tokio::time::sleep(HOUR).await;
    }
}

#[cfg(test)]
mod tests {
    use portcullis_base::SystemRandomness;
    use portcullis_base::secret::SecretString;
    use portcullis_store::ConnectOptions;

    use super::*;

    /// Whoever holds all connections there are with calls that do not go on leaves places.
    #[tokio::test]
    async fn there_are_more_places_than_connections() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("a.db").display());
        let options = ConnectOptions { url: SecretString::from(url), max_connections: 2 };
        let store = Store::connect(&options).await.unwrap();
        let (key, connections) = (AuditKey::new(&[7; 32]), 3 * WAITING);
        let log = Log::start(&store, key, HOUR, connections, &SystemRandomness);
        let recorder = log.recorder();
        let held: Vec<_> = std::iter::from_fn(|| recorder.reserve()).collect();
        assert_eq!(held.len(), connections + WAITING);
        assert_eq!(log.watched().standing().waiting, held.len() as u64);
        assert_eq!(log.watched().standing().turned_away, 1);
        drop(held);
        assert!(recorder.reserve().is_some());
        log.stop().await;
        store.close().await;
    }
}
