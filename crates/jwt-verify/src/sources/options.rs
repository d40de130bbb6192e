//! How remote keys are kept.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::{Clock, SystemClock};
use reqwest::Client;
use reqwest::header::HeaderMap;

/// How [`RemoteKeys`](super::RemoteKeys) fetches and keeps: `RemoteOptions::new(http)` with what
/// should be different.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// The client: one of `portcullis_base::http::client`, since it must not follow redirects.
    pub http: Client,
    /// What is sent beside the usual headers, to the address that was given and to its origin alone. A
    /// value that is a credential has to be marked as sensitive, so that `Debug` keeps it.
    pub headers: HeaderMap,
    /// The clock that lives are held against; the machine's where nothing is said.
    pub clock: Arc<dyn Clock>,
    /// Keys live at least so long, whatever the answer says; 60 s, and never less than twice the
    /// deadline.
    pub floor: Duration,
    /// Keys live at most so long, whatever the answer says; 24 h.
    pub ceiling: Duration,
    /// How long keys live where the answer does not say it; `None` is 1 h for Google's certificates and
    /// 5 min for all others.
    pub default_life: Option<Duration>,
    /// For how long past their life keys may be used while fetching new ones fails; 24 h.
    pub stale_for: Duration,
    /// A `kid` that is not among the keys has them fetched again, if the last fetch was so long ago;
    /// 60 s.
    pub unknown_key_wait: Duration,
    /// How long a fetch may take from its first to its last byte, both requests of a discovery
    /// together; 10 s.
    pub deadline: Duration,
    /// How many bytes an answer may have; 1 MiB.
    pub max_body: usize,
}

impl RemoteOptions {
    /// The defaults.
    pub fn new(http: Client) -> Self {
        Self {
            http,
            headers: HeaderMap::new(),
            clock: Arc::new(SystemClock),
            floor: Duration::from_mins(1),
            ceiling: Duration::from_hours(24),
            default_life: None,
            stale_for: Duration::from_hours(24),
            unknown_key_wait: Duration::from_mins(1),
            deadline: Duration::from_secs(10),
            max_body: 1024 * 1024,
        }
    }

    /// The life of keys of which the answer said this.
    pub(super) fn life(&self, stated: Option<Duration>, default: Duration) -> Duration {
        let stated = stated.or(self.default_life).unwrap_or(default);
        // Keys that a slow fetch brings have to be alive when they come.
        let floor = self.floor.max(self.deadline.saturating_mul(2));
        // Not `clamp`, which panics where floor and ceiling are the wrong way round.
        stated.min(self.ceiling).max(floor)
    }
}
