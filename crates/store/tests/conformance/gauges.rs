//! What waits, counted for metrics.

use std::time::Duration;

use portcullis_store::queue::State;
use portcullis_store::report::NewRevocation;

use crate::support::{Database, LENT, item};

const HOUR: Duration = Duration::from_hours(1);

pub(crate) async fn what_waits_is_counted_by_provider_and_state(db: Database) {
    assert_eq!(db.store.depths(100).await.unwrap(), []);
    db.report(&[item(1), item(2), item(3), item(4)]).await;
    db.report(&[NewRevocation { provider: LENT, ..item(5) }]).await;
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
    db.claim(2).await;
    db.end(State::Failed, false, "gave_up").await;
    let now = failed().await;
    assert!(now > 0);
    db.execute("UPDATE revocations SET ended_at = ended_at - 3600001 WHERE state = 'failed'").await;
    assert_eq!(failed().await, 0, "it was long ago");
}

/// However many rows there are: the plans name an index, and no table is read from end to end.
pub(crate) async fn a_large_table_is_not_scanned(db: Database) {
    db.fill(20_000).await;
    for (plan, index) in db.plans_of_gauges().await {
        assert!(plan.contains(index), "{index}: {plan}");
        for scan in ["Seq Scan on revocations", "SCAN revocations", "Seq Scan on issuances"] {
            let whole = plan.lines().any(|line| line.contains(scan) && !line.contains(index));
            assert!(!whole, "{plan}");
        }
    }
}
