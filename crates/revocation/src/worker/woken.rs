//! What wakes a line before its time.

use portcullis_store::events::Event;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Returns when something may be due.
pub(super) async fn woken(events: &mut broadcast::Receiver<Event>) {
    loop {
        match events.recv().await {
            Ok(Event::PatChanged(_) | Event::Beat) => {}
            Ok(Event::Due | Event::Missed) | Err(RecvError::Lagged(_)) => return,
            // The store is gone, and with it the queue; the poll finds that out.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
