//! Writes settlements back, as many at a time as have gathered: one commit for all of them.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::Quiet;
use portcullis_store::Store;
use portcullis_store::queue::{Outcome, Settlement};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::cause;
use crate::identity::short;

const AT_MOST: usize = 500;
const PAUSE: Duration = Duration::from_millis(250);

/// Runs until the last sender is gone and everything is written. `planned` is told of every row that
/// is to be tried again.
pub(super) async fn run(
    store: Store,
    mut settlements: mpsc::Receiver<Settlement>,
    lease: Duration,
    planned: Arc<Notify>,
) {
    let mut batch = Vec::with_capacity(AT_MOST);
    while settlements.recv_many(&mut batch, AT_MOST).await > 0 {
        write(&store, &batch, lease).await;
        if batch.iter().any(|settlement| matches!(settlement.outcome, Outcome::Retry { .. })) {
            planned.notify_one();
        }
        batch.clear();
    }
}

/// Every attempt would say so while the database is away.
static NOT_WRITTEN: Quiet = Quiet::new();

/// Tries for as long as a lease lasts: after that somebody else has taken the rows, and what we
/// know of them is void.
async fn write(store: &Store, batch: &[Settlement], lease: Duration) {
    let until = Instant::now() + lease;
    loop {
        match store.settle(batch).await {
            Ok(settled) => {
                log_dropped(batch, &settled);
                return;
            }
            Err(error) if Instant::now() < until => {
                if let Some(kept_back) = NOT_WRITTEN.pass() {
                    tracing::warn!(error = %error, cause = cause(&error), log.kept_back = kept_back,
                        "ends could not be written; trying again");
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::error!(error = %error, cause = cause(&error), revocation.count = batch.len(),
                    "ends could not be written before their leases ran out");
                return;
            }
        }
    }
}

fn log_dropped(batch: &[Settlement], settled: &[portcullis_store::Fingerprint]) {
    if settled.len() == batch.len() {
        return;
    }
    for dropped in batch.iter().filter(|s| !settled.contains(&s.fingerprint)) {
        tracing::info!(
            revocation.fingerprint = short(&dropped.fingerprint),
            revocation.lease = dropped.lease,
            "dropped: the lease has passed to another, or the row has ended"
        );
    }
}
