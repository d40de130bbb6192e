use portcullis_store::ledger::Move;
use portcullis_store::queue::State;
use portcullis_store::{ConnectOptions, Store, StoreError};
use portcullis_test_support::{free_port, postgres, scratch_dir};

use super::audit;
use super::notices::{said, states};
use super::support::{Bytes, Database, fp, item};

/// What a version of tomorrow might add.
const ADDS: &str = "ALTER TABLE revocations ADD COLUMN tomorrow TEXT;
    ALTER TABLE pats ADD COLUMN tomorrow BIGINT NOT NULL DEFAULT 0;
    CREATE TABLE tomorrow (n BIGINT PRIMARY KEY);";

/// One that waits, two that are held, one that was given up, and one that is dead, as version 2 wrote them.
fn rows(bytes: Bytes) -> String {
    let row = |n, mode, state, sealed: bool, ended: bool| {
        let (fingerprint, ended) = (bytes(n), if ended { "2" } else { "NULL" });
        let sealed = if sealed { bytes(9) } else { "NULL".to_owned() };
        format!(
            "INSERT INTO revocations (fingerprint, token_type, provider, mode, state, sealed, key_version,
                created_at, armed_at, due_at, run_at, ended_at, sightings)
             VALUES ({fingerprint}, 'type_a', 'gitlab', '{mode}', '{state}', {sealed}, 1, 1, 1, 1, 1, {ended}, 1);"
        )
    };
    [
        row(1, "revoke", "pending", true, false),
        row(2, "approve", "held", true, false),
        row(3, "approve", "held", true, false),
        row(4, "revoke", "failed", true, true),
        row(5, "revoke", "revoked", false, true),
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_before_there_were_notices_go_on() {
    for db in Database::of_version(2, rows).await {
        db.store.tell_people();
        assert_eq!(states(&db).await, [], "what was reported before is no news");
        db.end(State::Revoked, false, "revoked").await;
        assert_eq!((db.state(1).await.as_str(), states(&db).await), ("revoked", vec![]));
        // What people do, or report, from now on is.
        assert!(db.store.operate(&fp(2), Move::Approve).await.unwrap());
        assert!(db.store.operate(&fp(3), Move::Cancel).await.unwrap());
        db.report(&[item(4), item(5)]).await;
        assert_eq!(states(&db).await, [said(3, "cancelled")]);
        db.end(State::Revoked, false, "revoked").await;
        db.end(State::Revoked, false, "revoked").await;
        assert_eq!(states(&db).await, [said(2, "revoked"), said(4, "revoked")]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_log_begins_with_the_upgrade() {
    for db in Database::of_version(3, rows).await {
        assert_eq!(audit::wrong(&db.store).await, [], "nothing was written and nothing is missing");
        audit::begin(&db.store, audit::ONE).await;
        db.end(State::Revoked, false, "revoked").await;
        assert!(db.store.operate(&fp(2), Move::Approve).await.unwrap());
        db.end(State::Revoked, false, "revoked").await;
        let entries = db.store.audit_entries(&audit::ONE, 0, 10).await.unwrap();
        assert_eq!(entries.len(), 2, "{entries:?}");
        assert_eq!(audit::wrong(&db.store).await, []);
    }
}

pub(crate) async fn what_a_newer_version_added_is_borne_with(db: Database) {
    db.report(&[item(1), item(2)]).await;
    let closed = db.migrated_further("tomorrows table", ADDS).await;
    let standing = Store::standing(&closed.options().url).await.unwrap();
    assert!(standing.pending.is_empty());
    assert_eq!(standing.ahead.len(), 1);
    assert_eq!(standing.ahead[0].description, "tomorrows table");
    let db = closed.open().await;
    db.report(&[item(3)]).await;
    for _ in 1..=3 {
        db.end(State::Revoked, false, "revoked").await;
    }
    assert_eq!(db.state(1).await, "revoked");
    // And once more, as after a crash.
    assert_eq!(db.reopened().await.state(3).await, "revoked");
}

pub(crate) async fn what_a_newer_version_took_away_keeps_this_one_off(db: Database) {
    let closed = db.migrated_further("needs 9998 drop what it never needed", "SELECT 1;").await;
    let refused = Store::connect(&closed.options()).await.unwrap_err();
    let StoreError::TooNew { needs: 9998, known, at } = refused else { panic!("{refused:?}") };
    assert_eq!(at, known + 1);
    let said = refused.to_string();
    assert!(said.contains("newer version") && said.contains("9998"), "{said}");
    let refused = Store::standing(&closed.options().url).await;
    assert!(matches!(refused, Err(StoreError::TooNew { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_replicas_that_start_at_once_one_migrates() {
    let database = postgres().await;
    let options = ConnectOptions { url: database.url().into(), max_connections: 2 };
    let empty = Store::standing(&options.url).await.unwrap();
    assert!(empty.pending.len() >= 3 && empty.ahead.is_empty(), "{empty:?}");
    let starts = (0..6).map(|_| {
        let options = options.clone();
        tokio::spawn(async move { Store::connect(&options).await.map(drop) })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap().unwrap();
    }
    assert!(Store::standing(&options.url).await.unwrap().pending.is_empty());
}

#[tokio::test]
async fn a_look_makes_nothing_and_says_what_is_not_there() {
    let folder = scratch_dir();
    let url = format!("sqlite://{}/none.db", folder.path().display());
    assert!(Store::standing(&url.into()).await.unwrap().pending.len() >= 3);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let nobody = format!("postgres://nobody@127.0.0.1:{}/none", free_port());
    assert!(Store::standing(&nobody.into()).await.unwrap_err().is_unavailable());
    let odd = Store::standing(&"mysql://x/y".to_owned().into()).await;
    assert!(matches!(odd, Err(StoreError::Address)), "{odd:?}");
}
