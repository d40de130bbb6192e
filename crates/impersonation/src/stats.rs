//! What a broker counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a broker has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Tokens that were handed out.
    pub issued: u64,
    /// Requests for a token that were refused, whatever the reason.
    pub refused: u64,
    /// Tokens that jobs gave back before their time.
    pub given_back: u64,
    /// Tokens that GitLab made and nobody heard of, found and revoked.
    pub orphans_revoked: u64,
    /// Users whose tokens were looked through for such.
    pub users_swept: u64,
    /// Users whose tokens could not be looked through, each time.
    pub sweep_failures: u64,
}

/// Counted on the way, without a lock.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) issued: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) given_back: AtomicU64,
    pub(crate) orphans_revoked: AtomicU64,
    pub(crate) users_swept: AtomicU64,
    pub(crate) sweep_failures: AtomicU64,
}

/// One more, or several.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Counts {
    pub(crate) fn stats(&self) -> Stats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            issued: of(&self.issued),
            refused: of(&self.refused),
            given_back: of(&self.given_back),
            orphans_revoked: of(&self.orphans_revoked),
            users_swept: of(&self.users_swept),
            sweep_failures: of(&self.sweep_failures),
        }
    }
}
