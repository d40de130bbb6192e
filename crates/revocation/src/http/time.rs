//! How the time of an attempt is spent.

use std::time::{Duration, Instant};

/// Until when what may happen. It begins with the attempt, wherever that has to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    /// A request may begin until then. One that begins later would be cut off while the vendor works on it,
    /// and nobody would hear what came of it.
    pub(crate) begin: Instant,
    /// The answer must be there by then: a little before the worker's own deadline, so that what is known here
    /// is said.
    pub(crate) end: Instant,
}

impl Time {
    /// For an attempt that begins now and has so long.
    pub(crate) fn of(budget: Duration) -> Self {
        let now = Instant::now();
        Self { begin: now + budget / 2, end: now + budget * 9 / 10 }
    }

    /// Whether it is too late to begin.
    pub(crate) fn is_late(self) -> bool {
        Instant::now() > self.begin
    }

    /// How long a request that begins now may take.
    pub(crate) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}
