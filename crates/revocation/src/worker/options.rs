//! How the worker works.

use std::sync::Arc;
use std::time::Duration;

use crate::observer::{Nobody, Observer};

/// How the worker works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls at a time, per provider.
    pub concurrency: usize,
    /// The deadline of one call.
    pub call_timeout: Duration,
    /// How much longer than a call its lease is: the time to write its end.
    pub lease_margin: Duration,
    /// How long after it was due a secret that cannot be revoked is given up.
    pub give_up_after: Duration,
    /// The pause after the first attempt; it doubles with each.
    pub retry_base: Duration,
    /// The longest pause.
    pub retry_cap: Duration,
    /// How often is looked without being woken.
    pub poll_interval: Duration,
    /// Who counts what is done.
    pub observer: Arc<dyn Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 16,
            call_timeout: Duration::from_secs(10),
            lease_margin: Duration::from_secs(30),
            give_up_after: Duration::from_hours(24),
            retry_base: Duration::from_secs(1),
            retry_cap: Duration::from_mins(15),
            poll_interval: Duration::from_secs(5),
            observer: Arc::new(Nobody),
        }
    }
}

impl Options {
    /// How long nobody else may take a row that was claimed.
    pub(super) fn lease(&self) -> Duration {
        self.call_timeout + self.lease_margin
    }
    /// No lease is longer, and no pause for which nobody asked.
    pub(super) fn longest(&self) -> Duration {
        self.lease().max(self.retry_cap)
    }
}
