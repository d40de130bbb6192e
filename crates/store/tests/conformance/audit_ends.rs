//! What is vouched for of the ends of chains, whatever somebody writes behind them.

use portcullis_store::audit::verify::{Defect, Fault, Verifier};
use portcullis_store::audit::{HEADS, Head};
use portcullis_store::{Store, StoreError};
use serde_json::Value;

use super::audit::{ONE, TWO, begin, key, record, tamper, verify, written, wrong};
use super::support::Database;

const FAR: &str = "INSERT INTO audit_entries (chain, seq, at, entry, prev, mac)
    VALUES (?1, 1000000000000, 0, '{}', ?0, ?0)";

async fn heads(store: &Store) -> Result<Vec<Head>, StoreError> {
    store.audit_heads(&key(), 0, 100).await
}

async fn unproven(store: &Store) -> i64 {
    match heads(store).await {
        Err(StoreError::UnprovenEnd(number)) => number,
        other => panic!("{other:?}"),
    }
}

/// As one who has no chain of his own sees it.
async fn elsewhere(db: &Database) -> Result<Vec<Head>, StoreError> {
    let reader = Store::connect_to_read(&db.options()).await.unwrap();
    let heads = heads(&reader).await;
    reader.close().await;
    heads
}

pub(crate) async fn an_end_that_is_not_ours_is_not_vouched_for(db: Database) {
    let db = written(db).await;
    let whole = heads(&db.store).await.unwrap();
    let copy = "INSERT INTO audit_entries SELECT chain, 12, at, entry, prev, mac FROM audit_entries
        WHERE chain = ?1 AND seq = 2";
    let none = "UPDATE audit_chains SET checkpoint = ?0 WHERE chain = ?1";
    let short = FAR.replace("?0, ?0)", "?0, substr(?0, 1, 3))");
    let row = "DELETE FROM audit_entries WHERE chain = ?1 AND seq > 11";
    for (what, sql, undo) in [
        ("a MAC that is none", short.as_str(), row),
        ("a MAC that is not ours", FAR, row),
        ("an entry from elsewhere", copy, row),
        ("a forged checkpoint", none, "UPDATE audit_chains SET checkpoint = NULL"),
        (
            "a chain that is not registered",
            "CREATE TABLE kept AS SELECT * FROM audit_chains WHERE chain = ?1;
             DELETE FROM audit_chains WHERE chain = ?1",
            "INSERT INTO audit_chains SELECT * FROM kept; DROP TABLE kept",
        ),
        (
            "a chain without entries",
            "CREATE TABLE kept AS SELECT * FROM audit_entries WHERE chain = ?1;
             DELETE FROM audit_entries WHERE chain = ?1",
            "INSERT INTO audit_entries SELECT * FROM kept; DROP TABLE kept",
        ),
    ] {
        tamper(&db, sql).await;
        assert_eq!(unproven(&db.store).await, 1, "{what}");
        let ends = db.store.audit_ends(&key(), 0, 100).await.unwrap();
        assert_eq!((ends.unproven.len(), &ends.heads[..]), (1, &whole[1..]), "{what}");
        tamper(&db, undo).await;
        assert_eq!(heads(&db.store).await.unwrap(), whole, "{what}, undone");
    }
    // Of our own chain we know better, and nobody else does.
    tamper(&db, &FAR.replace("?1", "?2")).await;
    assert_eq!(heads(&db.store).await.unwrap(), whole);
    assert!(matches!(elsewhere(&db).await, Err(StoreError::UnprovenEnd(2))));
    // Of the youngest ones alone it is not asked what came before.
    assert_eq!(db.store.audit_heads(&key(), 0, 1).await.unwrap(), whole[1..]);
    assert_eq!(db.store.audit_heads(&key(), 1, 100).await.unwrap(), whole[1..]);
}

/// Who hides an end for as long as the ends are named, and cuts it off afterwards.
pub(crate) async fn a_hidden_end_is_remembered_when_it_is_seen_again(db: Database) {
    begin(&db.store, ONE).await;
    record(&db.store, 0..10).await;
    tamper(&db, FAR).await;
    let db = db.reopened().await;
    begin(&db.store, TWO).await;
    db.store.witness(HEADS).await.unwrap();
    tamper(&db, "DELETE FROM audit_entries WHERE chain = ?1 AND seq > 3").await;
    let (defects, _) = verify(&db.store, &[]).await;
    let [one] = &defects[..] else { panic!("once, not by each entry: {defects:?}") };
    assert_eq!((one.number, &one.fault), (Some(1), &Fault::Hidden { to: 1 }));
    assert_eq!(one.chain.as_deref(), Some(ONE.as_slice()));
    assert!(one.at.is_some(), "since when");
    // Both entries know it, so that neither can be taken away for it.
    for row in db.store.audit_entries(&TWO, -1, 10).await.unwrap() {
        let entry: Value = serde_json::from_str(&row.entry).unwrap();
        assert_eq!(entry["unproven"][0]["number"], 1, "{entry}");
        assert_eq!(entry["heads"], Value::Array(Vec::new()), "{entry}");
    }
}

pub(crate) async fn a_chain_taken_from_the_register_for_a_while_is_remembered(db: Database) {
    let db = written(db).await;
    let keep = "CREATE TABLE kept AS SELECT * FROM audit_chains WHERE chain = ?1";
    tamper(&db, &format!("{keep}; DELETE FROM audit_chains WHERE chain = ?1")).await;
    db.store.witness(HEADS).await.unwrap();
    tamper(&db, "INSERT INTO audit_chains SELECT * FROM kept; DROP TABLE kept").await;
    assert_eq!(wrong(&db.store).await, [(Some(1), None, Fault::Hidden { to: 1 })]);
}

pub(crate) async fn what_retention_took_does_not_come_back_as_an_end(db: Database) {
    let db = written(db).await.reopened().await;
    let whole = heads(&db.store).await.unwrap();
    tamper(&db, "CREATE TABLE kept AS SELECT * FROM audit_entries WHERE chain = ?1 AND seq < 6")
        .await;
    assert!(db.store.retain_audit(&key(), i64::MAX).await.unwrap().removed > 0);
    assert_eq!(heads(&db.store).await.unwrap(), whole, "by their checkpoints");
    tamper(&db, "INSERT INTO audit_entries SELECT * FROM kept").await;
    assert_eq!(heads(&db.store).await.unwrap(), whole);
    tamper(&db, "UPDATE audit_chains SET checkpoint = NULL WHERE chain = ?2").await;
    assert_eq!(unproven(&db.store).await, 2);
}

/// What is found, which is little whatever is written there.
async fn found(store: &Store) -> Vec<(Option<i64>, Fault)> {
    let (key, mut found) = (key(), Vec::new());
    let mut tell = |one: Defect| {
        assert!(found.len() < 10, "{one:?} after {found:?}");
        found.push((one.number, one.fault));
    };
    let mut verifier = Verifier::new(&key, &[], &mut tell);
    store.verify_audit(&mut verifier, &|_| ()).await.unwrap();
    verifier.finish();
    found
}

pub(crate) async fn a_number_that_none_of_ours_can_have_stops_nobody(db: Database) {
    const HIGHEST: i64 = i64::MAX;
    let mut db = db;
    begin(&db.store, ONE).await;
    let chain =
        "INSERT INTO audit_chains (number, chain) VALUES (9223372036854775807, substr(?0, 1, 16))";
    tamper(&db, chain).await;
    let gap =
        |from| [(Some(from), Fault::NoChains { to: HIGHEST - 1 }), (Some(HIGHEST), Fault::NoChain)];
    assert_eq!(found(&db.store).await, gap(2));
    let hidden = (Some(HIGHEST), Fault::Hidden { to: HIGHEST });
    for (id, last) in [(TWO, 2), ([3; 16], 3)] {
        db = db.reopened().await;
        begin(&db.store, id).await;
        let [next, highest] = gap(last + 1);
        assert_eq!(found(&db.store).await, [hidden.clone(), next, highest]);
    }
    tamper(&db, "DELETE FROM audit_chains WHERE number > 1000").await;
    assert_eq!(found(&db.store).await, [hidden], "nobody else is accused");
}

pub(crate) async fn entries_of_any_number_are_gone_along(db: Database) {
    let db = written(db).await;
    let other = "INSERT INTO audit_entries (chain, seq, at, entry, prev, mac) VALUES";
    let rows =
        "(?1, -9223372036854775807, 5, '{}', ?0, ?0), (?1, 9223372036854775807, 5, '{}', ?0, ?0)";
    tamper(&db, &format!("{other} {rows}")).await;
    let highest = [(Some(1), Fault::Missing { to: i64::MAX - 1 }), (Some(1), Fault::Foreign)];
    assert_eq!(found(&db.store).await, [&[(Some(1), Fault::Repeated)][..], &highest].concat());
    // An export may have them in any order.
    let (key, mut faults) = (key(), Vec::new());
    let mut tell = |one: Defect| faults.push(one.fault);
    let mut verifier = Verifier::new(&key, &[], &mut tell);
    let chain = db.store.audit_chains(0, 1).await.unwrap().remove(0);
    let mut walk = verifier.chain(&chain, true).unwrap();
    let last = db.store.audit_entries(&ONE, i64::MAX - 1, 1).await.unwrap().remove(0);
    let first = db.store.audit_entries(&ONE, -1, 1).await.unwrap().remove(0);
    verifier.entry(&mut walk, &last);
    verifier.entry(&mut walk, &first);
    assert_eq!(faults, [Fault::Foreign, Fault::Repeated]);
}
