//! The database's clock was an hour ahead, and was set back.

use std::time::Duration;

use portcullis_store::issuances::Stage;
use portcullis_store::queue::{Outcome, State};
use portcullis_store::report::NewRevocation;

use super::support::{Database, GITLAB, LEASE, LENT, end, fp, intent, item, made, settlement};

/// Longer than a lease.
const LONGEST: Duration = Duration::from_mins(15);

const HOUR: i64 = 3_600_000;

/// Everything of the queue was written while the clock was ahead.
const ALL_AHEAD: &str = "UPDATE revocations SET created_at = created_at + 3600000,
    armed_at = armed_at + 3600000, due_at = due_at + 3600000, run_at = run_at + 3600000,
    leased_until = leased_until + 3600000";

/// Only what came later than the first report was.
const ROUND_AHEAD: &str = "UPDATE revocations SET armed_at = armed_at + 3600000,
    due_at = due_at + 3600000, run_at = run_at + 3600000";

/// Only the last attempt was.
const ATTEMPT_AHEAD: [&str; 2] = [
    "UPDATE attempts SET at = at + 3600000",
    "UPDATE revocations SET run_at = run_at + 3600000, leased_until = leased_until + 3600000",
];

async fn bring_back(db: &Database) -> u64 {
    db.store.bring_back(LONGEST).await.unwrap()
}

async fn wait(db: &Database, provider: &str) -> Duration {
    db.store.next_run(provider).await.unwrap().unwrap()
}

pub(crate) async fn what_was_reported_ahead_runs_at_once(db: Database) {
    for ahead in [ALL_AHEAD, ROUND_AHEAD] {
        db.report(&[item(1)]).await;
        assert_eq!(bring_back(&db).await, 0, "the clock is right");
        db.execute(ahead).await;
        assert!(db.claim(1).await.is_empty(), "it would wait for an hour");
        assert_eq!(bring_back(&db).await, 1);
        assert_eq!(bring_back(&db).await, 0, "once");
        let claimed = db.claim_one().await;
        assert!(claimed.late < Duration::from_mins(1), "{:?}", claimed.late);
        db.store.settle(&[end(&claimed, State::Revoked, false, "revoked")]).await.unwrap();
        db.execute("DELETE FROM revocations").await;
        db.execute("DELETE FROM attempts").await;
    }
}

pub(crate) async fn a_little_ahead_is_left_alone(db: Database) {
    db.report(&[item(1)]).await;
    db.execute(
        "UPDATE revocations SET created_at = created_at + 4000, armed_at = armed_at + 4000,
            due_at = due_at + 4000, run_at = run_at + 4000",
    )
    .await;
    assert_eq!(bring_back(&db).await, 0, "it runs in a moment");
}

pub(crate) async fn a_lent_token_is_due_within_its_lifetime(db: Database) {
    db.lend(1).await;
    db.lend(2).await;
    db.execute(ALL_AHEAD).await;
    assert!(wait(&db, LENT).await > Duration::from_hours(1));
    assert_eq!(bring_back(&db).await, 2);
    let left = wait(&db, LENT).await;
    assert!((540..=600).contains(&left.as_secs()), "{left:?}");
    let row = db.store.revocation(&fp(1)).await.unwrap().unwrap().revocation;
    assert_eq!(row.due_at, row.run_at);
    // One that is due late by its own lifetime is none of them.
    db.execute("UPDATE revocations SET created_at = created_at - 3600000").await;
    db.execute("UPDATE revocations SET due_at = due_at + 86400000, run_at = run_at + 86400000")
        .await;
    assert_eq!(bring_back(&db).await, 0);
}

pub(crate) async fn what_was_tried_ahead_keeps_its_pause(db: Database) {
    let retry = async |pause| {
        let claimed = db.claim_one().await;
        let retry = Outcome::Retry { after: Duration::from_secs(pause), uncertain: false };
        db.store.settle(&[settlement(&claimed, retry, "busy")]).await.unwrap();
    };
    db.report(&[item(1)]).await;
    retry(7200).await;
    assert_eq!(bring_back(&db).await, 0, "a long pause that somebody asked for");
    for ahead in ATTEMPT_AHEAD {
        db.execute(ahead).await;
    }
    assert!(wait(&db, "gitlab").await > Duration::from_hours(2));
    assert_eq!(bring_back(&db).await, 1);
    assert_eq!(bring_back(&db).await, 0, "once");
    let left = wait(&db, "gitlab").await.as_secs();
    assert!((7100..=7200).contains(&left), "{left}");
    db.execute("UPDATE revocations SET run_at = run_at - 7200000").await;
    assert_eq!(db.claim_one().await.attempts, 2);
}

pub(crate) async fn a_lease_taken_ahead_runs_out(db: Database) {
    db.report(&[item(1)]).await;
    let claimed = db.claim_one().await;
    assert_eq!(bring_back(&db).await, 0);
    db.execute(ATTEMPT_AHEAD[1]).await;
    assert_eq!(bring_back(&db).await, 1);
    let left = wait(&db, "gitlab").await;
    assert!(left > LEASE && left <= LONGEST, "never sooner than the lease was to: {left:?}");
    assert_eq!(bring_back(&db).await, 0, "once");
    let ended = end(&claimed, State::Revoked, false, "revoked");
    assert_eq!(db.store.settle(&[ended]).await.unwrap(), [fp(1)], "its holder may be alive");
}

/// Reported, claimed and written back ahead.
pub(crate) async fn a_lease_of_a_round_ahead_lasts_as_long(db: Database) {
    db.report(&[item(1)]).await;
    let claimed = db.claim_one().await;
    db.execute(ALL_AHEAD).await;
    assert_eq!(bring_back(&db).await, 1);
    let left = wait(&db, "gitlab").await;
    assert!(left > LEASE / 2 && left <= LEASE + Duration::from_secs(30), "{left:?}");
    let again = Outcome::Retry { after: Duration::from_secs(0), uncertain: true };
    db.store.settle(&[settlement(&claimed, again, "busy")]).await.unwrap();
    assert_eq!(db.claim_one().await.attempts, 2);
}

pub(crate) async fn many_are_brought_back_piece_by_piece(db: Database) {
    let row = |n: u16| {
        let mut fingerprint = [0; 32];
        fingerprint[..2].copy_from_slice(&n.to_be_bytes());
        NewRevocation { fingerprint, ..item(1) }
    };
    db.report(&(0..1500).map(row).collect::<Vec<_>>()).await;
    db.execute(ROUND_AHEAD).await;
    let pieces = [bring_back(&db).await, bring_back(&db).await, bring_back(&db).await];
    assert_eq!(pieces, [1000, 500, 0]);
    assert_eq!(db.claim(2000).await.len(), 1500);
}

pub(crate) async fn an_intent_ahead_is_swept(db: Database) {
    const AHEAD: &str = "UPDATE issuances SET created_at = created_at + 3600000,
        lease_until = lease_until + 3600000, sweep_at = sweep_at + 3600000,
        live_until = live_until + 3600000";
    db.store.intend(&intent("open")).await.unwrap();
    assert!(db.store.to_sweep(GITLAB, 10).await.unwrap().is_empty());
    assert_eq!(db.stage("open").await, Some(Stage::Leased));
    db.execute(AHEAD).await;
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [7]);
    assert_eq!(db.store.issue(&made("open", 1)).await.unwrap(), None, "swept or handed out");
    db.store.looked_through(7).await.unwrap();
    assert!(db.store.to_sweep(GITLAB, 10).await.unwrap().is_empty(), "after a pause");
    db.execute("UPDATE issuances SET sweep_at = sweep_at + 3600000").await;
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [7]);
}

/// Its holder may have died before the clock was set back.
pub(crate) async fn a_duty_held_ahead_is_anybodys(db: Database) {
    let take =
        async |holder| db.store.take_duty("sweep", holder, Duration::from_mins(2)).await.unwrap();
    assert!(take("one").await && !take("two").await);
    db.execute("UPDATE duties SET until = until + 4000").await;
    assert!(!take("two").await, "a little ahead");
    db.execute("UPDATE duties SET until = until + 3600000").await;
    assert!(take("two").await);
    assert!(!take("one").await, "for as long as any");
    let until = db.count("SELECT until FROM duties").await;
    let created = db.count(CLOCK[usize::from(!db.store.is_shared())]).await;
    assert!(until < created + HOUR / 20, "{until} {created}");
}

const CLOCK: [&str; 2] = [
    "SELECT (extract(epoch from now()) * 1000)::bigint",
    "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)",
];
