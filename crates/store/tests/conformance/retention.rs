use std::time::Duration;

use portcullis_store::queue::State;
use portcullis_store::report::{Entry, NewRevocation};

use super::support::{Database, ended, fp, item};

const MONTH: Duration = Duration::from_hours(31 * 24);

/// Everything that is there happened forty days ago.
const LONG_AGO: &str = "UPDATE revocations SET created_at = created_at - 3456000000,
    armed_at = armed_at - 3456000000, due_at = due_at - 3456000000, run_at = run_at - 3456000000,
    ended_at = ended_at - 3456000000";

async fn forget(db: &Database) -> u64 {
    let (mut count, mut at) = (0, None);
    while let Some(forgotten) = db.store.forget_ended(MONTH, at).await.unwrap() {
        assert!(forgotten.count <= 1000, "no transaction is longer");
        count += forgotten.count;
        if !forgotten.is_full() {
            break;
        }
        at = Some(forgotten);
    }
    count
}

pub(crate) async fn what_ended_long_ago_is_forgotten_and_nothing_else(db: Database) {
    db.report(&[
        item(1),
        NewRevocation { mode: "approve", entry: Entry::Held, ..item(2) },
        NewRevocation { mode: "notify", ..ended(3, State::Noted, "notify") },
        ended(4, State::Refused, "format"),
    ])
    .await;
    db.end(State::Failed, false, "given_up").await;
    db.report(&[item(5)]).await;
    db.end(State::Revoked, false, "revoked").await;
    db.report(&[item(6)]).await;
    db.execute(LONG_AGO).await;
    // Told of to nobody yet.
    db.execute("UPDATE revocations SET tell = TRUE WHERE state = 'refused'").await;
    // Began long ago, and ended just now.
    db.report(&[ended(7, State::Simulated, "dry_run")]).await;
    db.execute(
        "UPDATE revocations SET created_at = created_at - 3456000000 WHERE state = 'simulated'",
    )
    .await;
    db.report(&[ended(8, State::Noted, "notify")]).await;
    assert_eq!(forget(&db).await, 2, "the noted one and the revoked one");
    for (n, there) in
        [(1, true), (2, true), (3, false), (4, true), (5, false), (6, true), (7, true), (8, true)]
    {
        assert_eq!(db.store.revocation(&fp(n)).await.unwrap().is_some(), there, "{n}");
    }
    for orphans in [
        "SELECT count(*) FROM sightings WHERE fingerprint NOT IN (SELECT fingerprint FROM revocations)",
        "SELECT count(*) FROM attempts WHERE fingerprint NOT IN (SELECT fingerprint FROM revocations)",
    ] {
        assert_eq!(db.count(orphans).await, 0);
    }
    assert_eq!(db.count("SELECT count(*) FROM attempts").await, 1, "that of the one that failed");
    // Once its seal is gone it may go as well, and a later report is a new row.
    assert_eq!(db.store.erase_failed(Duration::ZERO, None).await.unwrap().unwrap().count, 1);
    assert_eq!(forget(&db).await, 1);
    db.report(&[item(5)]).await;
    assert_eq!(db.state(5).await, "pending");
}

/// 100,000 rows, of which the first ones are kept.
pub(crate) async fn many_are_forgotten_piece_by_piece(db: Database) {
    const FILL: [&str; 2] = [
        "INSERT INTO revocations (fingerprint, token_type, provider, mode, state, key_version, created_at,
            armed_at, due_at, run_at, ended_at, sightings)
         SELECT decode(lpad(to_hex(n), 64, '0'), 'hex'), 't', 'gitlab', 'revoke', 'revoked', 1, n, n, n, n, n, 1
         FROM generate_series(1, 100000) AS n",
        "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100000)
         INSERT INTO revocations (fingerprint, token_type, provider, mode, state, key_version, created_at,
            armed_at, due_at, run_at, ended_at, sightings)
         SELECT unhex(printf('%064x', n)), 't', 'gitlab', 'revoke', 'revoked', 1, n, n, n, n, n, 1 FROM s",
    ];
    db.execute(FILL[usize::from(!db.store.is_shared())]).await;
    db.execute("UPDATE revocations SET tell = TRUE WHERE created_at <= 1500").await;
    assert_eq!(forget(&db).await, 98_500);
    assert_eq!(db.count("SELECT count(*) FROM revocations").await, 1500);
}
