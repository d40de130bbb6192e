use std::time::Duration;

use portcullis_store::issuances::{Intended, NewIssuance, Once, Stage};
use sqlx::error::DatabaseError;

use super::support::{Database, GITLAB, JOB, LENT, fp, intent, made};

/// The leases of open intents run out.
const RUN_OUT: &str = "UPDATE issuances SET lease_until = lease_until - 20001,
    sweep_at = sweep_at - 20001 WHERE state = 'open'";

fn once(id: &str) -> NewIssuance {
    NewIssuance { once: Some(Once { digest: [3; 32], keep: Duration::from_mins(5) }), ..intent(id) }
}

pub(crate) async fn an_installation_is_named_once(db: Database) {
    let (one, two) = tokio::join!(db.store.instance("one"), db.store.instance("two"));
    let name = one.unwrap();
    assert_eq!(two.unwrap(), name);
    assert!(name == "one" || name == "two");
    let db = db.reopened().await;
    assert_eq!(db.store.instance("three").await.unwrap(), name);
}

pub(crate) async fn a_token_is_due_when_its_time_is_over(db: Database) {
    assert_eq!(db.store.intend(&intent("a")).await.unwrap(), Intended::Open);
    assert_eq!(db.stage("a").await, Some(Stage::Leased));
    let due = db.store.issue(&made("a", 1)).await.unwrap().unwrap();
    assert_eq!(db.stage("a").await, Some(Stage::Issued { token_id: 1 }));
    let detail = db.store.revocation(&fp(1)).await.unwrap().unwrap();
    let row = detail.revocation;
    assert_eq!((row.state.as_str(), row.provider.as_str()), ("pending", LENT));
    assert_eq!((row.due_at, row.run_at), (due, due));
    assert!((-600_000..=-540_000).contains(&row.late), "{}", row.late);
    assert_eq!(detail.sightings[0].reporter, LENT);
    let issued = db.store.issued(&fp(1)).await.unwrap().unwrap();
    assert_eq!((issued.user_id, issued.token_id), (7, 1));
    assert_eq!(issued.provider, "https://gitlab.example.com");
    assert_eq!(db.store.issued(&fp(2)).await.unwrap(), None);
    assert_eq!(db.store.issue(&made("a", 2)).await.unwrap(), None, "one token per intent");
    assert_eq!(db.store.issue(&made("b", 2)).await.unwrap(), None, "none without an intent");
    assert!(db.store.revocation(&fp(2)).await.unwrap().is_none());
}

pub(crate) async fn after_its_lease_a_token_is_not_handed_out(db: Database) {
    db.store.intend(&intent("a")).await.unwrap();
    db.execute(RUN_OUT).await;
    assert_eq!(db.stage("a").await, Some(Stage::Leased), "until somebody finds that it ran out");
    assert_eq!(db.store.issue(&made("a", 1)).await.unwrap(), None);
    assert!(db.store.revocation(&fp(1)).await.unwrap().is_none(), "and leaves no row");
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [7], "the sweep looks for it");
    assert_eq!(db.stage("a").await, Some(Stage::Lost));
}

pub(crate) async fn a_lease_that_is_void_never_comes_back(db: Database) {
    db.store.intend(&intent("a")).await.unwrap();
    db.execute(RUN_OUT).await;
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [7]);
    // As if the clock were set back by an hour.
    db.execute(
        "UPDATE issuances SET sweep_at = sweep_at + 3600000, live_until = live_until + 3600000,
            lease_until = CASE lease_until WHEN 0 THEN 0 ELSE lease_until + 3600000 END",
    )
    .await;
    assert_eq!(db.stage("a").await, Some(Stage::Lost));
    assert_eq!(db.store.issue(&made("a", 1)).await.unwrap(), None);
}

pub(crate) async fn a_refused_intent_ends_without_a_token(db: Database) {
    db.store.intend(&intent("a")).await.unwrap();
    db.store.refuse_issuance("a").await.unwrap();
    assert_eq!(db.stage("a").await, Some(Stage::Ended));
    assert_eq!(db.store.issue(&made("a", 1)).await.unwrap(), None);
    db.execute(RUN_OUT).await;
    assert!(db.store.to_sweep(GITLAB, 10).await.unwrap().is_empty());
    db.lend(2).await;
    db.store.refuse_issuance("of token 2").await.unwrap();
    assert_eq!(db.stage("of token 2").await, Some(Stage::Issued { token_id: 2 }), "too late");
    assert_eq!(db.stage("c").await, None);
}

pub(crate) async fn what_a_job_was_given_ends_with_it(db: Database) {
    db.lend(1).await;
    db.lend(2).await;
    db.store.intend(&intent("open")).await.unwrap();
    db.store.intend(&NewIssuance { job: [8; 32], ..intent("other") }).await.unwrap();
    db.store.issue(&made("other", 3)).await.unwrap().unwrap();
    assert!(db.store.claim(LENT, 10, Duration::from_mins(1)).await.unwrap().is_empty());
    assert_eq!(db.store.end_job(&JOB).await.unwrap(), 3);
    assert_eq!(db.store.issue(&made("open", 4)).await.unwrap(), None);
    assert!(db.store.revocation(&fp(4)).await.unwrap().is_none());
    assert_eq!(db.stage("open").await, Some(Stage::Lost));
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [7], "at once");
    let mut due = db.store.claim(LENT, 10, Duration::from_mins(1)).await.unwrap();
    due.sort_by_key(|claimed| claimed.fingerprint);
    let due: Vec<_> = due.iter().map(|claimed| claimed.fingerprint).collect();
    assert_eq!(due, [fp(1), fp(2)], "another job's is left alone");
    assert_eq!(db.store.end_job(&JOB).await.unwrap(), 0, "nothing is left");
}

pub(crate) async fn a_token_is_handed_out_in_time_or_due_at_once(db: Database) {
    let mut handed_out = 0;
    for n in 0..120_u8 {
        let id = n.to_string();
        db.store.intend(&NewIssuance { job: [n; 32], ..intent(&id) }).await.unwrap();
        let (issuing, ending) = (db.store.clone(), db.store.clone());
        let issue = tokio::spawn(async move { issuing.issue(&made(&id, n)).await.unwrap() });
        let end = tokio::spawn(async move {
            // Sometimes before, sometimes after.
            tokio::time::sleep(Duration::from_micros(u64::from(n % 12) * 250)).await;
            ending.end_job(&[n; 32]).await.unwrap()
        });
        let (issued, ended) = (issue.await.unwrap(), end.await.unwrap());
        assert_eq!(ended, 1, "{n}: either the intent or the token");
        let row = db.store.revocation(&fp(n)).await.unwrap();
        assert_eq!(row.is_some(), issued.is_some(), "{n}");
        if let Some(row) = row {
            handed_out += 1;
            assert!(row.revocation.late >= 0, "{n}: handed out and not due");
        } else {
            assert_eq!(db.stage(&n.to_string()).await, Some(Stage::Lost), "{n}");
        }
    }
    assert!(handed_out > 0, "none was faster than its end");
}

pub(crate) async fn a_jwt_is_used_once(db: Database) {
    assert_eq!(db.store.intend(&once("a")).await.unwrap(), Intended::Open);
    assert_eq!(db.store.intend(&once("b")).await.unwrap(), Intended::UsedBefore);
    assert_eq!(db.stage("b").await, None, "it leaves nothing");
    let other = Some(Once { digest: [4; 32], keep: Duration::from_mins(5) });
    let other = NewIssuance { once: other, ..intent("other") };
    assert_eq!(db.store.intend(&other).await.unwrap(), Intended::Open);
    db.store.unuse("b").await.unwrap();
    assert_eq!(db.store.intend(&once("c")).await.unwrap(), Intended::UsedBefore, "not theirs");
    db.store.unuse("a").await.unwrap();
    assert_eq!(db.stage("a").await, Some(Stage::Leased), "a token may yet come of it");
    assert_eq!(db.store.intend(&once("d")).await.unwrap(), Intended::Open);
    db.store.refuse_issuance("d").await.unwrap();
    assert_eq!(db.store.intend(&once("e")).await.unwrap(), Intended::Open);
    db.execute("UPDATE used_tokens SET valid_until = valid_until - 300001").await;
    assert_eq!(db.store.intend(&once("f")).await.unwrap(), Intended::Open, "its record expired");
    assert_eq!(db.store.intend(&once("g")).await.unwrap(), Intended::UsedBefore);
    db.store.unuse("e").await.unwrap();
    assert_eq!(db.store.intend(&once("h")).await.unwrap(), Intended::UsedBefore, "it is another's");
}

pub(crate) async fn of_many_uses_at_once_one_wins(db: Database) {
    for round in 0..5_u8 {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..16 {
            let store = db.store.clone();
            let used = Some(Once { digest: [round; 32], keep: Duration::from_mins(5) });
            let new = NewIssuance { once: used, ..intent(&format!("{round}-{n}")) };
            tasks.spawn(async move { store.intend(&new).await.unwrap() });
        }
        let all = tasks.join_all().await;
        assert_eq!(all.iter().filter(|intended| **intended == Intended::Open).count(), 1);
    }
    assert_eq!(db.count("SELECT count(*) FROM issuances").await, 5);
}

pub(crate) async fn the_tables_refuse_what_cannot_be(db: Database) {
    for wrong in [
        "INSERT INTO issuances VALUES ('a', 'x', 1, 'job', 'lost', 1, 1, 1, 1, NULL, NULL)",
        "INSERT INTO issuances VALUES ('a', 'x', 1, 'job', 'issued', 1, 1, 1, 1, NULL, NULL)",
        "INSERT INTO issuances VALUES ('a', 'x', 1, 'job', 'issued', 1, 1, 1, 1, 5, NULL)",
        "INSERT INTO issuances VALUES ('a', 'x', 1, 'job', 'issued', 1, 1, 1, 1, NULL, 'f')",
        "INSERT INTO instance VALUES (2, 'x')",
    ] {
        let done = db.try_execute(wrong).await;
        let error = done.expect_err(wrong);
        assert!(
            error.as_database_error().is_some_and(DatabaseError::is_check_violation),
            "{error}"
        );
    }
    db.execute("INSERT INTO issuances VALUES ('a', 'x', 1, 'job', 'issued', 1, 1, 1, 1, 5, 'f')")
        .await;
    for twice in [
        "INSERT INTO issuances VALUES ('a', 'x', 1, 'job', 'open', 1, 1, 1, 1, NULL, NULL)",
        "INSERT INTO issuances VALUES ('b', 'x', 1, 'job', 'issued', 1, 1, 1, 1, 6, 'f')",
    ] {
        let error = db.try_execute(twice).await.expect_err(twice);
        assert!(
            error.as_database_error().is_some_and(DatabaseError::is_unique_violation),
            "{error}"
        );
    }
    db.lend(1).await;
    db.store.intend(&intent("again")).await.unwrap();
    assert!(db.store.issue(&made("again", 1)).await.is_err(), "the same token for another intent");
    assert_eq!(db.stage("again").await, Some(Stage::Leased), "and nothing of it is kept");
}

/// All intents of one day end at the same midnight, and are forgotten at the same one.
pub(crate) async fn a_whole_day_is_forgotten_without_holding_anybody_up(database: Database) {
    if database.store.is_shared() {
        database
            .execute(
                "INSERT INTO issuances SELECT i::text, 'x', i % 500,
                    decode(md5(i::text), 'hex'), 'issued', 0, 0, 0,
                    (extract(epoch from now()) * 1000)::bigint - 90000000, i, decode(md5('f' || i::text), 'hex')
                 FROM generate_series(1, 5000) AS i",
            )
            .await;
    } else {
        database
            .execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                 INSERT INTO issuances SELECT CAST(i AS TEXT), 'x', i % 500, randomblob(32), 'issued', 0, 0,
                    0, CAST(unixepoch('subsec') * 1000 AS INTEGER) - 90000000, i, randomblob(32) FROM n",
            )
            .await;
    }
    let ids: Vec<String> = (1..=5000).map(|i| i.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let left = async || database.store.traces(&ids).await.unwrap().len();
    for round in 1..=5 {
        assert!(database.store.forget_issuances(Duration::from_hours(24)).await.unwrap());
        assert_eq!(left().await, 5000 - round * 1000, "a thousand at a time");
    }
    assert!(!database.store.forget_issuances(Duration::from_hours(24)).await.unwrap());
}
