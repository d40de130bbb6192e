//! What is recorded as it happens.

use portcullis_revocation::observer::{Called, Observer, Told};
use prometheus::Registry;

use super::list::{self, Counting, Moving, Timing};

/// The metrics that nobody else keeps.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) http_requests: Counting<4>,
    pub(super) http_duration: Timing<2>,
    pub(super) http_refusals: Counting<3>,
    pub(super) http_in_flight: Moving<1>,
    calls: Counting<3>,
    call_duration: Timing<1>,
    late: Timing<1>,
    orphaned: Counting<0>,
    notices: Counting<2>,
}

impl Recorded {
    /// All of them, at zero where there are no labels to know yet.
    pub(super) fn new(registry: &Registry) -> Self {
        let recorded = Self {
            http_requests: list::HTTP_REQUESTS.live(registry),
            http_duration: list::HTTP_DURATION.live(registry),
            http_refusals: list::HTTP_REFUSALS.live(registry),
            http_in_flight: list::HTTP_IN_FLIGHT.live(registry),
            calls: list::CALLS.live(registry),
            call_duration: list::CALL_DURATION.live(registry),
            late: list::LATE.live(registry),
            orphaned: list::ORPHANED.live(registry),
            notices: list::NOTICES.live(registry),
        };
        drop(recorded.orphaned.with([]));
        recorded
    }

    /// Begins the series of a webhook at zero: one that is told for the first time and fails must show.
    pub(super) fn expect_webhook(&self, name: &str) {
        for outcome in Told::ALL {
            drop(self.notices.with([name, outcome.as_str()]));
        }
    }

    /// The same for a provider.
    pub(super) fn expect_provider(&self, name: &str) {
        drop(self.call_duration.with([name]));
        drop(self.late.with([name]));
    }
}

impl Observer for Recorded {
    fn called(&self, call: &Called<'_>) {
        self.calls.with([call.provider, call.outcome, call.code]).inc();
        self.call_duration.with([call.provider]).observe(call.took.as_secs_f64());
        if call.ended {
            self.late.with([call.provider]).observe(call.late.as_secs_f64());
        }
    }

    fn orphaned(&self, count: u64) {
        self.orphaned.with([]).inc_by(count);
    }

    fn told(&self, webhook: &str, outcome: Told, notices: usize) {
        let notices = u64::try_from(notices).unwrap_or(u64::MAX);
        self.notices.with([webhook, outcome.as_str()]).inc_by(notices);
    }
}
