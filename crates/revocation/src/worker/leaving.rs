//! What a line that is told to stop leaves to others.

use portcullis_store::queue::Claimed;

use super::{Line, decide};

impl Line {
    /// What was claimed while it was told to stop, and nobody was asked about: others may have it at once,
    /// and need not wait for the leases to run out.
    pub(super) async fn hand_back(&self, claimed: Vec<Claimed>) {
        let count = claimed.len();
        for row in claimed {
            // Without a receiver the settler has given up on the database; the leases will run out.
            drop(self.settlements.send(decide::hand_back(&row)).await);
        }
        if count > 0 {
            let provider = self.provider.name();
            tracing::info!(revocation.provider = provider, revocation.count = count, "handed back");
        }
    }
}
