use std::sync::Mutex;
use std::time::Duration;

use portcullis_store::ledger::Move;
use portcullis_store::notices::{Rest, Telling};
use portcullis_store::queue::State;
use portcullis_store::report::{Entry, NewRevocation};

use super::notices::{HOOK, claim, collect};
use super::support::{Database, ended, fp, item};

fn held(n: u8) -> NewRevocation {
    NewRevocation { entry: Entry::Held, mode: "approve", ..item(n) }
}

/// While the webhook is down all that happens to a row gathers.
pub(crate) async fn no_notice_takes_the_place_of_another(db: Database) {
    db.store.tell_people();
    db.report(&[held(1), held(2), held(3)]).await;
    assert_eq!(collect(&db.store).await.len(), 3);
    for (n, act) in [(1, Move::Cancel), (2, Move::Approve), (3, Move::Approve)] {
        assert!(db.store.operate(&fp(n), act).await.unwrap());
    }
    // Nobody ever tries these two.
    assert_eq!(db.store.give_up_orphans(Duration::ZERO, &["other"]).await.unwrap(), 2);
    assert_eq!(collect(&db.store).await.len(), 3);
    assert!(db.store.operate(&fp(3), Move::Retry).await.unwrap());
    assert_eq!(db.store.give_up_orphans(Duration::ZERO, &["other"]).await.unwrap(), 1);
    assert_eq!(collect(&db.store).await.len(), 1);
    let all = claim(&db, 10).await;
    let mut told: Vec<_> =
        all.iter().map(|notice| (notice.fingerprint[0], notice.payload.as_str())).collect();
    told.sort_unstable();
    let wanted = [(1, "cancelled"), (1, "held"), (2, "failed"), (2, "held"), (3, "failed")];
    assert_eq!(told, [&wanted[..], &[(3, "failed"), (3, "held")]].concat());
}

pub(crate) async fn what_one_webhook_took_waits_for_the_other(db: Database) {
    db.store.tell_people();
    db.report(&[ended(1, State::Noted, "n"), ended(2, State::Noted, "n")]).await;
    let both = |row: &Rest| {
        let telling = |name: &str| Telling { webhook: name.into(), payload: row.state.clone() };
        vec![telling(HOOK), telling("mail")]
    };
    assert_eq!(db.store.collect(10, both).await.unwrap(), 2);
    let of_mail = async || db.store.claim_notices("mail", 10, Duration::ZERO).await.unwrap();
    let taken = claim(&db, 10).await;
    assert_eq!((taken.len(), of_mail().await.len()), (2, 2));
    db.store.put_off_notices(HOOK, &taken, Duration::from_mins(1)).await.unwrap();
    assert_eq!(of_mail().await.len(), 2);
    db.store.delete_notices(HOOK, &taken).await.unwrap();
    assert_eq!(db.store.give_up_notices(HOOK, Duration::ZERO, 10).await.unwrap().len(), 0);
    assert_eq!(of_mail().await.len(), 2);
}

pub(crate) async fn what_came_first_is_collected_first(db: Database) {
    db.store.tell_people();
    for n in [3, 1, 2] {
        db.report(&[ended(n, State::Noted, "n")]).await;
        db.execute("UPDATE revocations SET armed_at = armed_at - 1000").await;
    }
    let order = Mutex::new(Vec::new());
    let note = |row: &Rest| {
        order.lock().unwrap().push(row.identity());
        Vec::new()
    };
    for _ in 0..3 {
        assert_eq!(db.store.collect(1, note).await.unwrap(), 1);
    }
    assert_eq!(order.into_inner().unwrap(), [fp(3), fp(1), fp(2)]);
}

pub(crate) async fn what_is_too_old_is_given_up_in_pieces(db: Database) {
    const DAY: Duration = Duration::from_hours(24);
    db.store.tell_people();
    let some = |from, to| (from..to).map(|n| ended(n, State::Noted, "n")).collect::<Vec<_>>();
    db.report(&some(1, 6)).await;
    collect(&db.store).await;
    db.execute("UPDATE notices SET created_at = created_at - 86400001").await;
    db.report(&some(6, 8)).await;
    collect(&db.store).await;
    assert!(db.store.give_up_notices("another", DAY, 10).await.unwrap().is_empty());
    let mut gone = db.store.give_up_notices(HOOK, DAY, 3).await.unwrap();
    assert_eq!(gone.len(), 3);
    gone.extend(db.store.give_up_notices(HOOK, DAY, 3).await.unwrap());
    gone.sort_unstable();
    assert_eq!(gone, (1..6).map(fp).collect::<Vec<_>>());
    assert_eq!(claim(&db, 10).await.len(), 2, "the others are young");
}

pub(crate) async fn a_restart_changes_nothing_about_the_order(db: Database) {
    db.store.tell_people();
    for n in [3, 1, 2] {
        db.report(&[ended(n, State::Noted, "n")]).await;
        collect(&db.store).await;
        db.execute("UPDATE notices SET created_at = created_at - 1000, run_at = run_at - 1000")
            .await;
    }
    let db = db.reopened().await;
    assert_eq!(claim(&db, 1).await[0].fingerprint, fp(3));
}
