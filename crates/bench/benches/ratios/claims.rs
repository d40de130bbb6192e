//! Claiming and ending what is due: four workers with a provider that answers at once, against the
//! bare statement that takes rows out of the same table.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use portcullis_base::SystemRandomness;
use portcullis_revocation::gitlab::GitlabProvider;
use portcullis_revocation::provider::{Attempt, Finding, Provider, Verdict};
use portcullis_revocation::worker::{Options, Worker};
use tokio::sync::Notify;

use crate::database::Database;
use crate::measure::{median, per_second};
use crate::queue::{fill, intake, open, vault};
use crate::row::Row;

const DUE: usize = 30_000;
const ROUNDS: usize = 3;
const WORKERS: usize = 4;

/// One statement and one commit for up to a hundred rows, each of them ended as ours are.
const BARE: &str = "WITH runnable AS MATERIALIZED (
        SELECT fingerprint FROM revocations
        WHERE provider = 'gitlab' AND state = 'pending'
            AND run_at <= (extract(epoch from statement_timestamp()) * 1000)::bigint
        ORDER BY run_at LIMIT 100 FOR UPDATE SKIP LOCKED
    )
    UPDATE revocations r SET state = 'revoked', sealed = NULL, ended_at = 1
    FROM runnable WHERE r.fingerprint = runnable.fingerprint";

/// What a crash between claim and end takes: the rows are leased and committed first, and ended then.
const BARE_LEASE: &str = "WITH runnable AS MATERIALIZED (
        SELECT fingerprint FROM revocations
        WHERE provider = 'gitlab' AND state = 'pending'
            AND run_at <= (extract(epoch from statement_timestamp()) * 1000)::bigint
        ORDER BY run_at LIMIT 100 FOR UPDATE SKIP LOCKED
    )
    UPDATE revocations r SET lease = r.lease + 1, run_at = r.run_at + 1000000
    FROM runnable WHERE r.fingerprint = runnable.fingerprint RETURNING r.fingerprint";
const BARE_END: &str = "UPDATE revocations SET state = 'revoked', sealed = NULL, ended_at = 1
    WHERE fingerprint = ANY($1) AND state = 'pending'";

pub(crate) async fn rows() -> Vec<Row> {
    let (mut ours, mut bare, mut leased) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(bare_rate(Bare::AtOnce).await);
        leased.push(bare_rate(Bare::Leased).await);
        ours.push(workers_rate(WORKERS).await);
    }
    let ours = median(ours);
    let row = |what, bare, bar| Row::ratio(what, "rows a second", ours, median(bare), bar);
    vec![
        row("due rows claimed and ended by 4 workers, against bare SKIP LOCKED", bare, 0.5),
        row("the same, against bare leasing and ending in two commits", leased, 0.5),
    ]
}

#[derive(Clone, Copy)]
enum Bare {
    AtOnce,
    Leased,
}

impl Bare {
    /// How many rows one turn has ended; none where nothing is due any more.
    async fn turn(self, connection: &mut sqlx::PgConnection) -> sqlx::Result<u64> {
        if let Self::AtOnce = self {
            return Ok(sqlx::query(BARE).execute(connection).await?.rows_affected());
        }
        let leased: Vec<Vec<u8>> =
            sqlx::query_scalar(BARE_LEASE).fetch_all(&mut *connection).await?;
        let ended = sqlx::query(BARE_END).bind(leased).execute(connection).await?;
        Ok(ended.rows_affected())
    }
}

async fn full_queue() -> Database {
    let database = Database::postgres().await;
    let store = open(&database.url()).await;
    fill(&intake(&store).await, 0..DUE).await;
    store.close().await;
    database
}

async fn bare_rate(way: Bare) -> f64 {
    let database = full_queue().await;
    let options = sqlx::postgres::PgPoolOptions::new();
    let connections = u32::try_from(WORKERS).expect("it fits");
    let options = options.min_connections(connections).max_connections(connections);
    let pool = options.connect(&database.url()).await.expect("a database");
    let begun = Instant::now();
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut connection = pool.acquire().await.expect("a connection");
                let mut ended = 0;
                loop {
                    match way.turn(&mut connection).await.expect("it is executed") {
                        0 => return ended,
                        rows => ended += rows,
                    }
                }
            })
        })
        .collect();
    let mut ended = 0;
    for worker in workers {
        ended += worker.await.expect("it ran");
    }
    assert_eq!(ended, DUE as u64);
    per_second(DUE, begun.elapsed())
}

/// The rate of so many workers, each with connections of its own, as replicas have.
pub(crate) async fn workers_rate(workers: usize) -> f64 {
    let database = full_queue().await;
    let calls = Arc::new(Calls::default());
    let mut stores = Vec::new();
    for _ in 0..workers {
        let store = open(&database.url()).await;
        let vault = vault(&store).await;
        stores.push((store, vault));
    }
    let begun = Instant::now();
    // As many places as the bare statement takes rows.
    let options = Options { concurrency: 100, ..Options::default() };
    let running: Vec<Worker> = stores
        .iter()
        .map(|(store, vault)| {
            let provider: Arc<dyn Provider> = Arc::new(AtOnce(Arc::clone(&calls)));
            let random = Arc::new(SystemRandomness);
            Worker::start(store.clone(), vault.clone(), vec![provider], options.clone(), random)
        })
        .collect();
    calls.all.notified().await;
    // Returns when the ends are written.
    futures_util::future::join_all(running.into_iter().map(Worker::stop)).await;
    let time = begun.elapsed();
    assert_eq!(calls.made.load(Ordering::Relaxed), DUE, "each secret once");
    let revoked = "SELECT count(*) FROM revocations WHERE state = 'revoked'";
    assert_eq!(database.numbers(revoked).await, [i64::try_from(DUE).expect("it fits")]);
    per_second(DUE, time)
}

#[derive(Default)]
struct Calls {
    made: AtomicUsize,
    all: Notify,
}

/// Says at once that the secret is dead.
struct AtOnce(Arc<Calls>);

#[async_trait]
impl Provider for AtOnce {
    fn name(&self) -> &str {
        GitlabProvider::NAME
    }

    async fn revoke(&self, _: &Attempt<'_>) -> Verdict {
        if self.0.made.fetch_add(1, Ordering::Relaxed) + 1 == DUE {
            self.0.all.notify_one();
        }
        Verdict::new(Finding::Revoked, "revoked")
    }
}
