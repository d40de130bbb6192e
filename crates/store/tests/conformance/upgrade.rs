use portcullis_store::ledger::Move;
use portcullis_store::queue::State;

use super::notices::{said, states};
use super::support::{Bytes, Database, fp, item};

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
