use portcullis_store::ledger::{Move, Revocation};
use portcullis_store::queue::{Claimed, State};
use portcullis_store::report::{Entry, NewRevocation};

use super::support::{Database, JOB, LEASE, LENT, end, ended, fp, item, sighting};

/// Their time is over.
const DUE: &str = "UPDATE revocations SET due_at = due_at - 600001, run_at = run_at - 600001
    WHERE provider = 'impersonation'";

/// The secret `n` as different reporters take it.
fn reports(n: u8) -> Vec<NewRevocation> {
    let of = |mode, entry| NewRevocation { mode, entry, ..item(n) };
    let unsupported = ended(n, State::Refused, "unsupported_type");
    vec![
        item(n),
        of("approve", Entry::Held),
        ended(n, State::Refused, "format"),
        NewRevocation { provider: "none".into(), token_type: "unheard_of".into(), ..unsupported },
        NewRevocation { mode: "notify", ..ended(n, State::Noted, "notify") },
        NewRevocation { mode: "dry-run", ..ended(n, State::Simulated, "dry_run") },
    ]
}

async fn row(db: &Database, n: u8) -> Revocation {
    db.store.revocation(&fp(n)).await.unwrap().unwrap().revocation
}

async fn claim(db: &Database) -> Vec<Claimed> {
    db.store.claim(LENT, 10, LEASE).await.unwrap()
}

/// Ends the lent row that is due.
async fn end_lent(db: &Database, state: State, confirmed: bool) {
    let claimed = claim(db).await;
    assert_eq!(claimed.len(), 1);
    let settled = db.store.settle(&[end(&claimed[0], state, confirmed, "said")]).await.unwrap();
    assert_eq!(settled.len(), 1);
}

pub(crate) async fn a_reported_one_is_due_now_whatever_it_is_taken_for(db: Database) {
    for (n, _) in (0_u8..).zip(reports(0)) {
        db.lend(n).await;
        let report = reports(n).remove(n.into());
        assert!(claim(&db).await.is_empty(), "{n}: it is due later");
        db.report(&[NewRevocation { sightings: vec![sighting("leaked")], ..report }]).await;
        let found = row(&db, n).await;
        assert_eq!(found.state, "pending", "{n}");
        assert_eq!((found.provider.as_str(), found.mode.as_str()), (LENT, "revoke"), "{n}");
        assert_eq!((found.token_type.as_str(), found.code), ("impersonation_token", None), "{n}");
        assert!(found.late >= 0, "{n}: {}", found.late);
        let detail = db.store.revocation(&fp(n)).await.unwrap().unwrap();
        let seen: Vec<_> = detail.sightings.iter().map(|s| s.location.as_deref()).collect();
        assert_eq!(seen, [Some("user ann, project a/b, job 5"), Some("leaked")], "{n}");
        let claimed = claim(&db).await;
        assert_eq!(claimed.len(), 1, "{n}");
        assert_eq!(claimed[0].sealed, vec![n; 40], "{n}");
        let done = end(&claimed[0], State::Revoked, false, "revoked");
        db.store.settle(&[done]).await.unwrap();
    }
}

pub(crate) async fn a_report_while_it_is_being_revoked_changes_nothing(db: Database) {
    db.lend(1).await;
    db.execute(DUE).await;
    let claimed = claim(&db).await.remove(0);
    let before = row(&db, 1).await;
    for report in reports(1) {
        db.report(&[report]).await;
    }
    let after = row(&db, 1).await;
    assert_eq!((after.due_at, after.run_at, after.attempts), (before.due_at, before.run_at, 1));
    assert!(claim(&db).await.is_empty(), "the lease runs");
    let done = end(&claimed, State::Revoked, false, "revoked");
    assert_eq!(db.store.settle(&[done]).await.unwrap(), [fp(1)], "its end counts");
    assert_eq!((row(&db, 1).await.state.as_str(), row(&db, 1).await.sightings), ("revoked", 7));
}

pub(crate) async fn a_failed_one_is_tried_again_once_a_day(db: Database) {
    db.lend(1).await;
    db.execute(DUE).await;
    for report in reports(1) {
        end_lent(&db, State::Failed, false).await;
        db.report(std::slice::from_ref(&report)).await;
        let found = row(&db, 1).await;
        assert_eq!(
            (found.state.as_str(), found.provider.as_str()),
            ("pending", LENT),
            "{report:?}"
        );
        assert_eq!(
            (found.token_type.as_str(), found.mode.as_str()),
            ("impersonation_token", "revoke")
        );
        let claimed = claim(&db).await.remove(0);
        assert_eq!((claimed.sealed.as_slice(), claimed.attempts), ([1; 40].as_slice(), 1));
        db.store.settle(&[end(&claimed, State::Failed, false, "said")]).await.unwrap();
        db.report(&[report]).await;
        assert_eq!(row(&db, 1).await.state, "failed", "not twice in a day");
        db.execute("UPDATE revocations SET rearmed_at = rearmed_at - 86400001").await;
        db.report(&[item(1)]).await;
        assert_eq!(row(&db, 1).await.state, "pending", "but on the next");
        db.execute("UPDATE revocations SET rearmed_at = NULL").await;
    }
    end_lent(&db, State::Failed, false).await;
    db.execute("UPDATE revocations SET sealed = NULL, rearmed_at = NULL").await;
    for report in reports(1) {
        db.report(&[report]).await;
    }
    assert_eq!(row(&db, 1).await.state, "failed", "without its secret nobody can try");
}

pub(crate) async fn no_other_end_changes(db: Database) {
    for (n, state, confirmed) in [
        (1, State::Revoked, false),
        (2, State::Inactive, true),
        (3, State::Inactive, false),
        (4, State::Refused, false),
    ] {
        db.lend(n).await;
        db.store.end_job(&JOB).await.unwrap();
        end_lent(&db, state, confirmed).await;
        for report in reports(n) {
            db.report(&[report]).await;
        }
        let found = row(&db, n).await;
        assert_eq!((found.state.as_str(), found.provider.as_str()), (state.as_str(), LENT));
        assert_eq!((found.code.as_deref(), found.sightings), (Some("said"), 7));
    }
    assert!(claim(&db).await.is_empty());
    assert!(db.claim(10).await.is_empty(), "nor did another provider get them");
}

pub(crate) async fn an_operator_cannot_cancel_it(db: Database) {
    db.lend(1).await;
    assert!(!db.store.operate(&fp(1), Move::Cancel).await.unwrap());
    assert!(!db.store.operate(&fp(1), Move::Approve).await.unwrap());
    assert_eq!(row(&db, 1).await.state, "pending");
    db.execute(DUE).await;
    assert!(!db.store.operate(&fp(1), Move::Cancel).await.unwrap());
    end_lent(&db, State::Failed, false).await;
    assert!(db.store.operate(&fp(1), Move::Retry).await.unwrap(), "but try again");
    assert_eq!(claim(&db).await.len(), 1);
}

pub(crate) async fn it_is_no_backlog_and_claimed_when_it_is_due(db: Database) {
    db.lend(1).await;
    db.lend(2).await;
    db.report(&[item(3)]).await;
    assert_eq!(db.store.waiting(10).await.unwrap(), 1);
    assert!(claim(&db).await.is_empty());
    let wait = db.store.next_run(LENT).await.unwrap().unwrap();
    assert!((540..=600).contains(&wait.as_secs()), "{wait:?}");
    db.execute(DUE).await;
    assert_eq!(db.store.waiting(10).await.unwrap(), 1);
    let mut due = claim(&db).await;
    due.sort_by_key(|claimed| claimed.fingerprint);
    let due: Vec<_> = due.iter().map(|c| (c.fingerprint, c.late.as_millis() >= 1)).collect();
    assert_eq!(due, [(fp(1), true), (fp(2), true)]);
}

pub(crate) async fn lent_tokens_are_known_by_their_fingerprints(db: Database) {
    db.lend(1).await;
    db.lend(2).await;
    db.report(&[item(3)]).await;
    db.execute(DUE).await;
    let claimed = claim(&db).await;
    let ends: Vec<_> = claimed.iter().map(|c| end(c, State::Revoked, false, "revoked")).collect();
    db.store.settle(&ends).await.unwrap();
    db.lend(4).await;
    let lent = db.store.lent(&[fp(9), fp(4), fp(3), fp(1)]).await.unwrap();
    assert_eq!(lent, [fp(1), fp(4)].into(), "also what has ended");
    assert!(db.store.lent(&[]).await.unwrap().is_empty());
}
