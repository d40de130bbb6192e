//! A hundred thousand secrets wait for tomorrow; others become due meanwhile.

use std::time::{Duration, Instant};

use portcullis_base::{Clock as _, SystemClock};
use portcullis_fake_gitlab::FakeGitlab;

use crate::database::Database;
use crate::measure::{median, percentile, worst};
use crate::process::Gateway;
use crate::queue::{fill, intake, open, token};
use crate::row::Row;

const WAITING: usize = 100_000;
const DUE: usize = 3_000;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// When the first of the others becomes due, and how soon one follows the other.
const FIRST_MS: i64 = 4_000;
const EACH_MS: i64 = 5;

const PATIENCE: Duration = Duration::from_mins(1);

/// Nothing plans a later time yet, so that is done by hand.
const PLAN_ALL: &str = "UPDATE revocations SET due_at = due_at + $1, run_at = run_at + $1";
const PLAN_THE_DUE: &str = "UPDATE revocations SET due_at = plan.at, run_at = plan.at
    FROM (SELECT fingerprint AS f, $2 + $3 * row_number() OVER () AS at
        FROM revocations WHERE run_at <= $1) AS plan WHERE fingerprint = plan.f";

/// How late each one ended, by the database's clock.
const LATENESS: &str = "SELECT ended_at - due_at FROM revocations WHERE state = 'revoked'";
const STILL_WAITING: &str = "SELECT count(*) FROM revocations WHERE state = 'pending'";

pub(crate) async fn rows() -> Vec<Row> {
    let (database, postgres) = (Database::sqlite(), Database::postgres().await);
    let (lateness, memory) = measure(&database).await;
    let what = "memory with 100,000 waiting, on SQLite, the most that was seen";
    let memory = Row::bound(what, "MiB", memory, 40.0);
    vec![lateness, measure(&postgres).await.0, memory]
}

/// The lateness of the due ones, and the most memory that was seen.
async fn measure(database: &Database) -> (Row, f64) {
    let gitlab = FakeGitlab::start();
    let due: Vec<String> = (WAITING..WAITING + DUE).map(token).collect();
    gitlab.add_tokens(due.iter().map(String::as_str));
    plan(database).await;
    let (gateway, _) = Gateway::start(&database.url(), Some(gitlab.url())).await;
    let (begun, mut memory) = (Instant::now(), 0_f64);
    while gitlab.count("DELETE", "/api/v4/personal_access_tokens/self") < DUE {
        assert!(begun.elapsed() < PATIENCE, "not all that was due was revoked");
        tokio::time::sleep(Duration::from_millis(100)).await;
        memory = memory.max(gateway.process.memory());
    }
    // The last answers are still to be written back.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(gateway);
    assert_eq!(database.numbers(STILL_WAITING).await, [i64::try_from(WAITING).expect("it fits")]);
    let late = database.numbers(LATENESS).await;
    assert_eq!(late.len(), DUE);
    let late: Vec<f64> =
        late.into_iter().map(|ms| f64::from(i32::try_from(ms).expect("it fits"))).collect();
    let what = format!("lateness with 100,000 waiting, on {}, p99 of {DUE}", database.name());
    let note =
        format!("the worst is {:.0} ms, the median {:.0} ms", worst(&late), median(late.clone()));
    (Row::bound(what, "ms", percentile(late, 99), 1000.0).noting(note), memory)
}

async fn plan(database: &Database) {
    let store = open(&database.url()).await;
    fill(&intake(&store).await, 0..WAITING).await;
    store.close().await;
    drop(store);
    database.execute(PLAN_ALL, &[DAY_MS]).await;
    let store = open(&database.url()).await;
    fill(&intake(&store).await, WAITING..WAITING + DUE).await;
    store.close().await;
    drop(store);
    let now = SystemClock.now_ms();
    database.execute(PLAN_THE_DUE, &[now, now + FIRST_MS, EACH_MS]).await;
}
