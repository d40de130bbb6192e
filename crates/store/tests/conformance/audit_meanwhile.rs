//! The log is read while it is written: nobody is accused of what came meanwhile.

use std::cell::Cell;

use portcullis_store::Store;
use portcullis_store::audit::HEADS;
use portcullis_store::audit::verify::Verifier;
use tokio::runtime::Handle;

use super::audit::{ONE, TWO, begin, key, record, written, wrong};
use super::support::Database;

pub(crate) async fn a_snapshot_is_of_one_moment(db: Database) {
    let db = written(db).await;
    let mut snapshot = db.store.audit_snapshot().await.unwrap();
    // Of what is read first there are more now, of which what is read last tells; and what stood in the register
    // is not there any more.
    record(&db.store, 10..15).await;
    db.store.witness(HEADS).await.unwrap();
    let db = db.reopened().await;
    begin(&db.store, [3; 16]).await;
    assert!(db.store.retain_audit(&key(), i64::MAX).await.unwrap().removed > 0);
    let (key, mut defects) = (key(), Vec::new());
    let mut tell = |defect| defects.push(defect);
    let mut verifier = Verifier::new(&key, &[], &mut tell);
    for row in snapshot.chains(0, 100).await.unwrap() {
        let mut walk = verifier.chain(&row, false).unwrap();
        let first = snapshot.entries(&row.chain, i64::MIN, 5).await.unwrap();
        let rest = snapshot.entries(&row.chain, first[4].seq, 100).await.unwrap();
        first.iter().chain(&rest).for_each(|row| verifier.entry(&mut walk, row));
        verifier.pause(walk);
    }
    let passed = verifier.finish();
    let ends: Vec<_> = passed.iter().map(|one| (one.number, one.seq, one.removed)).collect();
    assert_eq!((ends, defects), (vec![(1, 11, None), (2, 10, None)], vec![]));
    snapshot.close().await;
    assert_eq!(wrong(&db.store).await, []);
}

/// Each of several chains tells of what another one has only had since it was passed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_it_is_verified_is_followed_to_its_end() {
    let db = Database::postgres().await;
    let (two, three) = (
        Store::connect(&db.options()).await.unwrap(),
        Store::connect(&db.options()).await.unwrap(),
    );
    begin(&db.store, ONE).await;
    begin(&two, TWO).await;
    let write = async |passed: u32| match passed {
        1 => {
            record(&db.store, 0..5).await;
            two.witness(HEADS).await.unwrap();
        }
        2 => {
            record(&two, 0..5).await;
            db.store.witness(HEADS).await.unwrap();
        }
        3 => {
            begin(&three, [3; 16]).await;
            db.store.witness(HEADS).await.unwrap();
            two.witness(HEADS).await.unwrap();
        }
        _ => {}
    };
    let pages = Cell::new(0);
    let meanwhile = |_| {
        pages.set(pages.get() + 1);
        tokio::task::block_in_place(|| Handle::current().block_on(write(pages.get())));
    };
    let (key, mut defects) = (key(), Vec::new());
    let mut tell = |defect| defects.push(defect);
    let mut verifier = Verifier::new(&key, &[], &mut tell);
    db.store.verify_audit(&mut verifier, &meanwhile).await.unwrap();
    let passed = verifier.finish();
    let ends: Vec<_> = passed.iter().map(|one| (one.number, one.seq)).collect();
    assert_eq!((ends, defects), (vec![(1, 7), (2, 7), (3, 0)], vec![]));
    two.close().await;
    three.close().await;
}
