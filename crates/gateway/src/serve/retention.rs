//! Forgetting what ended long ago: one replica does it for all.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::Randomness;
use portcullis_store::{Store, StoreError};
use tokio::task::JoinHandle;

/// The name in the table of duties.
const DUTY: &str = "forget-ended";
/// How long it is held; renewed in front of each step.
const HOLD: Duration = Duration::from_mins(2);
/// Until the first look: a start has better things to do.
const FIRST: Duration = Duration::from_secs(30);
/// Between two looks.
const EVERY: Duration = Duration::from_hours(1);
/// Between two steps, so that others write too.
const BREATH: Duration = Duration::from_millis(50);

/// Forgets what ended longer ago than `keep`, for ever.
pub(super) fn follow(
    store: &Store,
    keep: Option<Duration>,
    random: &Arc<dyn Randomness>,
) -> Option<JoinHandle<()>> {
    let (store, keep) = (store.clone(), keep?);
    let holder = hex::encode(random.uuid_v4());
    Some(tokio::spawn(async move {
        tokio::time::sleep(FIRST).await;
        loop {
            match forget(&store, keep, &holder).await {
                Ok(0) => {}
                Ok(count) => {
                    tracing::info!(revocation.count = count, "forgotten: they ended long ago");
                }
                Err(error) => {
                    tracing::warn!(error = %error, "what ended long ago is not forgotten");
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }))
}

async fn forget(store: &Store, keep: Duration, holder: &str) -> Result<u64, StoreError> {
    let (mut count, mut at) = (0, None);
    while store.take_duty(DUTY, holder, HOLD).await? {
        let Some(forgotten) = store.forget_ended(keep, at).await? else { break };
        count += forgotten.count;
        if !forgotten.is_full() {
            break;
        }
        at = Some(forgotten);
        tokio::time::sleep(BREATH).await;
    }
    Ok(count)
}
