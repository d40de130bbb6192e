//! What no provider's line does: ending what belongs to no provider any more, erasing what was kept long enough,
//! planning anew what a wrong clock had planned.
//!
//! All of it in pieces, each a commit of its own: others write in between.

use std::sync::Arc;
use std::time::Duration;

use portcullis_store::StoreError;
use portcullis_store::queue::Erased;
use tokio::sync::watch;

use super::{Shared, cause};

/// How often is looked.
const EVERY: Duration = Duration::from_mins(1);

/// How long a failed secret can be retried by hand.
const KEEP_FAILED: Duration = Duration::from_hours(30 * 24);

/// Runs until it is told to stop; `names` are the configured providers, of which none has a lease or an ordinary
/// pause longer than `longest`.
pub(super) async fn run(
    shared: Arc<Shared>,
    names: Vec<String>,
    longest: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let configured: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut erased = None;
    while !*stopped.borrow() {
        tell(bring_back(&shared, longest, &stopped).await);
        tell(give_up_orphans(&shared, &configured, &stopped).await);
        tell(erase_failed(&shared, &mut erased, &stopped).await);
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stopped.changed() => {}
        }
    }
}

fn tell(done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::warn!(error = %error, cause = cause(&error), "housekeeping could not be done");
    }
}

async fn bring_back(
    shared: &Shared,
    longest: Duration,
    stopped: &watch::Receiver<bool>,
) -> Result<(), StoreError> {
    loop {
        let count = shared.store.bring_back(longest).await?;
        if count > 0 {
            tracing::warn!(
                revocation.count = count,
                "the database's clock was set back: what it had planned was planned anew"
            );
        }
        if count == 0 || *stopped.borrow() {
            return Ok(());
        }
    }
}

async fn give_up_orphans(
    shared: &Shared,
    configured: &[&str],
    stopped: &watch::Receiver<bool>,
) -> Result<(), StoreError> {
    let mut all = 0;
    let ended = loop {
        let piece = shared.store.give_up_orphans(shared.options.give_up_after, configured).await;
        let count = *piece.as_ref().unwrap_or(&0);
        shared.options.observer.orphaned(count);
        all += count;
        if count == 0 || *stopped.borrow() {
            break piece;
        }
    };
    // Also where a later piece failed: the ones before are committed.
    if all > 0 {
        tracing::error!(
            revocation.count = all,
            "given up: their provider is not configured any more; they may still be alive"
        );
    }
    ended.map(drop)
}

/// `erased` is how far this process has come: what fails later is behind it, and what lies before it has no
/// seal any more.
async fn erase_failed(
    shared: &Shared,
    erased: &mut Option<Erased>,
    stopped: &watch::Receiver<bool>,
) -> Result<(), StoreError> {
    while let Some(piece) = shared.store.erase_failed(KEEP_FAILED, *erased).await? {
        *erased = Some(piece);
        if !piece.is_full() || *stopped.borrow() {
            break;
        }
    }
    Ok(())
}
