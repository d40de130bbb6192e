use portcullis_store::queue::State;
use portcullis_store::report::{Entry, NewRevocation, SIGHTINGS_KEPT};

use super::support::{Database, end, ended, fp, item, sighting};

pub(crate) async fn a_new_secret_becomes_one_pending_row(db: Database) {
    db.report(&[item(1), item(2)]).await;
    let detail = db.store.revocation(&fp(1)).await.unwrap().unwrap();
    assert_eq!(detail.revocation.state, "pending");
    assert_eq!(detail.revocation.sightings, 1);
    assert_eq!(detail.sightings[0].location.as_deref(), Some("here"));
    let claimed = db.claim(10).await;
    assert_eq!(claimed.len(), 2);
    assert_eq!(claimed[0].sealed, vec![claimed[0].fingerprint[0]; 40]);
    assert!(db.store.revocation(&fp(9)).await.unwrap().is_none());
}

pub(crate) async fn a_second_report_is_a_sighting_more(db: Database) {
    db.report(&[item(1)]).await;
    db.report(&[item(1)]).await;
    let elsewhere = NewRevocation { sightings: vec![sighting("there")], ..item(1) };
    db.report(&[elsewhere]).await;
    let detail = db.store.revocation(&fp(1)).await.unwrap().unwrap();
    assert_eq!(detail.revocation.sightings, 3);
    let mut kept: Vec<_> =
        detail.sightings.iter().map(|s| (s.location.clone().unwrap(), s.times)).collect();
    kept.sort();
    assert_eq!(kept, [("here".to_owned(), 2), ("there".to_owned(), 1)]);
    assert_eq!(db.claim(10).await.len(), 1, "it is one secret");
}

pub(crate) async fn a_hundred_sightings_are_kept_and_all_are_counted(db: Database) {
    let many = |from: u32, to: u32| NewRevocation {
        sightings: (from..to).map(|n| sighting(&format!("file-{n:06}"))).collect(),
        ..item(1)
    };
    db.report(&[many(0, 60)]).await;
    db.report(&[many(60, 160)]).await;
    db.report(&[many(500, 700)]).await;
    let detail = db.store.revocation(&fp(1)).await.unwrap().unwrap();
    assert_eq!(i64::try_from(detail.sightings.len()).unwrap(), SIGHTINGS_KEPT);
    assert_eq!(detail.revocation.sightings, 360);
    // One that is kept is counted on, also when no more are.
    db.report(&[many(3, 4)]).await;
    let detail = db.store.revocation(&fp(1)).await.unwrap().unwrap();
    let again = detail.sightings.iter().find(|s| s.location.as_deref() == Some("file-000003"));
    assert_eq!(again.unwrap().times, 2);
}

pub(crate) async fn ends_are_erased_and_stay_what_they_are(db: Database) {
    for state in [State::Revoked, State::Submitted, State::Cancelled] {
        let n = state.as_str().as_bytes()[0];
        db.report(&[item(n)]).await;
        db.end(state, false, "done").await;
        let other = NewRevocation { token_type: "b".into(), provider: "x".into(), ..item(n) };
        db.report(&[other]).await;
        assert_eq!(db.state(n).await, state.as_str());
        let detail = db.store.revocation(&fp(n)).await.unwrap().unwrap();
        assert_eq!(detail.revocation.sightings, 2);
        assert_eq!(detail.revocation.reason.as_deref(), Some("as the test said"));
    }
    assert!(db.claim(10).await.is_empty());
}

pub(crate) async fn failed_is_rearmed_once_a_day(db: Database) {
    db.report(&[item(1)]).await;
    db.end(State::Failed, false, "gave_up").await;
    db.report(&[item(1)]).await;
    assert_eq!(db.state(1).await, "pending");
    db.end(State::Failed, false, "gave_up").await;
    db.report(&[item(1)]).await;
    assert_eq!(db.state(1).await, "failed", "not twice in a day");
    db.execute("UPDATE revocations SET rearmed_at = rearmed_at - 86400001").await;
    db.report(&[item(1)]).await;
    assert_eq!(db.state(1).await, "pending");
    let claimed = db.claim_one().await;
    assert_eq!(claimed.attempts, 1, "a new round counts anew");
    assert!(!claimed.uncertain);
}

pub(crate) async fn inactive_is_rearmed_when_unconfirmed_or_said_by_another_provider(db: Database) {
    db.report(&[item(1)]).await;
    db.end(State::Inactive, false, "unauthorized").await;
    db.report(&[item(1)]).await;
    assert_eq!(db.state(1).await, "pending");
    db.end(State::Inactive, true, "invalid_token").await;
    db.execute("UPDATE revocations SET rearmed_at = NULL").await;
    db.report(&[item(1)]).await;
    assert_eq!(db.state(1).await, "inactive", "confirmed by the provider that is asked");
    let elsewhere = NewRevocation { token_type: "b".into(), provider: "vendor".into(), ..item(1) };
    db.report(&[elsewhere]).await;
    assert_eq!(db.state(1).await, "pending", "another provider knows nothing of the first's word");
    let detail = db.store.revocation(&fp(1)).await.unwrap().unwrap();
    assert_eq!(detail.revocation.provider, "vendor");
}

pub(crate) async fn refused_is_rearmed_when_the_handling_changed(db: Database) {
    db.report(&[ended(1, State::Refused, "format"), ended(2, State::Noted, "notify")]).await;
    db.report(&[ended(1, State::Refused, "format"), ended(2, State::Noted, "notify")]).await;
    assert_eq!((db.state(1).await.as_str(), db.state(2).await.as_str()), ("refused", "noted"));
    db.report(&[item(1)]).await;
    assert_eq!(db.state(1).await, "pending", "its format fits now");
    let simulated = NewRevocation { mode: "dry-run", ..ended(2, State::Simulated, "dry_run") };
    db.report(&[simulated]).await;
    assert_eq!(db.state(2).await, "simulated", "the mode changed");
    let real = NewRevocation { mode: "revoke", ..item(2) };
    db.report(&[real]).await;
    assert_eq!(db.state(2).await, "pending");
    db.claim(2).await;
}

pub(crate) async fn a_providers_refusal_is_questioned_once_a_day(db: Database) {
    db.report(&[item(1)]).await;
    db.end(State::Refused, false, "admin_api_off").await;
    db.report(&[NewRevocation { mode: "dry-run", ..ended(1, State::Simulated, "dry_run") }]).await;
    assert_eq!(db.state(1).await, "simulated", "another mode is another handling");
    db.report(&[item(2)]).await;
    db.end(State::Refused, false, "admin_api_off").await;
    db.report(&[item(2)]).await;
    assert_eq!(db.state(2).await, "pending", "what was off may be on");
    db.end(State::Refused, false, "admin_api_off").await;
    db.report(&[item(2)]).await;
    assert_eq!(db.state(2).await, "refused", "not twice in a day");
    db.report(&[NewRevocation { token_type: "type_b".into(), ..item(2) }]).await;
    assert_eq!(db.state(2).await, "pending", "but at once under another type");
}

pub(crate) async fn a_report_that_does_not_fit_changes_no_end(db: Database) {
    let misfit = |n| NewRevocation {
        token_type: "type_b".into(),
        provider: "vendor".into(),
        ..ended(n, State::Refused, "format")
    };
    db.report(&[item(1)]).await;
    db.end(State::Failed, false, "gave_up").await;
    db.report(&[item(2)]).await;
    db.end(State::Inactive, true, "invalid_token").await;
    db.report(&[item(3)]).await;
    db.end(State::Refused, false, "bad_request").await;
    db.report(&[misfit(1), misfit(2), misfit(3)]).await;
    for (n, state, code) in
        [(1, "failed", "gave_up"), (2, "inactive", "invalid_token"), (3, "refused", "bad_request")]
    {
        let row = db.store.revocation(&fp(n)).await.unwrap().unwrap().revocation;
        assert_eq!((row.state.as_str(), row.code.as_deref()), (state, Some(code)));
        assert_eq!(row.reason.as_deref(), Some("as the test said"));
    }
    let again = portcullis_store::ledger::Move::Retry;
    assert!(db.store.operate(&fp(1), again).await.unwrap(), "its seal is still there");
}

pub(crate) async fn a_rearmed_row_ignores_the_old_lease(db: Database) {
    db.report(&[item(1)]).await;
    let old = db.claim_one().await;
    db.store.settle(&[end(&old, State::Failed, false, "gave_up")]).await.unwrap();
    db.report(&[item(1)]).await;
    let settled = db.store.settle(&[end(&old, State::Revoked, false, "late")]).await.unwrap();
    assert!(settled.is_empty());
    assert_eq!(db.state(1).await, "pending");
}

pub(crate) async fn held_noted_and_simulated_are_never_claimed(db: Database) {
    let held = NewRevocation { entry: Entry::Held, mode: "approve", ..item(1) };
    db.report(&[
        held,
        NewRevocation { mode: "notify", ..ended(2, State::Noted, "notify") },
        NewRevocation { mode: "dry-run", ..ended(3, State::Simulated, "dry_run") },
    ])
    .await;
    assert!(db.claim(10).await.is_empty());
    assert_eq!(db.state(1).await, "held");
    assert_eq!(
        db.store.count_by_state().await.unwrap(),
        [("held".to_owned(), 1), ("noted".to_owned(), 1), ("simulated".to_owned(), 1)]
    );
}

pub(crate) async fn overlapping_batches_in_opposite_order_all_commit(db: Database) {
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..20_u8 {
        let store = db.store.clone();
        let mut batch: Vec<_> = (0..100).map(item).collect();
        if round % 2 == 0 {
            batch.reverse();
            batch.sort_by_key(|item| item.fingerprint);
        }
        tasks.spawn(async move { store.report(&batch).await });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap().unwrap();
    }
    let detail = db.store.revocation(&fp(7)).await.unwrap().unwrap();
    assert_eq!(detail.revocation.sightings, 20);
    assert_eq!(detail.sightings[0].times, 20);
    assert_eq!(db.claim(1000).await.len(), 100);
}

pub(crate) async fn odd_characters_survive(db: Database) {
    let odd = "quote ' \" back\\slash {brace},comma\nline\u{1f512} NULL %s $1";
    let strange =
        NewRevocation { token_type: odd.into(), sightings: vec![sighting(odd)], ..item(1) };
    db.report(&[strange]).await;
    let detail = db.store.revocation(&fp(1)).await.unwrap().unwrap();
    assert_eq!(detail.revocation.token_type, odd);
    assert_eq!(detail.sightings[0].location.as_deref(), Some(odd));
}

pub(crate) async fn an_end_can_say_why(db: Database) {
    let why = |n, reason: &str| NewRevocation {
        reason: Some(reason.to_owned()),
        ..ended(n, State::Noted, "resigned")
    };
    let told = async || db.store.revocation(&fp(1)).await.unwrap().unwrap().revocation.reason;
    db.report(&[why(1, "first"), item(2)]).await;
    assert_eq!(told().await.as_deref(), Some("first"));
    assert_eq!(db.store.revocation(&fp(2)).await.unwrap().unwrap().revocation.reason, None);
    db.report(&[why(1, "again")]).await;
    assert_eq!(told().await.as_deref(), Some("first"), "the end is the same one");
    db.report(&[NewRevocation { token_type: "type_b".into(), ..why(1, "changed") }]).await;
    assert_eq!(told().await.as_deref(), Some("changed"));
    db.report(&[NewRevocation { mode: "revoke", ..item(1) }]).await;
    assert_eq!((db.state(1).await.as_str(), told().await), ("pending", None));
}

pub(crate) async fn another_mode_changes_nothing_about_what_waits(db: Database) {
    let modes = |n| {
        [
            NewRevocation { mode: "dry-run", ..ended(n, State::Simulated, "dry_run") },
            NewRevocation { mode: "notify", ..ended(n, State::Noted, "notify") },
            NewRevocation { entry: Entry::Held, mode: "approve", ..item(n) },
            item(n),
        ]
    };
    let held = NewRevocation { entry: Entry::Held, mode: "approve", ..item(2) };
    db.report(&[item(1), held]).await;
    for (one, two) in modes(1).into_iter().zip(modes(2)) {
        db.report(&[one, two]).await;
        assert_eq!((db.state(1).await.as_str(), db.state(2).await.as_str()), ("pending", "held"));
    }
    let row = db.store.revocation(&fp(1)).await.unwrap().unwrap().revocation;
    assert_eq!((row.mode.as_str(), row.sightings), ("revoke", 5));
    assert_eq!(db.claim(10).await.len(), 1, "what is held is asked for by nobody");
}
