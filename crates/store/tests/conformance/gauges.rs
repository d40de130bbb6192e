//! What waits, counted for metrics.

use std::time::Duration;

use portcullis_store::notices::Telling;
use portcullis_store::queue::State;
use portcullis_store::report::NewRevocation;

use crate::support::{Database, LENT, ended, intent, item};

const HOUR: Duration = Duration::from_hours(1);

pub(crate) async fn what_waits_is_counted_by_provider_and_state(db: Database) {
    assert_eq!(db.store.depths(100).await.unwrap(), []);
    db.report(&[item(1), item(2), item(3), item(4)]).await;
    db.report(&[NewRevocation { provider: LENT.into(), ..item(5) }]).await;
    db.claim(1).await;
    db.execute("UPDATE revocations SET due_at = due_at + 3600000 WHERE provider = 'impersonation'")
        .await;
    db.execute("UPDATE revocations SET due_at = due_at - 3600000 WHERE leased_until IS NOT NULL")
        .await;
    let depths = db.store.depths(100).await.unwrap();
    let told: Vec<_> =
        depths.iter().map(|d| (d.provider.as_str(), d.planned, d.due, d.leased)).collect();
    assert_eq!(told, [("gitlab", 0, 3, 1), (LENT, 1, 0, 0)]);
    assert!(depths[0].oldest_overdue >= HOUR && depths[0].oldest_overdue < HOUR * 2);
    assert_eq!(depths[1].oldest_overdue, Duration::ZERO);
    let few = db.store.depths(2).await.unwrap();
    assert_eq!(few[0].due + few[0].leased, 2, "up to the limit");
}

pub(crate) async fn what_was_given_up_is_counted_for_a_while(db: Database) {
    let failed = async || db.store.failed_within(HOUR, 10).await.unwrap();
    assert_eq!(failed().await, 0);
    db.report(&[item(1), item(2)]).await;
    db.end(State::Failed, false, "gave_up").await;
    assert_eq!(failed().await, 1);
    db.execute("UPDATE revocations SET ended_at = ended_at - 3600001 WHERE state = 'failed'").await;
    assert_eq!(failed().await, 0, "it was long ago");
}

pub(crate) async fn what_nobody_was_told_and_what_gitlab_may_have_made(db: Database) {
    assert_eq!(db.store.untold(10).await.unwrap(), []);
    assert_eq!(db.store.open_intents(10).await.unwrap().open, 0);
    db.store.intend(&intent("one")).await.unwrap();
    db.store.intend(&intent("two")).await.unwrap();
    db.execute("UPDATE issuances SET sweep_at = sweep_at - 7200000 WHERE id = 'two'").await;
    let intents = db.store.open_intents(10).await.unwrap();
    assert_eq!(intents.open, 2);
    assert!(intents.oldest_overdue > HOUR && intents.oldest_overdue < 2 * HOUR, "{intents:?}");

    db.store.tell_people();
    db.report(&[ended(1, State::Noted, "notify"), ended(2, State::Noted, "notify")]).await;
    let told = |name: &str| Telling { webhook: name.to_owned(), payload: "{}".to_owned() };
    db.store.collect(10, |_| vec![told("one"), told("other")]).await.unwrap();
    let mut untold = db.store.untold(10).await.unwrap();
    untold.sort_by(|a, b| a.webhook.cmp(&b.webhook));
    let counted: Vec<_> = untold.iter().map(|one| (one.webhook.as_str(), one.waiting)).collect();
    assert_eq!(counted, [("one", 2), ("other", 2)]);
    assert!(untold[0].oldest < HOUR);
}
