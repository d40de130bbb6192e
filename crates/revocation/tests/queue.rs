//! The queue against a GitLab that misbehaves, on both databases.

#[path = "queue/support.rs"]
mod support;

use std::time::Duration;

use portcullis_fake_gitlab::{Fault, TokenKind, TokenSpec, TokenState};
use portcullis_revocation::catalog::Mode;
use portcullis_store::queue::State;

use support::{Database, SHORT, Setup, TYPE, token};

const SELF: &str = "/api/v4/personal_access_tokens/self";

macro_rules! on_both_databases {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(super::Database::sqlite()).await; })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() { super::$test(super::Database::postgres().await).await; })*
        }
    };
}

#[path = "queue/adjusted.rs"]
mod adjusted;
#[path = "queue/administrator.rs"]
mod administrator;
#[path = "queue/master_key.rs"]
mod master_key;
#[path = "queue/outage.rs"]
mod outage;
#[path = "queue/signed.rs"]
mod signed;

on_both_databases![
    a_leaked_token_dies_and_tells_who_it_was,
    what_gitlab_says_of_a_token_becomes_its_end,
    trouble_is_tried_again_until_it_is_done,
    a_deletion_whose_answer_was_lost_counts_as_ours,
    being_asked_to_wait_is_honoured,
    the_next_attempt_waits_for_no_poll,
    a_call_slower_than_its_deadline_is_tried_again,
    what_cannot_be_revoked_in_time_is_given_up_and_rearmed_by_a_report,
    what_does_not_look_like_its_type_is_sent_nowhere,
    modes_other_than_revoke_send_nothing,
    several_gitlabs_are_asked_in_order,
    one_gitlab_down_does_not_save_a_token_of_the_other,
    two_workers_revoke_nothing_twice,
    a_stop_writes_back_what_is_under_way,
    another_master_key_opens_nothing,
    one_secret_under_two_types_is_one_row,
    a_secret_in_its_own_location_is_not_kept,
];

async fn a_leaked_token_dies_and_tells_who_it_was(db: Database) {
    let setup = Setup::new(&db).await;
    let leaked = token(1);
    let spec = TokenSpec { name: "deploy bot".into(), user_id: 42, ..TokenSpec::default() };
    setup.gitlab().add_token_with(&leaked, spec);
    setup.report(&[&leaked]).await;
    let row = setup.end_of(&leaked).await;
    assert_eq!((row.state.as_str(), row.code.as_deref()), ("revoked", Some("revoked")));
    assert_eq!(setup.gitlab().state(&leaked), Some(TokenState::Revoked));
    let about: serde_json::Value = serde_json::from_str(&row.about.unwrap()).unwrap();
    assert_eq!((&about["name"], &about["user_id"]), (&"deploy bot".into(), &42.into()));
    assert!(about["last_used_at"].is_string());
    assert_eq!(setup.gitlab().count("GET", SELF), 1);
    assert_eq!(setup.gitlab().count("DELETE", SELF), 1);
}

async fn what_gitlab_says_of_a_token_becomes_its_end(db: Database) {
    let setup = Setup::new(&db).await;
    let with = |state, kind| TokenSpec { state, kind, ..TokenSpec::default() };
    let personal = TokenKind::Personal;
    let cases = [
        (Some(with(TokenState::Revoked, personal)), "inactive", true),
        (Some(with(TokenState::Expired, personal)), "inactive", true),
        (None, "inactive", false),
        (Some(with(TokenState::Blocked, personal)), "refused", false),
        (Some(with(TokenState::Active, TokenKind::Impersonation)), "refused", false),
        (Some(with(TokenState::InsufficientScope, personal)), "revoked", false),
    ];
    for (n, (spec, state, confirmed)) in cases.into_iter().enumerate() {
        let leaked = token(n);
        let shown = format!("{spec:?}");
        if let Some(spec) = spec {
            setup.gitlab().add_token_with(&leaked, spec);
        }
        setup.report(&[&leaked]).await;
        let row = setup.end_of(&leaked).await;
        // The last one depends on how old the fake is: it either may or may not end itself.
        assert_eq!(row.state, state, "{shown}");
        assert_eq!(row.confirmed, confirmed, "{shown}");
        // Only where more could be done is it said what it takes.
        let helped = row.reason.unwrap().contains("an admin_token of this GitLab could");
        assert_eq!(helped, state == "refused", "{shown}");
    }
}

async fn trouble_is_tried_again_until_it_is_done(db: Database) {
    let setup = Setup::new(&db).await;
    for (n, fault) in [
        Fault::Status { status: 500, retry_after: None },
        Fault::Status { status: 502, retry_after: None },
        Fault::Html { status: 200 },
        Fault::Html { status: 404 },
        Fault::Html { status: 302 },
        Fault::PlainUnauthorized,
        Fault::DropBefore,
    ]
    .into_iter()
    .enumerate()
    {
        for method in ["GET", "DELETE"] {
            let leaked = format!("{}{method}", token(n));
            setup.gitlab().add_token(&leaked);
            setup.gitlab().fault_next_of(method, 2, fault.clone());
            setup.report(&[&leaked]).await;
            let row = setup.end_of(&leaked).await;
            assert_eq!(row.state, "revoked", "{method} {fault:?}: {row:?}");
            assert!(row.attempts >= 2, "{method} {fault:?}: {row:?}");
            assert_eq!(setup.gitlab().state(&leaked), Some(TokenState::Revoked));
        }
    }
}

async fn a_deletion_whose_answer_was_lost_counts_as_ours(db: Database) {
    let setup = Setup::new(&db).await;
    let leaked = token(1);
    setup.gitlab().add_token(&leaked);
    setup.gitlab().fault_next_of("DELETE", 1, Fault::DropAfter);
    setup.report(&[&leaked]).await;
    let row = setup.end_of(&leaked).await;
    assert_eq!((row.state.as_str(), row.code.as_deref()), ("revoked", Some("revoked_unheard")));
    assert_eq!(setup.gitlab().count("DELETE", SELF), 1, "dead already when it was asked again");
}

async fn being_asked_to_wait_is_honoured(db: Database) {
    let setup = Setup::patient(&db).await;
    let leaked = token(1);
    setup.gitlab().add_token(&leaked);
    let wait = Fault::Status { status: 429, retry_after: Some(2) };
    setup.gitlab().fault_next(1, wait);
    setup.report(&[&leaked]).await;
    assert_eq!(setup.end_of(&leaked).await.state, "revoked");
    let requests = setup.gitlab().requests();
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(2), "it came back too early");
}

async fn the_next_attempt_waits_for_no_poll(db: Database) {
    let setup = Setup::that_never_polls(&db).await;
    let leaked = token(1);
    setup.gitlab().add_token(&leaked);
    setup.gitlab().fault_next(3, Fault::Status { status: 500, retry_after: None });
    setup.report(&[&leaked]).await;
    let row = setup.end_of(&leaked).await;
    assert_eq!((row.state.as_str(), row.attempts), ("revoked", 4));
    let took = row.ended_at.unwrap() - row.created_at;
    // Without being woken it would sleep until a lease runs out, 30 s.
    assert!(took < 15_000, "pauses of 20, 40 and 80 ms took {took} ms");
}

async fn a_call_slower_than_its_deadline_is_tried_again(db: Database) {
    let setup = Setup::short(&db).await;
    let leaked = token(1);
    setup.gitlab().add_token(&leaked);
    setup.gitlab().fault_next(1, Fault::Delay(SHORT * 3));
    setup.report(&[&leaked]).await;
    let row = setup.end_of(&leaked).await;
    assert_eq!(row.state, "revoked");
    assert!(row.attempts >= 2, "{row:?}");
}

async fn what_cannot_be_revoked_in_time_is_given_up_and_rearmed_by_a_report(db: Database) {
    let setup = Setup::new(&db).await;
    let leaked = token(1);
    setup.gitlab().add_token(&leaked);
    setup.gitlab().fault_always(Some(Fault::Status { status: 503, retry_after: None }));
    setup.report(&[&leaked]).await;
    let row = setup.end_of(&leaked).await;
    assert_eq!((row.state.as_str(), row.code.as_deref()), ("failed", Some("server")));
    assert!(row.attempts >= 5, "{row:?}");
    setup.gitlab().fault_always(None);
    setup.report(&[&leaked]).await;
    assert_eq!(setup.end_of(&leaked).await.state, "revoked");
}

async fn what_does_not_look_like_its_type_is_sent_nowhere(db: Database) {
    let setup = Setup::new(&db).await;
    for secret in ["hunter2", "glpat-short", "glpat-aaaaaaaaaaaaaaaaaaaa\n", "a\0b", "{token}"] {
        setup.report(&[secret]).await;
        let row = setup.end_of(secret).await;
        assert_eq!((row.state.as_str(), row.code.as_deref()), ("refused", Some("format")));
    }
    assert!(setup.gitlab().requests().is_empty(), "zero calls");
}

async fn modes_other_than_revoke_send_nothing(db: Database) {
    for (mode, state) in
        [(Mode::Approve, "held"), (Mode::Notify, "noted"), (Mode::DryRun, "simulated")]
    {
        let setup = Setup::with_mode(&db, mode).await;
        let leaked = format!("{}{}", token(1), mode.as_str());
        setup.gitlab().add_token(&leaked);
        setup.report(&[&leaked]).await;
        assert_eq!(setup.row(&leaked).await.state, state);
        setup.settle_down().await;
        assert!(setup.gitlab().requests().is_empty(), "{mode:?}: zero calls");
        if mode == Mode::Approve {
            use portcullis_store::ledger::Move;
            let fingerprint = setup.fingerprint(&leaked);
            assert!(setup.store.operate(&fingerprint, Move::Approve).await.unwrap());
            assert_eq!(setup.end_of(&leaked).await.state, "revoked");
        }
        setup.stop().await;
    }
}

async fn several_gitlabs_are_asked_in_order(db: Database) {
    let setup = Setup::with_gitlabs(&db, 3).await;
    let leaked = token(1);
    setup.gitlabs[1].add_token(&leaked);
    setup.report(&[&leaked]).await;
    assert_eq!(setup.end_of(&leaked).await.state, "revoked");
    let asked: Vec<usize> = setup.gitlabs.iter().map(|g| g.requests().len()).collect();
    assert_eq!(asked, [1, 2, 0], "the third one was not told");
    let nobodys = token(2);
    setup.report(&[&nobodys]).await;
    let row = setup.end_of(&nobodys).await;
    assert_eq!((row.state.as_str(), row.confirmed), ("inactive", false));
    let known_dead = token(3);
    let dead = TokenSpec { state: TokenState::Revoked, ..TokenSpec::default() };
    setup.gitlabs[2].add_token_with(&known_dead, dead);
    setup.report(&[&known_dead]).await;
    let row = setup.end_of(&known_dead).await;
    assert_eq!((row.state.as_str(), row.confirmed), ("inactive", true));
}

async fn one_gitlab_down_does_not_save_a_token_of_the_other(db: Database) {
    let setup = Setup::with_gitlabs(&db, 2).await;
    setup.gitlabs[0].fault_always(Some(Fault::DropBefore));
    let leaked = token(1);
    setup.gitlabs[1].add_token(&leaked);
    setup.report(&[&leaked]).await;
    assert_eq!(setup.end_of(&leaked).await.state, "revoked");
    let firsts = token(2);
    setup.gitlabs[0].add_token(&firsts);
    setup.report(&[&firsts]).await;
    setup.settle_down().await;
    assert_eq!(setup.row(&firsts).await.state, "pending", "the first one may know it");
    setup.gitlabs[0].fault_always(None);
    assert_eq!(setup.end_of(&firsts).await.state, "revoked");
}

async fn two_workers_revoke_nothing_twice(db: Database) {
    let setup = Setup::new(&db).await;
    let second = setup.another_worker(&db).await;
    let leaked: Vec<String> = (0..300).map(token).collect();
    setup.gitlab().add_tokens(leaked.iter().map(String::as_str));
    for part in leaked.chunks(50) {
        let part: Vec<&str> = part.iter().map(String::as_str).collect();
        setup.report(&part).await;
    }
    for token in &leaked {
        assert_eq!(setup.end_of(token).await.state, "revoked");
    }
    assert_eq!(setup.gitlab().count("DELETE", SELF), 300);
    second.stop().await;
}

async fn a_stop_writes_back_what_is_under_way(db: Database) {
    let setup = Setup::new(&db).await;
    let leaked = token(1);
    setup.gitlab().add_token(&leaked);
    setup.gitlab().fault_always(Some(Fault::Delay(Duration::from_millis(200))));
    setup.report(&[&leaked]).await;
    while setup.gitlab().requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (store, fingerprint) = (setup.store.clone(), setup.fingerprint(&leaked));
    let _gitlab = setup.stop().await;
    let row = store.revocation(&fingerprint).await.unwrap().unwrap().revocation;
    assert_eq!(row.state, State::Revoked.as_str());
}

async fn another_master_key_opens_nothing(db: Database) {
    use portcullis_base::SystemRandomness;
    use portcullis_base::seal::MasterKey;
    use portcullis_revocation::vault::{Vault, VaultError};
    let setup = Setup::new(&db).await;
    let other = MasterKey::generate(&SystemRandomness);
    let vault = Vault::open(&setup.store, &other, &SystemRandomness).await;
    assert!(matches!(vault, Err(VaultError::WrongMasterKey)), "{vault:?}");
    Vault::open(&setup.store, &setup.master, &SystemRandomness).await.unwrap();
}

async fn one_secret_under_two_types_is_one_row(db: Database) {
    let setup = Setup::new(&db).await;
    let leaked = token(1);
    setup.gitlab().add_token(&leaked);
    setup.report_as(&[("numbers_only", &leaked), (TYPE, &leaked)]).await;
    let row = setup.end_of(&leaked).await;
    assert_eq!((row.state.as_str(), row.token_type.as_str()), ("revoked", TYPE));
    assert_eq!(row.sightings, 2);
    // First under a type that it does not look like, then under the right one.
    let later = token(2);
    setup.gitlab().add_token(&later);
    setup.report_as(&[("numbers_only", &later)]).await;
    assert_eq!(setup.end_of(&later).await.state, "refused");
    setup.report_as(&[(TYPE, &later)]).await;
    assert_eq!(setup.end_of(&later).await.state, "revoked");
}

async fn a_secret_in_its_own_location_is_not_kept(db: Database) {
    let setup = Setup::new(&db).await;
    let leaked = "glpat-a_b-c_d-e_f-g_h-i_j-k_l-m";
    setup.gitlab().add_token(leaked);
    let encoded = leaked.replace('_', "%5F");
    setup
        .report_at(
            &[
                &format!("https://oauth2:{leaked}@gitlab.example/a/-/blob/main/.env"),
                &format!("https://gitlab.example/a?private_token={encoded}"),
                // Basic authentication of the user `ci`.
                "curl -H 'Authorization: Basic Y2k6Z2xwYXQtYV9iLWNfZC1lX2YtZ19oLWlfai1rX2wtbQ=='",
                "https://gitlab.example/a/100%/b",
            ],
            leaked,
        )
        .await;
    let detail = setup.store.revocation(&setup.fingerprint(leaked)).await.unwrap().unwrap();
    let mut kept: Vec<_> = detail.sightings.iter().filter_map(|s| s.location.clone()).collect();
    kept.sort();
    assert_eq!(
        kept,
        [
            "[secret]",
            "https://gitlab.example/a/100%/b",
            "https://oauth2:[secret]@gitlab.example/a/-/blob/main/.env",
        ]
    );
}
