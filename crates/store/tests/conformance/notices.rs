use std::sync::Mutex;
use std::time::Duration;

use portcullis_store::Store;
use portcullis_store::ledger::Move;
use portcullis_store::notices::{Notice, Rest, Telling};
use portcullis_store::queue::State;
use portcullis_store::report::{Entry, NewRevocation};

use super::support::{Database, LEASE, LENT, end, ended, fp, item, sighting};

pub(crate) const HOOK: &str = "chat";

const EXPIRED: &str = "UPDATE notices SET run_at = run_at - 40001";

/// What is collected, each told to [`HOOK`] as its state.
pub(crate) async fn collect(store: &Store) -> Vec<Rest> {
    let found = Mutex::new(Vec::new());
    let tell = |row: &Rest| {
        found.lock().unwrap().push(row.clone());
        vec![Telling { webhook: HOOK.into(), payload: row.state.clone() }]
    };
    let count = store.collect(1000, tell).await.unwrap();
    let found = found.into_inner().unwrap();
    assert_eq!(found.len(), count);
    found
}

pub(crate) async fn states(db: &Database) -> Vec<(u8, String)> {
    let all = collect(&db.store).await;
    let mut all: Vec<_> = all.into_iter().map(|row| (row.fingerprint[0], row.state)).collect();
    all.sort();
    all
}

pub(crate) async fn claim(db: &Database, limit: u32) -> Vec<Notice> {
    db.store.claim_notices(HOOK, limit, LEASE).await.unwrap()
}

pub(crate) fn said(n: u8, state: &str) -> (u8, String) {
    (n, state.to_owned())
}

pub(crate) async fn where_nobody_asks_nothing_is_marked(db: Database) {
    db.report(&[item(1), ended(2, State::Noted, "notify")]).await;
    db.end(State::Revoked, false, "revoked").await;
    db.report(&[item(1)]).await;
    assert_eq!(db.count("SELECT count(*) FROM revocations WHERE tell").await, 0);
    assert_eq!(states(&db).await, []);
}

pub(crate) async fn what_waits_is_told_of_when_it_is_reported_again(db: Database) {
    db.report(&[item(1), item(2)]).await;
    db.store.tell_people();
    db.report(&[item(1)]).await;
    assert_eq!(states(&db).await, [], "it waits for its provider");
    db.end(State::Revoked, false, "revoked").await;
    db.end(State::Revoked, false, "revoked").await;
    assert_eq!(states(&db).await, [said(1, "revoked")]);
}

pub(crate) async fn each_coming_to_rest_is_told_once(db: Database) {
    db.store.tell_people();
    let held = NewRevocation { entry: Entry::Held, mode: "approve", ..item(2) };
    let noted = NewRevocation { mode: "notify", ..ended(3, State::Noted, "notify") };
    db.report(&[item(1), held.clone(), noted.clone(), ended(4, State::Refused, "format")]).await;
    let first = [said(2, "held"), said(3, "noted"), said(4, "refused")];
    assert_eq!(states(&db).await, first, "what waits for a provider is not at rest");
    db.report(&[item(1), held, noted, ended(4, State::Refused, "format")]).await;
    assert_eq!(states(&db).await, [], "a report more is no news");
    db.end(State::Revoked, false, "revoked").await;
    let all = collect(&db.store).await;
    assert_eq!(all.len(), 1);
    let row = &all[0];
    assert_eq!((row.identity(), row.state.as_str()), (fp(1), "revoked"));
    assert_eq!(
        (row.code.as_deref(), row.reason.as_deref()),
        (Some("revoked"), Some("as the test said"))
    );
    assert_eq!((row.attempts, row.sightings), (1, 2));
    assert!(row.ended_at.is_some());
    db.report(&[item(1)]).await;
    assert_eq!(states(&db).await, []);
}

pub(crate) async fn a_new_round_is_told_anew(db: Database) {
    db.report(&[item(1)]).await;
    db.end(State::Failed, false, "down").await;
    assert_eq!(states(&db).await, [], "nobody had asked");
    db.store.tell_people();
    db.report(&[item(1)]).await;
    db.end(State::Failed, false, "down").await;
    let first = collect(&db.store).await.remove(0);
    assert_eq!(first.state, "failed");
    db.report(&[item(1)]).await;
    assert_eq!(states(&db).await, [], "once a day");
    db.execute("UPDATE revocations SET rearmed_at = rearmed_at - 86400001").await;
    db.report(&[item(1)]).await;
    db.end(State::Failed, false, "down").await;
    let second = collect(&db.store).await.remove(0);
    assert_ne!((first.round, first.identity()), (second.round, second.identity()));
    assert_eq!(claim(&db, 10).await.len(), 2, "each is a notice of its own");
}

pub(crate) async fn what_operators_do_is_told(db: Database) {
    let held = |n| NewRevocation { entry: Entry::Held, mode: "approve", ..item(n) };
    db.report(&[held(1), held(2), item(3)]).await;
    db.end(State::Failed, false, "down").await;
    db.store.tell_people();
    assert_eq!(states(&db).await, []);
    for (n, act) in [(1, Move::Approve), (2, Move::Cancel), (3, Move::Retry)] {
        assert!(db.store.operate(&fp(n), act).await.unwrap());
    }
    assert_eq!(states(&db).await, [said(2, "cancelled")], "the others are under way");
    db.end(State::Revoked, false, "revoked").await;
    db.end(State::Revoked, false, "revoked").await;
    assert_eq!(states(&db).await, [said(1, "revoked"), said(3, "revoked")]);
}

pub(crate) async fn a_lent_token_is_told_of_when_it_is_reported(db: Database) {
    const DUE: &str = "UPDATE revocations SET due_at = due_at - 600001, run_at = run_at - 600001";
    db.store.tell_people();
    for n in 1..=3 {
        db.lend(n).await;
    }
    let leaked = |n| NewRevocation { sightings: vec![sighting("leaked")], ..item(n) };
    db.report(&[leaked(1)]).await;
    db.execute(DUE).await;
    for claimed in db.store.claim(LENT, 10, LEASE).await.unwrap() {
        db.store.settle(&[end(&claimed, State::Revoked, false, "revoked")]).await.unwrap();
    }
    assert_eq!(states(&db).await, [said(1, "revoked")], "the others were merely lent");
    db.report(&[leaked(1), leaked(2)]).await;
    assert_eq!(states(&db).await, [said(2, "revoked")], "it leaked, though it was dead");
    db.report(&[leaked(1), leaked(2)]).await;
    assert_eq!(states(&db).await, []);
}

pub(crate) async fn the_first_ten_places_are_told(db: Database) {
    db.store.tell_people();
    let place = |at: &str| NewRevocation {
        sightings: vec![sighting(at)],
        ..ended(1, State::Noted, "notify")
    };
    for n in 10..22 {
        db.report(&[place(&format!("at {n}"))]).await;
        db.execute("UPDATE sightings SET first_seen_at = first_seen_at - 1000").await;
    }
    let mut again = sighting("at 10");
    again.token_type = "another".into();
    again.digest = [7; 16];
    db.report(&[NewRevocation { sightings: vec![again], ..place("") }]).await;
    let mut nowhere = sighting("");
    nowhere.location = None;
    db.report(&[NewRevocation { sightings: vec![nowhere], ..ended(2, State::Noted, "n") }]).await;
    let mut all = collect(&db.store).await;
    all.sort_by_key(|row| row.fingerprint.clone());
    let ten: Vec<String> = (10..20).map(|n| format!("at {n}")).collect();
    assert_eq!((&all[0].locations, all[0].sightings), (&ten, 13));
    assert_eq!(all[1].locations, Vec::<String>::new());
}

pub(crate) async fn a_fault_in_between_leaves_the_mark(db: Database) {
    db.store.tell_people();
    db.report(&[ended(1, State::Noted, "notify")]).await;
    let store = db.store.clone();
    let fault = tokio::spawn(async move { store.collect(10, |_| panic!("of the test")).await });
    assert!(fault.await.unwrap_err().is_panic());
    // On Postgres the transaction is rolled back when its connection has come back to the pool; until then
    // the row is in somebody's hands and passed over.
    let mut told = states(&db).await;
    for _ in 0..200 {
        if !told.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        told = states(&db).await;
    }
    assert_eq!(told, [said(1, "noted")]);
}

pub(crate) async fn two_replicas_write_no_notice_twice(db: Database) {
    db.store.tell_people();
    let other = if db.store.is_shared() {
        Store::connect(&db.options()).await.unwrap()
    } else {
        db.store.clone()
    };
    let many: Vec<_> = (0..200).map(|n| ended(n, State::Noted, "notify")).collect();
    db.report(&many).await;
    let calls = Mutex::new(Vec::new());
    let all_of = async |store: &Store| {
        let tell = |row: &Rest| {
            calls.lock().unwrap().push(row.identity());
            vec![Telling { webhook: HOOK.into(), payload: row.state.clone() }]
        };
        // Rows that the other one has in hand are passed over.
        for _ in 0..40 {
            store.collect(7, tell).await.unwrap();
        }
    };
    tokio::join!(all_of(&db.store), all_of(&other), all_of(&db.store));
    let mut calls = calls.into_inner().unwrap();
    calls.sort_unstable();
    assert_eq!(calls, (0..200).map(fp).collect::<Vec<_>>());
    let claims = async |store: &Store| {
        let mut all = Vec::new();
        for _ in 0..40 {
            all.extend(store.claim_notices(HOOK, 7, LEASE).await.unwrap());
        }
        all
    };
    let (a, b) = tokio::join!(claims(&db.store), claims(&other));
    let mut claimed: Vec<_> = a.iter().chain(&b).map(|notice| notice.fingerprint).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, (0..200).map(fp).collect::<Vec<_>>());
}

pub(crate) async fn a_notice_is_told_under_a_lease(db: Database) {
    db.store.tell_people();
    db.report(&[ended(1, State::Noted, "n"), ended(2, State::Refused, "format")]).await;
    collect(&db.store).await;
    assert!(!db.store.notice_is_due("another").await.unwrap());
    assert!(db.store.claim_notices("another", 10, LEASE).await.unwrap().is_empty());
    assert!(db.store.notice_is_due(HOOK).await.unwrap());
    let first = claim(&db, 1).await;
    assert_eq!((first.len(), first[0].attempts), (1, 1));
    let second = claim(&db, 10).await;
    assert_eq!(second.len(), 1);
    assert_ne!(first[0].fingerprint, second[0].fingerprint);
    assert!(!db.store.notice_is_due(HOOK).await.unwrap());
    db.store.delete_notices(HOOK, &second).await.unwrap();
    db.execute(EXPIRED).await;
    let again = claim(&db, 10).await;
    assert_eq!((again.len(), again[0].attempts), (1, 2));
    assert_eq!(again[0].fingerprint, first[0].fingerprint);
    // The one who lost the lease changes nothing about it.
    db.store.put_off_notices(HOOK, &first, Duration::ZERO).await.unwrap();
    assert!(claim(&db, 10).await.is_empty());
    db.store.put_off_notices(HOOK, &again, Duration::ZERO).await.unwrap();
    assert_eq!(claim(&db, 10).await[0].attempts, 3);
    // But what was told was told.
    db.store.delete_notices(HOOK, &first).await.unwrap();
    db.execute(EXPIRED).await;
    assert!(claim(&db, 10).await.is_empty());
}

pub(crate) async fn a_put_off_notice_waits_and_the_oldest_goes_first(db: Database) {
    db.store.tell_people();
    for n in [3, 1, 2] {
        db.report(&[ended(n, State::Noted, "n")]).await;
        collect(&db.store).await;
        db.execute("UPDATE notices SET created_at = created_at - 1000, run_at = run_at - 1000")
            .await;
    }
    let first = claim(&db, 1).await;
    assert_eq!(first[0].fingerprint, fp(3));
    db.store.put_off_notices(HOOK, &first, Duration::from_mins(1)).await.unwrap();
    let order: Vec<_> = claim(&db, 10).await.iter().map(|notice| notice.fingerprint[0]).collect();
    assert_eq!(order, [1, 2]);
    db.execute("UPDATE notices SET run_at = run_at - 59000").await;
    assert!(claim(&db, 10).await.iter().all(|notice| notice.fingerprint != fp(3)));
    db.execute("UPDATE notices SET run_at = run_at - 1001").await;
    assert!(claim(&db, 10).await.iter().any(|notice| notice.fingerprint == fp(3)));
}

pub(crate) async fn notices_of_a_webhook_that_is_gone_are_forgotten_later(db: Database) {
    const DAY: Duration = Duration::from_hours(24);
    db.store.tell_people();
    db.report(&[ended(1, State::Noted, "n")]).await;
    collect(&db.store).await;
    assert_eq!(db.store.forget_orphaned_notices(DAY, &[]).await.unwrap(), 0, "it may come back");
    db.execute("UPDATE notices SET created_at = created_at - 86400001").await;
    assert_eq!(db.store.forget_orphaned_notices(DAY, &["other", HOOK]).await.unwrap(), 0);
    assert_eq!(db.store.forget_orphaned_notices(DAY, &["other"]).await.unwrap(), 1);
    assert!(claim(&db, 10).await.is_empty());
}

pub(crate) async fn marks_and_notices_survive_a_restart(db: Database) {
    db.store.tell_people();
    db.report(&[ended(1, State::Noted, "n")]).await;
    collect(&db.store).await;
    assert_eq!(claim(&db, 10).await.len(), 1);
    db.report(&[item(2)]).await;
    db.end(State::Revoked, false, "revoked").await;
    let shared = db.store.is_shared();
    let db = db.reopened().await;
    assert_eq!(states(&db).await, [said(2, "revoked")], "also where nobody asks any more");
    // Whoever holds SQLite's lock knows that the one who claimed is dead.
    let left = if shared { 1 } else { 2 };
    assert_eq!(claim(&db, 10).await.len(), left);
}
