use std::time::Duration;

use portcullis_store::issuances::{NewIssuance, Once, Stage};
use portcullis_store::queue::State;
use portcullis_store::report::NewRevocation;

use super::support::{Database, GITLAB, JOB, LEASE, LENT, end, ended, fp, intent, item, made};

const DAY: Duration = Duration::from_hours(24);

/// The leases of open intents run out.
const RUN_OUT: &str = "UPDATE issuances SET sweep_at = sweep_at - 20001,
    lease_until = CASE lease_until WHEN 0 THEN 0 ELSE lease_until - 20001 END WHERE state = 'open'";

/// Nothing of any intent can be alive any more, and has not been for nine days.
const LONG_AGO: &str = "UPDATE issuances SET live_until = live_until - 864000000 - 777600000";

async fn intend(db: &Database, id: &str, user_id: i64) {
    db.store.intend(&NewIssuance { user_id, ..intent(id) }).await.unwrap();
}

/// Lends the token `n` and ends its row so.
async fn lend_and_end(db: &Database, n: u8, state: State) {
    db.lend(n).await;
    db.store.end_job(&JOB).await.unwrap();
    let claimed = db.store.claim(LENT, 1, LEASE).await.unwrap().remove(0);
    let settled = db.store.settle(&[end(&claimed, state, true, "done")]).await.unwrap();
    assert_eq!(settled, [fp(n)]);
}

pub(crate) async fn users_with_the_youngest_intents_are_swept_first(db: Database) {
    for (id, user_id) in [("a", 1), ("b", 2), ("c", 3), ("d", 3), ("leased", 4)] {
        intend(&db, id, user_id).await;
    }
    assert!(db.store.to_sweep(GITLAB, 10).await.unwrap().is_empty(), "their leases run");
    db.execute("UPDATE issuances SET lease_until = 1, sweep_at = 1, created_at = created_at - 3000 WHERE id = 'a'").await;
    db.execute("UPDATE issuances SET lease_until = 1, sweep_at = 1, created_at = created_at - 1000 WHERE id = 'b'").await;
    db.execute("UPDATE issuances SET lease_until = 1, sweep_at = 1, created_at = created_at - 4000 WHERE id = 'c'").await;
    db.execute("UPDATE issuances SET lease_until = 1, sweep_at = 1, created_at = created_at - 2000 WHERE id = 'd'").await;
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [2, 3, 1]);
    assert_eq!(db.store.to_sweep(GITLAB, 2).await.unwrap(), [2, 3], "as many as were asked for");
    db.store.looked_through(3).await.unwrap();
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [2, 1], "all of a user's at once");
    db.execute(RUN_OUT).await;
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [4, 2, 3, 1]);
}

pub(crate) async fn the_pause_before_the_next_look_grows(db: Database) {
    /// Another hundred seconds have passed since the intent.
    const OLDER: &str = "UPDATE issuances SET created_at = created_at - 100000";
    const PAUSE: &str = "SELECT sweep_at - created_at FROM issuances";
    intend(&db, "a", 7).await;
    db.store.looked_through(7).await.unwrap();
    assert_eq!(db.stage("a").await, Some(Stage::Leased));
    assert_eq!(db.count(PAUSE).await, 20_000, "it is not late before its lease has run out");
    db.execute(RUN_OUT).await;
    assert_eq!(db.store.to_sweep(GITLAB, 1).await.unwrap(), [7]);
    for age in 0..15 {
        db.store.looked_through(7).await.unwrap();
        let pause = db.count(PAUSE).await - age * 100_000;
        let expected = (age * 5000).clamp(5000, 60_000);
        // The test itself takes some time, of which a twentieth counts twice.
        assert!((expected..expected + 8000).contains(&pause), "{age}: {pause}");
        assert!(db.store.to_sweep(GITLAB, 1).await.unwrap().is_empty());
        db.execute(OLDER).await;
    }
}

pub(crate) async fn only_what_nobody_hands_out_is_swept(db: Database) {
    intend(&db, "leased", 7).await;
    db.lend(2).await;
    for id in ["leased", "of token 2", "unknown"] {
        db.store.swept(id, 99).await.unwrap();
    }
    assert_eq!(db.stage("leased").await, Some(Stage::Leased));
    assert_eq!(db.stage("of token 2").await, Some(Stage::Issued { token_id: 2 }));
    db.execute(RUN_OUT).await;
    db.store.swept("leased", 99).await.unwrap();
    assert_eq!(db.stage("leased").await, Some(Stage::Leased), "nobody has found that it ran out");
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [7]);
    db.store.swept("leased", 99).await.unwrap();
    assert_eq!(db.stage("leased").await, Some(Stage::Ended));
    assert!(db.store.to_sweep(GITLAB, 10).await.unwrap().is_empty());
    assert_eq!(db.store.issue(&made("leased", 1)).await.unwrap(), None);
    let traces = db.store.traces(&["leased", "nobody's", "of token 2"]).await.unwrap();
    let mut found: Vec<_> = traces.iter().map(|t| (t.id.as_str(), t.user_id)).collect();
    found.sort_unstable();
    assert_eq!(found, [("leased", 7), ("of token 2", 7)]);
    assert!(db.store.traces(&[]).await.unwrap().is_empty());
    assert!(db.store.traces(&["' OR 1 = 1 --", "\"", "\u{1f512}"]).await.unwrap().is_empty());
}

pub(crate) async fn everybody_with_a_token_is_known(db: Database) {
    assert!(db.store.users_with_tokens(GITLAB).await.unwrap().is_empty());
    for (id, user_id) in [("a", 9), ("b", 3), ("c", 9), ("gone", 5)] {
        intend(&db, id, user_id).await;
    }
    db.execute("UPDATE issuances SET live_until = 1 WHERE id = 'gone'").await;
    assert_eq!(db.store.users_with_tokens(GITLAB).await.unwrap(), [3, 9]);
}

/// A user's number means somebody else at another GitLab.
pub(crate) async fn another_gitlab_is_not_asked_about_these_users(db: Database) {
    const OTHER: &str = "https://gitlab.other.example";
    intend(&db, "here", 7).await;
    let elsewhere = NewIssuance { provider: OTHER.to_owned(), user_id: 8, ..intent("there") };
    db.store.intend(&elsewhere).await.unwrap();
    db.execute(RUN_OUT).await;
    assert_eq!(db.store.to_sweep(GITLAB, 10).await.unwrap(), [7]);
    assert_eq!(db.store.users_with_tokens(GITLAB).await.unwrap(), [7]);
    assert_eq!(db.store.to_sweep(OTHER, 10).await.unwrap(), [8]);
    assert_eq!(db.store.open_elsewhere(GITLAB).await.unwrap(), 1);
    db.execute("UPDATE issuances SET live_until = 1 WHERE id = 'there'").await;
    assert_eq!(db.store.open_elsewhere(GITLAB).await.unwrap(), 0);
}

pub(crate) async fn what_nobody_needs_is_forgotten(db: Database) {
    let once = Some(Once { digest: [1; 32], keep: Duration::from_mins(5) });
    db.store.intend(&NewIssuance { once, ..intent("used") }).await.unwrap();
    db.execute(RUN_OUT).await;
    db.execute("UPDATE issuances SET live_until = live_until - 864000001").await;
    assert!(db.store.to_sweep(GITLAB, 10).await.unwrap().is_empty(), "nothing of it can be alive");
    assert_eq!(db.stage("used").await, Some(Stage::Lost));
    assert!(!db.store.forget_issuances(DAY).await.unwrap());
    assert_eq!(db.stage("used").await, Some(Stage::Ended), "kept for another day");
    assert_eq!(db.count("SELECT count(*) FROM used_tokens").await, 1);
    db.execute("UPDATE used_tokens SET valid_until = valid_until - 300001").await;
    db.execute("UPDATE issuances SET live_until = live_until - 86400001").await;
    db.store.forget_issuances(DAY).await.unwrap();
    assert_eq!(db.stage("used").await, None);
    assert_eq!(db.count("SELECT count(*) FROM used_tokens").await, 0);
}

pub(crate) async fn an_intent_is_kept_while_its_token_may_be_alive(db: Database) {
    lend_and_end(&db, 1, State::Failed).await;
    lend_and_end(&db, 2, State::Revoked).await;
    db.lend(3).await;
    db.execute(LONG_AGO).await;
    intend(&db, "recent", 7).await;
    db.store.forget_issuances(DAY).await.unwrap();
    assert!(db.store.issued(&fp(1)).await.unwrap().is_some(), "it can be tried again");
    assert!(db.store.issued(&fp(2)).await.unwrap().is_none(), "it is dead");
    assert!(db.store.issued(&fp(3)).await.unwrap().is_some(), "it waits");
    assert_eq!(db.stage("recent").await, Some(Stage::Leased));
    db.execute("UPDATE revocations SET ended_at = ended_at - 1 WHERE state = 'failed'").await;
    db.store.erase_failed(Duration::ZERO, None).await.unwrap();
    db.store.forget_issuances(DAY).await.unwrap();
    assert!(db.store.issued(&fp(1)).await.unwrap().is_none(), "nobody can try again");
}

pub(crate) async fn rows_of_lent_tokens_go_with_all_that_belongs_to_them(db: Database) {
    /// Two days ago.
    const ENDED: &str = "UPDATE revocations SET ended_at = ended_at - 172800000";
    lend_and_end(&db, 1, State::Revoked).await;
    lend_and_end(&db, 2, State::Inactive).await;
    lend_and_end(&db, 3, State::Failed).await;
    lend_and_end(&db, 4, State::Refused).await;
    db.report(&[item(5)]).await;
    db.end(State::Revoked, false, "done").await;
    db.execute(ENDED).await;
    lend_and_end(&db, 6, State::Revoked).await;
    db.lend(7).await;
    assert!(!db.store.forget_issuances(DAY).await.unwrap());
    for n in [1, 2] {
        assert!(db.store.revocation(&fp(n)).await.unwrap().is_none(), "{n}");
    }
    for n in 3..=7 {
        assert!(db.store.revocation(&fp(n)).await.unwrap().is_some(), "{n}");
    }
    assert_eq!(db.count("SELECT count(*) FROM sightings").await, 5);
    assert_eq!(db.count("SELECT count(*) FROM attempts").await, 4);
}

pub(crate) async fn many_rows_are_forgotten_in_pieces(db: Database) {
    let row = |n: u16| {
        let mut fingerprint = [0; 32];
        fingerprint[..2].copy_from_slice(&n.to_be_bytes());
        let dead = ended(0, State::Revoked, "revoked");
        NewRevocation { fingerprint, provider: LENT.into(), ..dead }
    };
    db.report(&(0..1100).map(row).collect::<Vec<_>>()).await;
    assert!(!db.store.forget_issuances(DAY).await.unwrap());
    db.execute("UPDATE revocations SET ended_at = ended_at - 86400001").await;
    assert!(db.store.forget_issuances(DAY).await.unwrap(), "there are more");
    assert_eq!(db.count("SELECT count(*) FROM revocations").await, 100);
    assert!(!db.store.forget_issuances(DAY).await.unwrap());
    assert_eq!(db.count("SELECT count(*) FROM revocations").await, 0);
    assert_eq!(db.count("SELECT count(*) FROM sightings").await, 0);
}

pub(crate) async fn a_duty_is_one_replicas_until_its_time_runs_out(db: Database) {
    const RUN_OUT: &str = "UPDATE duties SET until = until - 120001";
    let take = async |name, holder| {
        db.store.take_duty(name, holder, Duration::from_mins(2)).await.unwrap()
    };
    assert!(take("sweep", "one").await);
    assert!(!take("sweep", "two").await);
    assert!(take("other", "two").await, "another duty");
    db.execute("UPDATE duties SET until = until - 100000").await;
    assert!(take("sweep", "one").await, "who has it goes on");
    db.execute("UPDATE duties SET until = until - 100000").await;
    assert!(!take("sweep", "two").await, "it was kept");
    db.execute(RUN_OUT).await;
    assert!(take("sweep", "two").await, "its time ran out");
    assert!(!take("sweep", "one").await);
    db.execute(RUN_OUT).await;
    let (one, two) = tokio::join!(take("sweep", "one"), take("sweep", "three"));
    assert!(one != two, "one of two");
}

pub(crate) async fn intents_and_duties_after_a_restart(db: Database) {
    intend(&db, "open", 7).await;
    db.lend(2).await;
    assert!(db.store.take_duty("sweep", "one", DAY).await.unwrap());
    let db = db.reopened().await;
    let took = db.store.take_duty("sweep", "two", DAY).await.unwrap();
    let to_sweep = db.store.to_sweep(GITLAB, 10).await.unwrap();
    if db.store.is_shared() {
        assert_eq!(db.stage("open").await, Some(Stage::Leased), "another replica may hand it out");
        assert!(!took && to_sweep.is_empty());
        assert!(db.store.issue(&made("open", 1)).await.unwrap().is_some());
    } else {
        assert_eq!(db.stage("open").await, Some(Stage::Lost), "the predecessor is dead");
        assert!(took);
        assert_eq!(to_sweep, [7], "at once");
        assert_eq!(db.store.issue(&made("open", 1)).await.unwrap(), None);
    }
    let row = db.store.revocation(&fp(2)).await.unwrap().unwrap().revocation;
    assert_eq!((row.state.as_str(), row.late < 0), ("pending", true), "it dies when it was to");
}
