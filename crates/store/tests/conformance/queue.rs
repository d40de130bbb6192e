use std::time::Duration;

use portcullis_store::events::Event;
use portcullis_store::ledger::Move;
use portcullis_store::queue::{Outcome, State};
use portcullis_store::report::{Entry, NewRevocation};

use super::support::{Database, LEASE, end, fp, item, settlement};

/// Leases and pauses of the database run out at once.
const RUN_OUT: &str = "UPDATE revocations SET run_at = run_at - 3600000";

pub(crate) async fn a_claim_is_exclusive_until_its_lease_runs_out(db: Database) {
    let batch: Vec<_> = (0..200).map(item).collect();
    db.report(&batch).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = db.store.clone();
        tasks.spawn(async move { store.claim("gitlab", 40, LEASE).await.unwrap() });
    }
    let mut taken: Vec<_> =
        tasks.join_all().await.into_iter().flatten().map(|c| c.fingerprint).collect();
    taken.extend(db.claim(200).await.into_iter().map(|c| c.fingerprint));
    taken.sort_unstable();
    assert_eq!(taken.len(), 200);
    taken.dedup();
    assert_eq!(taken.len(), 200, "nothing was taken twice");
    assert!(db.claim(1).await.is_empty());
    db.execute(RUN_OUT).await;
    assert_eq!(db.claim(300).await.len(), 200);
}

pub(crate) async fn a_lease_that_ran_out_cannot_write_the_end_of_its_successor(db: Database) {
    db.report(&[item(1)]).await;
    let first = db.claim_one().await;
    db.execute(RUN_OUT).await;
    let second = db.claim_one().await;
    assert_eq!(second.lease, first.lease + 1);
    let late = end(&first, State::Inactive, true, "invalid_token");
    assert!(db.store.settle(&[late]).await.unwrap().is_empty());
    assert_eq!(db.state(1).await, "pending");
    db.store.settle(&[end(&second, State::Revoked, false, "revoked")]).await.unwrap();
    assert_eq!(db.state(1).await, "revoked");
    let again = end(&second, State::Inactive, true, "invalid_token");
    assert!(db.store.settle(&[again]).await.unwrap().is_empty(), "an end is written once");
}

pub(crate) async fn a_retry_waits_and_counts(db: Database) {
    db.report(&[item(1)]).await;
    let claimed = db.claim_one().await;
    let retry = Outcome::Retry { after: Duration::from_mins(1), uncertain: true };
    db.store.settle(&[settlement(&claimed, retry, "timeout")]).await.unwrap();
    assert!(db.claim(1).await.is_empty(), "it waits");
    db.execute(RUN_OUT).await;
    let claimed = db.claim_one().await;
    assert_eq!(claimed.attempts, 2);
    assert!(claimed.uncertain);
    let detail = db.store.revocation(&fp(1)).await.unwrap().unwrap();
    assert_eq!(detail.attempts.len(), 1);
    assert_eq!(detail.attempts[0].outcome, "retry");
    assert_eq!(detail.attempts[0].code.as_deref(), Some("timeout"));
}

pub(crate) async fn an_unsettled_lease_makes_the_next_attempt_uncertain(db: Database) {
    db.report(&[item(1)]).await;
    assert!(!db.claim_one().await.uncertain);
    db.execute(RUN_OUT).await;
    assert!(db.claim_one().await.uncertain);
}

pub(crate) async fn claims_are_by_provider_and_oldest_first(db: Database) {
    db.report(&[item(1), item(2), NewRevocation { provider: "vendor".into(), ..item(3) }]).await;
    db.execute("UPDATE revocations SET run_at = run_at - 1000 WHERE key_version = 1").await;
    db.report(&[item(4)]).await;
    let first: Vec<_> = db.claim(2).await.into_iter().map(|c| c.fingerprint).collect();
    assert!(first.contains(&fp(1)) && first.contains(&fp(2)), "{first:?}");
    let vendor = db.store.claim("vendor", 10, LEASE).await.unwrap();
    assert_eq!(vendor.len(), 1);
    assert!(db.store.claim("nobody", 10, LEASE).await.unwrap().is_empty());
}

pub(crate) async fn giving_up_keeps_the_seal_and_erases_it_later(db: Database) {
    db.report(&[item(1), NewRevocation { provider: "removed".into(), ..item(2) }]).await;
    let day = Duration::from_hours(24);
    assert_eq!(db.store.give_up_orphans(day, &["gitlab"]).await.unwrap(), 0, "too early");
    db.execute("UPDATE revocations SET armed_at = armed_at - 86400001, due_at = due_at - 86400001")
        .await;
    assert_eq!(db.store.give_up_orphans(day, &["gitlab", "removed"]).await.unwrap(), 0);
    assert_eq!(db.store.give_up_orphans(day, &["gitlab"]).await.unwrap(), 1);
    let failed = 2;
    assert_eq!(db.state(1).await, "pending", "its own worker decides");
    assert_eq!(db.state(failed).await, "failed");
    assert_eq!(db.store.erase_failed(day, None).await.unwrap(), None);
    db.execute("UPDATE revocations SET ended_at = ended_at - 86400001 WHERE state = 'failed'")
        .await;
    assert_eq!(db.store.erase_failed(day, None).await.unwrap().unwrap().count, 1);
    assert_eq!(db.store.erase_failed(day, None).await.unwrap().unwrap().count, 0);
    assert!(!db.store.operate(&fp(failed), Move::Retry).await.unwrap(), "nothing left to try");
}

/// Of two providers that are gone, and one that is not.
pub(crate) async fn many_are_given_up_and_erased_piece_by_piece(db: Database) {
    const DAY: Duration = Duration::from_hours(24);
    for (provider, tag, count) in [("gone", 1, 1800), ("away", 2, 700), ("gitlab", 3, 10)] {
        let row = |n: u16| {
            let mut fingerprint = [tag; 32];
            fingerprint[..2].copy_from_slice(&n.to_be_bytes());
            NewRevocation { fingerprint, provider: provider.into(), ..item(tag) }
        };
        db.report(&(0..count).map(row).collect::<Vec<_>>()).await;
    }
    let give_up = async || db.store.give_up_orphans(DAY, &["gitlab"]).await.unwrap();
    assert_eq!(give_up().await, 0, "too early");
    db.execute(
        "UPDATE revocations SET armed_at = armed_at - 86400001, due_at = due_at - 86400001,
            run_at = run_at - 86400001",
    )
    .await;
    assert_eq!([give_up().await, give_up().await, give_up().await], [1000, 1000, 500]);
    assert_eq!(give_up().await, 0);
    assert_eq!(db.store.waiting(100).await.unwrap(), 10, "those have a worker");
    db.execute("UPDATE revocations SET ended_at = 7 WHERE state = 'failed'").await;
    let (mut at, mut counts) = (None, Vec::new());
    while let Some(erased) = db.store.erase_failed(DAY, at).await.unwrap() {
        counts.push((erased.count, erased.is_full()));
        at = Some(erased);
    }
    assert_eq!(counts, [(1000, true), (1000, true), (500, false)]);
    let sealed = "SELECT count(*) FROM revocations WHERE sealed IS NOT NULL";
    assert_eq!(db.count(sealed).await, 10);
    // Who comes next passes them by, and finds what is behind them.
    db.store.give_up_orphans(Duration::ZERO, &[]).await.unwrap();
    db.execute("UPDATE revocations SET ended_at = 8 WHERE sealed IS NOT NULL").await;
    assert_eq!(db.store.erase_failed(DAY, at).await.unwrap().unwrap().count, 10);
    assert_eq!(db.store.erase_failed(DAY, None).await.unwrap().unwrap().count, 0);
}

pub(crate) async fn waiting_is_counted_up_to_a_limit(db: Database) {
    assert_eq!(db.store.waiting(10).await.unwrap(), 0);
    let batch: Vec<_> = (0..20).map(item).collect();
    db.report(&batch).await;
    assert_eq!(db.store.waiting(100).await.unwrap(), 20);
    assert_eq!(db.store.waiting(10).await.unwrap(), 10);
}

pub(crate) async fn next_run_tells_the_pause(db: Database) {
    assert_eq!(db.store.next_run("gitlab").await.unwrap(), None);
    db.report(&[item(1)]).await;
    assert_eq!(db.store.next_run("gitlab").await.unwrap(), Some(Duration::ZERO));
    db.claim(1).await;
    let wait = db.store.next_run("gitlab").await.unwrap().unwrap();
    assert!(wait > LEASE / 2 && wait <= LEASE, "{wait:?}");
}

pub(crate) async fn an_operator_can_approve_cancel_and_retry(db: Database) {
    let held = NewRevocation { entry: Entry::Held, mode: "approve", ..item(1) };
    db.report(&[held, item(2), item(3)]).await;
    assert!(!db.store.operate(&fp(2), Move::Approve).await.unwrap(), "only what is held");
    assert!(db.store.operate(&fp(2), Move::Cancel).await.unwrap());
    assert!(db.store.operate(&fp(3), Move::Cancel).await.unwrap());
    assert!(!db.store.operate(&fp(3), Move::Cancel).await.unwrap());
    assert!(db.store.operate(&fp(1), Move::Approve).await.unwrap());
    db.end(State::Failed, false, "gave_up").await;
    assert!(db.store.operate(&fp(1), Move::Retry).await.unwrap());
    assert_eq!(db.claim_one().await.attempts, 1);
    assert!(!db.store.operate(&fp(9), Move::Cancel).await.unwrap(), "there is no such row");
}

pub(crate) async fn lists_page_by_page(db: Database) {
    let batch: Vec<_> = (0..25).map(item).collect();
    db.report(&batch).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = db.store.revocations(Some(State::Pending), after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.fingerprint.clone().try_into().unwrap()));
        seen.extend(page.into_iter().map(|r| r.fingerprint));
    }
    assert_eq!(seen.len(), 25);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 25);
    assert!(db.store.revocations(Some(State::Failed), None, 10).await.unwrap().is_empty());
    assert_eq!(db.store.revocations(None, None, 10).await.unwrap().len(), 10);
}

pub(crate) async fn lists_what_lies_between_two_fingerprints(db: Database) {
    let held = NewRevocation { entry: Entry::Held, mode: "approve", ..item(5) };
    db.report(&[item(9)]).await;
    db.report(&[item(0), item(2), item(4), held, item(255)]).await;
    let between = async |range, state, after, limit| {
        let rows = db.store.revocations_between(&range, state, after, limit).await.unwrap();
        rows.into_iter().map(|row| row.fingerprint[0]).collect::<Vec<_>>()
    };
    let (least, most) = ([0x00; 32], [0xff; 32]);
    assert_eq!(between(least..=most, None, None, 10).await, [0, 2, 4, 5, 9, 255]);
    assert_eq!(between(fp(2)..=fp(5), None, None, 10).await, [2, 4, 5], "both ends count");
    assert_eq!(between(fp(2)..=fp(5), Some(State::Held), None, 10).await, [5]);
    assert_eq!(between(fp(2)..=fp(5), None, None, 2).await, [2, 4]);
    assert_eq!(between(fp(2)..=fp(5), None, Some(fp(4)), 2).await, [5]);
    assert_eq!(between(fp(2)..=fp(5), None, Some(fp(1)), 1).await, [2], "before the range");
    assert!(between(fp(6)..=fp(8), None, None, 10).await.is_empty());
    let mut almost = fp(4);
    almost[31] = 3;
    assert!(between(fp(3)..=almost, None, None, 10).await.is_empty(), "to the last byte");
}

pub(crate) async fn lists_those_that_are_named(db: Database) {
    db.report(&[item(0), item(2), item(255)]).await;
    let of = async |named: &[u8]| {
        let named: Vec<_> = named.iter().map(|n| fp(*n)).collect();
        let rows = db.store.revocations_of(&named).await.unwrap();
        let mut found: Vec<_> = rows.into_iter().map(|row| row.fingerprint[0]).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(of(&[2, 7, 255, 2]).await, [2, 255], "each once, and what is not there not at all");
    assert!(of(&[]).await.is_empty() && of(&[9]).await.is_empty());
}

pub(crate) async fn the_first_key_wins(db: Database) {
    assert_eq!(db.store.key("pat").await.unwrap(), None);
    assert_eq!(db.store.keep_key("pat", b"one").await.unwrap(), b"one");
    assert_eq!(db.store.keep_key("pat", b"two").await.unwrap(), b"one");
    let db = db.reopened().await;
    assert_eq!(db.store.key("pat").await.unwrap().unwrap(), b"one");
}

pub(crate) async fn events_are_told_after_the_commit(db: Database) {
    let mut events = db.store.events().subscribe();
    wait_until_listening(&db).await;
    db.report(&[item(1)]).await;
    loop {
        let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await;
        if event.expect("an event comes").unwrap() == Event::Due {
            break;
        }
    }
}

/// Postgres hears itself a moment after the start; only then may anything be relied upon.
pub(crate) async fn wait_until_listening(db: &Database) {
    for _ in 0..200 {
        if db.store.events().silence() < Duration::from_secs(1) {
            let heard = db.store.events().silence();
            tokio::time::sleep(Duration::from_millis(600)).await;
            if !db.store.is_shared()
                || db.store.events().silence() < heard + Duration::from_millis(500)
            {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the listener never heard its own beat");
}

pub(crate) async fn reports_and_settlements_do_not_stand_in_each_others_way(db: Database) {
    let batch: Vec<_> = (0..200).map(item).collect();
    for _ in 0..15 {
        db.execute(RUN_OUT).await;
        db.report(&batch).await;
        let mut claimed = db.claim(200).await;
        claimed.reverse();
        let again = Outcome::Retry { after: Duration::ZERO, uncertain: false };
        let settled: Vec<_> = claimed.iter().map(|c| settlement(c, again, "server")).collect();
        let (reported, written) = tokio::join!(db.store.report(&batch), db.store.settle(&settled));
        reported.unwrap();
        assert_eq!(written.unwrap().len(), settled.len());
    }
}

pub(crate) async fn leases_after_a_restart(db: Database) {
    db.report(&[item(1)]).await;
    db.claim_one().await;
    let db = db.reopened().await;
    if db.store.is_shared() {
        assert!(db.claim(1).await.is_empty(), "another replica may be at work");
    } else {
        assert!(db.claim_one().await.uncertain, "the predecessor is dead, its outcome unheard");
    }
}
