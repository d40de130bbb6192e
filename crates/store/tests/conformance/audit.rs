use std::sync::Arc;
use std::time::Duration;

use portcullis_base::{ManualClock, SystemClock};
use portcullis_store::audit::verify::{Defect, Fault, Passed, Verifier};
use portcullis_store::audit::{AuditKey, Batch, CLOSE, ChainId, Head, NOTHING_BEFORE, Told};
use portcullis_store::queue::State;
use portcullis_store::{ConnectOptions, Store};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;

use super::support::{Database, item};

pub(crate) const ONE: ChainId = [1; 16];
pub(crate) const TWO: ChainId = [2; 16];

pub(crate) fn key() -> AuditKey {
    AuditKey::new(&[7; 32])
}

fn told(n: i64) -> Told {
    let members = Map::from_iter([("n".to_owned(), n.into())]);
    Told::new(1000 + n, "test.event", &members)
}

pub(crate) async fn begin(store: &Store, id: ChainId) {
    let about = Map::from_iter([("program".to_owned(), "test".into())]);
    store.begin_chain(key(), id, Arc::new(SystemClock), &about).await.unwrap();
}

pub(crate) async fn record(store: &Store, entries: std::ops::Range<i64>) {
    store.record(&mut Batch::new(entries.map(told).collect())).await.unwrap();
}

/// Chain one has 12 entries and was closed; chain two has 11 and goes on.
pub(crate) async fn written(db: Database) -> Database {
    begin(&db.store, ONE).await;
    record(&db.store, 0..4).await;
    record(&db.store, 4..10).await;
    db.store.witness(CLOSE).await.unwrap();
    let db = db.reopened().await;
    begin(&db.store, TWO).await;
    record(&db.store, 0..10).await;
    db
}

pub(crate) async fn verify(store: &Store, heads: &[Head]) -> (Vec<Defect>, Vec<Passed>) {
    let (key, mut defects) = (key(), Vec::new());
    let mut tell = |defect| defects.push(defect);
    let mut verifier = Verifier::new(&key, heads, &mut tell);
    store.verify_audit(&mut verifier, &|_| ()).await.unwrap();
    let passed = verifier.finish();
    (defects, passed)
}

/// What is wrong, as (chain's number, entry, fault).
pub(crate) async fn wrong(store: &Store) -> Vec<(Option<i64>, Option<i64>, Fault)> {
    let (defects, _) = verify(store, &[]).await;
    defects.into_iter().map(|one| (one.number, one.seq, one.fault)).collect()
}

/// Runs statements as somebody would who has the database and not the key. `?1` and `?2` are the chains.
pub(crate) async fn tamper(db: &Database, sql: &str) {
    let shared = db.store.is_shared();
    let bytes = |bytes: &[u8]| {
        let digits = hex::encode(bytes);
        if shared { format!("'\\x{digits}'::bytea") } else { format!("x'{digits}'") }
    };
    let sql =
        sql.replace("?1", &bytes(&ONE)).replace("?2", &bytes(&TWO)).replace("?0", &bytes(&[9; 32]));
    let ConnectOptions { url, .. } = db.options();
    let url = url.expose_secret();
    if db.store.is_shared() {
        let pool = sqlx::PgPool::connect(url).await.unwrap();
        let drop = "DROP TRIGGER IF EXISTS audit_entries_are_final ON audit_entries;";
        sqlx::raw_sql(AssertSqlSafe(format!("{drop}{sql}"))).execute(&pool).await.unwrap();
        pool.close().await;
    } else {
        let pool = sqlx::SqlitePool::connect(url).await.unwrap();
        let drop = "DROP TRIGGER IF EXISTS audit_entries_are_final;";
        sqlx::raw_sql(AssertSqlSafe(format!("{drop}{sql}"))).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

pub(crate) async fn what_nobody_touched_is_whole(db: Database) {
    assert_eq!(wrong(&db.store).await, [], "an empty one too");
    let db = written(db).await;
    let heads = db.store.audit_heads(&key(), 0, 100).await.unwrap();
    let ends: Vec<_> = heads.iter().map(|head| (head.number, head.seq, head.closed)).collect();
    assert_eq!(ends, [(1, 11, true), (2, 10, false)]);
    let (defects, passed) = verify(&db.store, &heads).await;
    assert_eq!(defects, []);
    let ends: Vec<_> = passed.iter().map(|one| (one.number, one.seq, one.closed)).collect();
    assert_eq!(ends, [(1, 11, true), (2, 10, false)]);
    // Nothing can be read with another key.
    let (other, mut count) = (AuditKey::new(&[8; 32]), 0);
    let mut tell = |_| count += 1;
    let mut verifier = Verifier::new(&other, &[], &mut tell);
    db.store.verify_audit(&mut verifier, &|_| ()).await.unwrap();
    drop(verifier);
    assert_eq!(count, 23);
    // Beside whoever writes.
    let reader = Store::connect_to_read(&db.options()).await.unwrap();
    assert_eq!(wrong(&reader).await, []);
    reader.close().await;
}

/// What is done, by which statements, what undoes it, and what is found: chain's number, entry, fault.
type Case = (&'static str, String, String, Vec<(i64, i64, Fault)>);

pub(crate) async fn every_tampering_is_found_with_its_place(db: Database) {
    let db = written(db).await;
    let foreign = {
        let other = AuditKey::new(&[8; 32]);
        hex::encode(other.of_entry(&TWO, 11, 5, &NOTHING_BEFORE, "{}"))
    };
    let foreign = if db.store.is_shared() {
        format!("'\\x{foreign}'::bytea")
    } else {
        format!("x'{foreign}'")
    };
    let copy = "INSERT INTO audit_entries SELECT";
    let cases: Vec<Case> = vec![
        (
            "an edited entry",
            "UPDATE audit_entries SET entry = '{\"event\":\"test.event\",\"n\":99}' WHERE chain = ?1 AND seq = 5".into(),
            "UPDATE audit_entries SET entry = '{\"event\":\"test.event\",\"n\":4}' WHERE chain = ?1 AND seq = 5".into(),
            vec![(1, 5, Fault::Edited)],
        ),
        (
            "another time",
            "UPDATE audit_entries SET at = at + 1 WHERE chain = ?1 AND seq = 5".into(),
            "UPDATE audit_entries SET at = at - 1 WHERE chain = ?1 AND seq = 5".into(),
            vec![(1, 5, Fault::Edited)],
        ),
        (
            "a deleted row",
            "CREATE TABLE kept AS SELECT * FROM audit_entries WHERE chain = ?1 AND seq BETWEEN 3 AND 4;
                     DELETE FROM audit_entries WHERE chain = ?1 AND seq BETWEEN 3 AND 4".into(),
            format!("{copy} * FROM kept; DROP TABLE kept"),
            vec![(1, 3, Fault::Missing { to: 4 })],
        ),
        (
            "a row with a key of its own",
            format!("INSERT INTO audit_entries (chain, seq, at, entry, prev, mac)
                     VALUES (?2, 11, 5, '{{}}', ?0, {foreign})"),
            "DELETE FROM audit_entries WHERE chain = ?2 AND seq = 11".into(),
            vec![(2, 11, Fault::Foreign)],
        ),
        (
            "an entry with a MAC of its own in the middle",
            "UPDATE audit_entries SET mac = ?0 WHERE chain = ?2 AND seq = 10".into(),
            String::new(),
            vec![(2, 10, Fault::Foreign)],
        ),
        (
            "two rows in each other's place",
            "UPDATE audit_entries SET seq = 1006 WHERE chain = ?1 AND seq = 6;
             UPDATE audit_entries SET seq = 6 WHERE chain = ?1 AND seq = 7;
             UPDATE audit_entries SET seq = 7 WHERE chain = ?1 AND seq = 1006".into(),
            "UPDATE audit_entries SET seq = 1006 WHERE chain = ?1 AND seq = 6;
             UPDATE audit_entries SET seq = 6 WHERE chain = ?1 AND seq = 7;
             UPDATE audit_entries SET seq = 7 WHERE chain = ?1 AND seq = 1006".into(),
            vec![(1, 6, Fault::Moved { chain: ONE, seq: 7 }), (1, 7, Fault::Moved { chain: ONE, seq: 6 })],
        ),
        (
            "an old row again",
            format!("{copy} chain, 12, at, entry, prev, mac FROM audit_entries WHERE chain = ?1 AND seq = 2"),
            "DELETE FROM audit_entries WHERE chain = ?1 AND seq = 12".into(),
            vec![(1, 12, Fault::Moved { chain: ONE, seq: 2 })],
        ),
        (
            "an entry of another chain",
            format!("{copy} ?1, 12, at, entry, prev, mac FROM audit_entries WHERE chain = ?2 AND seq = 4"),
            "DELETE FROM audit_entries WHERE chain = ?1 AND seq = 12".into(),
            vec![(1, 12, Fault::Moved { chain: TWO, seq: 4 })],
        ),
        (
            "a number that none of ours has",
            "INSERT INTO audit_entries (chain, seq, at, entry, prev, mac) VALUES (?1, -3, 5, '{}', ?0, ?0)".into(),
            "DELETE FROM audit_entries WHERE seq = -3".into(),
            vec![(1, -3, Fault::Repeated)],
        ),
    ];
    for (what, sql, undo, expected) in cases {
        // The last one of a chain has no successor that would name it: its own MAC is restored below.
        let last = what.contains("middle").then_some(
            "CREATE TABLE kept AS SELECT mac FROM audit_entries WHERE chain = ?2 AND seq = 10",
        );
        if let Some(keep) = last {
            tamper(&db, keep).await;
        }
        tamper(&db, &sql).await;
        let found: Vec<_> = wrong(&db.store).await;
        for (number, seq, fault) in &expected {
            assert!(
                found.contains(&(Some(*number), Some(*seq), fault.clone())),
                "{what}: {found:?}"
            );
        }
        assert!(found.len() <= expected.len() + 1, "{what}: {found:?}");
        let undo = if last.is_some() {
            "UPDATE audit_entries SET mac = (SELECT mac FROM kept) WHERE chain = ?2 AND seq = 10; DROP TABLE kept".to_owned()
        } else {
            undo
        };
        tamper(&db, &undo).await;
        assert_eq!(wrong(&db.store).await, [], "{what}, undone");
    }
}

pub(crate) async fn a_whole_chain_cannot_go_unnoticed(db: Database) {
    let db = written(db).await;
    let heads = db.store.audit_heads(&key(), 0, 100).await.unwrap();
    tamper(&db, "DELETE FROM audit_entries WHERE chain = ?1").await;
    assert!(wrong(&db.store).await.contains(&(Some(1), None, Fault::NoChain)), "registered");
    tamper(&db, "DELETE FROM audit_chains WHERE chain = ?1").await;
    assert!(wrong(&db.store).await.contains(&(Some(1), None, Fault::NoChain)), "numbered");
    // Renumbered, the second says itself that it is not the first.
    tamper(&db, "UPDATE audit_chains SET number = 1").await;
    assert!(wrong(&db.store).await.contains(&(Some(1), None, Fault::Misplaced)));
    tamper(&db, "DELETE FROM audit_chains").await;
    assert!(wrong(&db.store).await.contains(&(None, None, Fault::Unregistered)));
    // With everything gone nothing is left to tell but a head that is elsewhere.
    tamper(&db, "DELETE FROM audit_entries").await;
    assert_eq!(wrong(&db.store).await, []);
    let (defects, _) = verify(&db.store, &heads).await;
    assert_eq!(defects.len(), 2);
    assert!(defects.iter().all(|one| one.fault == Fault::NoChain && one.chain.is_some()));
}

pub(crate) async fn a_cut_tail_is_known_to_a_head_and_to_later_chains(db: Database) {
    let db = written(db).await;
    let heads = db.store.audit_heads(&key(), 0, 100).await.unwrap();
    tamper(&db, "DELETE FROM audit_entries WHERE chain = ?2 AND seq > 7").await;
    let (defects, _) = verify(&db.store, &[]).await;
    assert_eq!(defects, [], "nobody else knows of it");
    let (defects, _) = verify(&db.store, &heads).await;
    let found: Vec<_> = defects.iter().map(|one| (one.number, one.seq, &one.fault)).collect();
    assert_eq!(found, [(Some(2), Some(8), &Fault::Cut { to: 10 })]);
    let seventh = db.store.audit_entries(&TWO, 6, 1).await.unwrap().remove(0);
    let mut older = heads.clone();
    (older[1].seq, older[1].mac) = (7, seventh.mac.try_into().unwrap());
    for both in [[heads.clone(), older.clone()].concat(), [older, heads.clone()].concat()] {
        assert_eq!(verify(&db.store, &both).await.0, defects, "in whatever order they are given");
    }
    // The process itself knows its end, and goes on: the gap is left.
    assert_eq!(db.store.audit_heads(&key(), 0, 100).await.unwrap(), heads);
    record(&db.store, 20..21).await;
    assert!(wrong(&db.store).await.contains(&(Some(2), Some(8), Fault::Missing { to: 10 })));
    tamper(&db, "DELETE FROM audit_entries WHERE chain = ?1 AND seq > 9").await;
    let cut = (Some(1), Some(10), Fault::Cut { to: 11 });
    assert!(wrong(&db.store).await.contains(&cut), "the second chain knows");
}

/// With the key the log can be written anew, and is whole; what was exported of it says otherwise.
pub(crate) async fn what_was_written_anew_is_known_to_a_head(db: Database) {
    let db = written(db).await;
    let heads = db.store.audit_heads(&key(), 0, 100).await.unwrap();
    let last = db.store.audit_entries(&TWO, 9, 1).await.unwrap().remove(0);
    let (prev, other) = (last.prev.as_slice().try_into().unwrap(), told(77));
    let mac = hex::encode(key().of_entry(&TWO, 10, other.at, prev, &other.entry));
    let mac = if db.store.is_shared() { format!("'\\x{mac}'") } else { format!("x'{mac}'") };
    let Told { at, entry } = other;
    let set = format!("at = {at}, entry = '{entry}', mac = {mac}");
    tamper(&db, &format!("UPDATE audit_entries SET {set} WHERE chain = ?2 AND seq = 10")).await;
    assert_eq!(wrong(&db.store).await, []);
    let (defects, _) = verify(&db.store, &heads).await;
    let found: Vec<_> = defects.iter().map(|one| (one.number, one.seq, &one.fault)).collect();
    assert_eq!(found, [(Some(2), Some(10), &Fault::Rewritten)]);
    // The same where a checkpoint stands for it.
    let db = db.reopened().await;
    assert!(db.store.retain_audit(&key(), i64::MAX).await.unwrap().removed > 0);
    let (defects, _) = verify(&db.store, &heads).await;
    let found: Vec<_> = defects.iter().map(|one| (one.number, &one.fault)).collect();
    assert_eq!(found, [(Some(2), &Fault::Rewritten)]);
}

pub(crate) async fn a_database_that_drops_entries_is_not_believed(db: Database) {
    begin(&db.store, ONE).await;
    let (swallow, end) = if db.store.is_shared() {
        (
            "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
             CREATE TRIGGER swallow BEFORE INSERT ON audit_entries
                FOR EACH ROW EXECUTE FUNCTION swallow()",
            "DROP TRIGGER swallow ON audit_entries",
        )
    } else {
        (
            "CREATE TRIGGER swallow BEFORE INSERT ON audit_entries
                BEGIN SELECT RAISE(IGNORE); END",
            "DROP TRIGGER swallow",
        )
    };
    tamper(&db, swallow).await;
    let mut batch = Batch::new(vec![told(1), told(2)]);
    db.store.record(&mut batch).await.unwrap_err();
    assert_eq!(db.store.entries_written(), 1);
    tamper(&db, end).await;
    db.store.record(&mut batch).await.unwrap();
    assert_eq!(db.store.entries_written(), 3);
    assert_eq!(wrong(&db.store).await, []);
}

/// Somebody writes where our next entry would be, and one that has the highest of all numbers.
pub(crate) async fn a_row_in_our_way_does_not_stop_us(db: Database) {
    begin(&db.store, ONE).await;
    let other = "INSERT INTO audit_entries (chain, seq, at, entry, prev, mac) VALUES";
    let rows = "(?1, 1, 5, '{}', ?0, ?0), (?1, 9223372036854775807, 5, '{}', ?0, ?0)";
    tamper(&db, &format!("{other} {rows}")).await;
    let mut batch = Batch::new(vec![told(1)]);
    db.store.record(&mut batch).await.unwrap_err();
    db.store.record(&mut batch).await.unwrap();
    record(&db.store, 2..4).await;
    let entries = db.store.audit_entries(&ONE, 1, 3).await.unwrap();
    assert_eq!(entries.iter().map(|row| row.at).collect::<Vec<_>>(), [1001, 1002, 1003]);
    tamper(&db, "DELETE FROM audit_entries WHERE seq > 1000").await;
    assert_eq!(wrong(&db.store).await, [(Some(1), Some(1), Fault::Foreign)]);
}

pub(crate) async fn the_ends_of_the_queue_are_recorded_with_them(db: Database) {
    begin(&db.store, ONE).await;
    db.report(&[item(1), item(2)]).await;
    db.end(State::Revoked, false, "revoked").await;
    db.execute("UPDATE revocations SET provider = 'gone', armed_at = 1, due_at = 1").await;
    assert_eq!(db.store.give_up_orphans(Duration::from_hours(1), &["gitlab"]).await.unwrap(), 1);
    let entries = db.store.audit_entries(&ONE, 0, 10).await.unwrap();
    let entries: Vec<Value> =
        entries.iter().map(|row| serde_json::from_str(&row.entry).unwrap()).collect();
    assert_eq!(entries.len(), 2, "{entries:?}");
    let (first, last) = (&entries[0]["ends"][0], &entries[1]["ends"][0]);
    assert_eq!((&first["state"], &first["code"]), (&"revoked".into(), &"revoked".into()));
    assert_eq!(first["provider"], "gitlab");
    let ended = first["fingerprints"][0].as_str().unwrap();
    assert!(["01010101", "02020202"].contains(&ended), "{ended}");
    assert_eq!((&last["state"], &last["code"]), (&"failed".into(), &"no_provider".into()));
    assert_eq!(wrong(&db.store).await, []);
    // An end that cannot be recorded is none.
    db.report(&[item(3)]).await;
    tamper(&db, "ALTER TABLE audit_entries RENAME TO hidden").await;
    let claimed = db.store.claim("gitlab", 10, super::support::LEASE).await.unwrap();
    let end = super::support::end(&claimed[0], State::Revoked, false, "revoked");
    assert!(db.store.settle(std::slice::from_ref(&end)).await.is_err());
    assert_eq!(db.state(3).await, "pending");
    tamper(&db, "ALTER TABLE hidden RENAME TO audit_entries").await;
    assert_eq!(db.store.settle(&[end]).await.unwrap().len(), 1);
    assert_eq!(wrong(&db.store).await, []);
}

pub(crate) async fn an_attempt_that_nobody_heard_of_is_not_written_twice(db: Database) {
    begin(&db.store, ONE).await;
    tamper(&db, "ALTER TABLE audit_entries RENAME TO hidden").await;
    let mut failed = Batch::new(vec![told(1)]);
    db.store.record(&mut failed).await.unwrap_err();
    tamper(&db, "ALTER TABLE hidden RENAME TO audit_entries").await;
    // Somebody else goes first meanwhile.
    record(&db.store, 2..3).await;
    db.store.record(&mut failed).await.unwrap();
    let entries = db.store.audit_entries(&ONE, 0, 10).await.unwrap();
    assert_eq!(entries.iter().map(|row| row.at).collect::<Vec<_>>(), [1002, 1001]);
    assert_eq!(wrong(&db.store).await, []);
}

/// Postgres goes on with a commit whose client has given up; until it is done nobody can see it, and others
/// may try to write at its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_arrives_late_is_found_whoever_comes_first() {
    const SLOWLY: &str = "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON audit_entries DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.at = 1001) EXECUTE FUNCTION slowly();";
    let db = Database::postgres().await;
    begin(&db.store, ONE).await;
    tamper(&db, SLOWLY).await;
    let mut given_up = Batch::new(vec![told(1)]);
    let early = Duration::from_millis(700);
    let commit = tokio::time::timeout(early, db.store.record(&mut given_up)).await;
    assert!(commit.is_err(), "it was to take longer");
    let mut next = Batch::new(vec![told(2)]);
    // Its place is taken meanwhile.
    while db.store.record(&mut next).await.is_err() {}
    record(&db.store, 3..4).await;
    db.store.record(&mut given_up).await.unwrap();
    let entries = db.store.audit_entries(&ONE, 0, 10).await.unwrap();
    assert_eq!(entries.iter().map(|row| row.at).collect::<Vec<_>>(), [1001, 1002, 1003]);
    assert_eq!(wrong(&db.store).await, []);
}

fn clock_at(ms: i64) -> Arc<ManualClock> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap();
    Arc::new(ManualClock::at(at))
}

pub(crate) async fn what_is_old_goes_and_leaves_a_checkpoint(db: Database) {
    let about = Map::new();
    db.store.begin_chain(key(), ONE, clock_at(900), &about).await.unwrap();
    record(&db.store, 0..10).await;
    let db = db.reopened().await;
    db.store.begin_chain(key(), TWO, clock_at(2000), &about).await.unwrap();
    record(&db.store, 1000..1010).await;
    let heads = db.store.audit_heads(&key(), 0, 100).await.unwrap();
    let retained = db.store.retain_audit(&key(), 1004).await.unwrap();
    assert_eq!(
        (retained.removed, retained.kept_as_evidence),
        (5, 0),
        "1000 to 1003, and the opening"
    );
    assert_eq!(wrong(&db.store).await, []);
    let (defects, passed) = verify(&db.store, &heads).await;
    assert_eq!((defects, passed[0].removed), (vec![], Some(4)));
    // And the rest, until nothing of the chain is left.
    assert_eq!(db.store.retain_audit(&key(), 1500).await.unwrap().removed, 6);
    assert_eq!(db.store.audit_entries(&ONE, -1, 10).await.unwrap(), []);
    assert_eq!(verify(&db.store, &heads).await.0, []);
    assert_eq!(db.store.retain_audit(&key(), 1500).await.unwrap().removed, 0);
    // The next chain knows the one before by its checkpoint alone.
    assert_eq!(db.store.retain_audit(&key(), 5000).await.unwrap().removed, 13);
    let db = db.reopened().await;
    begin(&db.store, [3; 16]).await;
    assert_eq!(verify(&db.store, &heads).await.0, []);
    tamper(&db, "UPDATE audit_chains SET checkpoint = NULL WHERE chain = ?1").await;
    assert!(wrong(&db.store).await.contains(&(Some(1), None, Fault::NoChain)));
}

/// One who held the duty for longer than it was his, beside his successor.
pub(crate) async fn two_who_take_away_at_once_leave_a_whole_log(db: Database) {
    begin(&db.store, ONE).await;
    for n in 0..10 {
        record(&db.store, n * 500..(n + 1) * 500).await;
    }
    let key = key();
    let all = || db.store.retain_audit(&key, i64::MAX);
    let (one, other) = tokio::join!(all(), all());
    assert!(one.unwrap().removed + other.unwrap().removed > 0);
    assert_eq!(wrong(&db.store).await, []);
}

pub(crate) async fn nothing_that_was_made_to_look_old_goes(db: Database) {
    let db = written(db).await;
    tamper(&db, "UPDATE audit_entries SET at = 1 WHERE chain = ?1 AND seq < 6").await;
    let retained = db.store.retain_audit(&key(), 500).await.unwrap();
    assert_eq!((retained.removed, retained.kept_as_evidence), (0, 1));
    assert_eq!(wrong(&db.store).await.len(), 6);
}

pub(crate) async fn a_forged_checkpoint_hides_nothing(db: Database) {
    let db = written(db).await;
    tamper(&db, "DELETE FROM audit_entries WHERE chain = ?1 AND seq < 6").await;
    tamper(&db, "UPDATE audit_chains SET checkpoint = ?0 WHERE chain = ?1").await;
    let found = wrong(&db.store).await;
    assert!(found.contains(&(Some(1), None, Fault::BadCheckpoint)), "{found:?}");
    assert!(found.contains(&(Some(1), Some(0), Fault::Missing { to: 5 })), "{found:?}");
}

pub(crate) async fn several_begin_and_write_at_once(db: Database) {
    let mut stores = vec![db.store.clone()];
    if db.store.is_shared() {
        for _ in 0..3 {
            stores.push(Store::connect(&db.options()).await.unwrap());
        }
    }
    let write = |(n, store): (usize, Store)| async move {
        begin(&store, [u8::try_from(n).unwrap() + 1; 16]).await;
        let each = (0..20).map(|_| record(&store, 0..3));
        futures_util::future::join_all(each).await;
    };
    futures_util::future::join_all(stores.iter().cloned().enumerate().map(write)).await;
    let (defects, passed) = verify(&db.store, &[]).await;
    assert_eq!(defects, []);
    assert_eq!(passed.len(), stores.len());
    assert!(passed.iter().all(|one| one.seq == 60), "{passed:?}");
    for store in stores.drain(1..) {
        store.close().await;
    }
}

pub(crate) async fn entries_cannot_be_changed_by_mistake(db: Database) {
    begin(&db.store, ONE).await;
    let changed = db.try_execute("UPDATE audit_entries SET at = 1").await;
    assert!(changed.unwrap_err().to_string().contains("audit entries are final"));
}

mod encoding {
    use portcullis_store::audit::{AuditKey, ChainId, Mac, Told};
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    type Place = (ChainId, i64, i64, Mac, String);

    fn place() -> impl Strategy<Value = Place> {
        let few = |n: u8| prop_oneof![Just([n; 16]), Just([n + 1; 16])];
        (
            few(1),
            0..3_i64,
            0..3_i64,
            prop_oneof![Just([1; 32]), Just([2; 32])],
            "[\\x00-\\x02]{0,3}",
        )
    }

    fn mac((chain, seq, at, prev, entry): &Place) -> Mac {
        AuditKey::new(&[7; 32]).of_entry(chain, *seq, *at, prev, entry)
    }

    proptest! {
        /// A MAC stands for one entry at one place and for no other.
        #[test]
        fn no_two_entries_have_one_mac(one in place(), other in place()) {
            prop_assert_eq!(one == other, mac(&one) == mac(&other));
        }

        /// What is written of an event can be read back, so no two events are written alike.
        #[test]
        fn an_entry_says_what_it_was_made_of(event in ".*", name in "[^e].*", value in ".*") {
            let members = Map::from_iter([(name.clone(), Value::from(value.clone()))]);
            let told = Told::new(0, &event, &members);
            let read: Map<String, Value> = serde_json::from_str(&told.entry).unwrap();
            prop_assert_eq!(&read["event"], &Value::from(event));
            prop_assert_eq!(&read[&name], &Value::from(value));
            prop_assert_eq!(read.len(), 2);
        }
    }
}
