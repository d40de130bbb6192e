//! A hundred thousand tokens are lent, each of which is due at a moment of its own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use portcullis_base::{Clock as _, SystemClock};
use portcullis_fake_gitlab::FakeGitlab;

use crate::database::Database;
use crate::issue;
use crate::loans::{Loans, section};
use crate::measure::{median, per_second, percentile, worst};
use crate::process::{Gateway, portcullis};
use crate::row::Row;

/// Over so long that GitLab, the gateway and the database, all on the same cores, keep up.
const OUTSTANDING: Loans = Loans { due: 100_000, over: Duration::from_mins(1), later: 0 };
/// The gateway starts meanwhile.
const HEAD_START: Duration = Duration::from_secs(10);

/// What they can do at most.
const AT_ONCE: Loans = Loans { due: 20_000, over: Duration::ZERO, later: 0 };
const LATER: usize = 100_000;

const PATIENCE: Duration = Duration::from_mins(2);
const REVOKED: &str = "SELECT count(*) FROM revocations WHERE state = 'revoked'";

pub(crate) async fn rows() -> Vec<Row> {
    // Built before anything has its time.
    portcullis();
    let (sqlite, postgres) = (Database::sqlite(), Database::postgres().await);
    let (late, memory) = lateness(&sqlite).await;
    let what = "memory with 100,000 lent, on SQLite, the most that was seen";
    let memory = Row::bound(what, "MiB", memory, 40.0);
    let mut rows = vec![late, lateness(&postgres).await.0, memory];
    rows.push(rate(Database::sqlite(), Database::sqlite()).await);
    rows.push(rate(Database::postgres().await, Database::postgres().await).await);
    rows.push(issue::row(&Database::sqlite()).await);
    rows.push(issue::row(&Database::postgres().await).await);
    rows
}

/// From the moment at which each is due until GitLab is told, and the most memory that was seen.
async fn lateness(database: &Database) -> (Row, f64) {
    let gitlab = FakeGitlab::start();
    let first = OUTSTANDING.make(database, &gitlab, HEAD_START).await;
    let (gateway, _) = Gateway::start_with(&database.url(), &section(&gitlab)).await;
    let (now, begun) = (SystemClock.now_ms(), Instant::now());
    assert!(now < first, "the first fell due before there was a gateway");
    let wait = Duration::from_millis((first - now).unsigned_abs()) + OUTSTANDING.over;
    let mut memory = 0_f64;
    while begun.elapsed() < wait {
        tokio::time::sleep(Duration::from_millis(100)).await;
        memory = memory.max(gateway.process.memory());
    }
    let told = all_told(&gitlab, OUTSTANDING.due).await;
    end(gateway, database, OUTSTANDING.due).await;
    let late = told.iter().map(|(number, at)| {
        let due = first - now + OUTSTANDING.due_after(*number);
        let due = f64::from(i32::try_from(due).expect("it fits"));
        (*at - begun).as_secs_f64().mul_add(1000.0, -due)
    });
    let late: Vec<f64> = late.collect();
    let what = format!("lateness of 100,000 lent tokens, on {}, p99", database.name());
    let (worst, p50) = (worst(&late), median(late.clone()));
    let rate = per_second(OUTSTANDING.due, OUTSTANDING.over);
    let note =
        format!("{rate:.0} fall due each second; the worst is {worst:.0} ms, p50 {p50:.1} ms");
    (Row::bound(what, "ms", percentile(late, 99), 1000.0).noting(note), memory)
}

/// How fast those are revoked that are due all at once: while none wait beside them, and while many do.
async fn rate(alone: Database, beside: Database) -> Row {
    let name = alone.name();
    let alone = revoked_a_second(&alone, AT_ONCE).await;
    let beside = revoked_a_second(&beside, Loans { later: LATER, ..AT_ONCE }).await;
    let what = format!("lent tokens due at once, 100,000 later ones beside, on {name}");
    Row::beside(what, "revoked a second", beside, alone).noting("the baseline: none beside them")
}

async fn revoked_a_second(database: &Database, loans: Loans) -> f64 {
    let gitlab = FakeGitlab::start();
    loans.make(database, &gitlab, Duration::ZERO).await;
    let (gateway, _) = Gateway::start_with(&database.url(), &section(&gitlab)).await;
    let told = all_told(&gitlab, loans.due).await;
    end(gateway, database, loans.due).await;
    let (first, last) = (told.values().min(), told.values().max());
    per_second(told.len() - 1, *last.expect("one") - *first.expect("one"))
}

/// When GitLab was told to revoke each, by number, once it was told of so many.
async fn all_told(gitlab: &FakeGitlab, count: usize) -> HashMap<usize, Instant> {
    let begun = Instant::now();
    loop {
        // Seldom: GitLab stands still while its requests are copied.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut requests = gitlab.requests();
        requests.retain(|request| request.method == "DELETE");
        if requests.len() >= count {
            let number = |path: &str| path.rsplit('/').next()?.parse().ok();
            let told: HashMap<usize, Instant> = requests
                .iter()
                .map(|request| (number(&request.path).expect("a number"), request.at))
                .collect();
            assert_eq!((told.len(), requests.len()), (count, count), "each is told once");
            return told;
        }
        assert!(begun.elapsed() < PATIENCE, "not all that was due was revoked");
    }
}

async fn end(gateway: Gateway, database: &Database, revoked: usize) {
    // The last answers are still to be written back.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(gateway);
    assert_eq!(database.numbers(REVOKED).await, [i64::try_from(revoked).expect("it fits")]);
}
