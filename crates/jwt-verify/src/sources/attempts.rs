//! What was tried, and when it may be tried again.

use std::time::Duration;

use time::OffsetDateTime;

use super::KeyError;
use super::flight::Flight;
use super::held::{to_ms, within};

/// Why somebody wants a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// There are no keys, or they need to be renewed.
    Needed,
    /// There are keys, and the one that is asked for is not among them.
    Unknown,
}

/// The fetches of one source so far.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    pub(super) flight: Flight,
    /// Present where the last one failed.
    pub(super) last_error: Option<(OffsetDateTime, KeyError)>,
    /// When the last one ended, in milliseconds since 1970.
    ended_ms: Option<i64>,
    /// How many failed in a row.
    failures: u32,
    /// How many went well, and how many failed, of all.
    pub(super) tally: (u64, u64),
}

const FIRST_WAIT: Duration = Duration::from_secs(5);
/// However long it has failed, it is tried again after this.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(1);

impl Attempts {
    /// Whether a fetch may begin. `unknown_wait`: from the end of the last one, for a key that is not
    /// among those that there are.
    pub(super) fn may(&self, why: Why, unknown_wait: Duration, now_ms: i64) -> bool {
        let wait = match why {
            Why::Needed => self.backoff(),
            Why::Unknown => self.backoff().max(unknown_wait),
        };
        self.ended_ms.is_none_or(|ended| !within(now_ms, ended, to_ms(wait)))
    }

    fn backoff(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => FIRST_WAIT.saturating_mul(1 << (failures - 1).min(8)).min(LONGEST_WAIT),
        }
    }

    pub(super) fn succeeded(&mut self, now_ms: i64) {
        self.ended_ms = Some(now_ms);
        self.failures = 0;
        self.tally.0 += 1;
        self.last_error = None;
    }

    pub(super) fn failed(&mut self, now: OffsetDateTime, now_ms: i64, error: KeyError) {
        self.ended_ms = Some(now_ms);
        self.failures = self.failures.saturating_add(1);
        self.tally.1 += 1;
        self.last_error = Some((now, error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn waits_grow_from_five_seconds_to_a_minute_and_end_with_a_success() {
        let mut attempts = Attempts::default();
        assert!(attempts.may(Why::Needed, MINUTE, 0) && attempts.may(Why::Unknown, MINUTE, 0));
        for wait in [5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000] {
            attempts.failed(OffsetDateTime::UNIX_EPOCH, 7, KeyError::Unreachable);
            assert!(!attempts.may(Why::Needed, MINUTE, 7 + wait - 1), "{wait}");
            assert!(attempts.may(Why::Needed, MINUTE, 7 + wait), "{wait}");
            assert!(!attempts.may(Why::Unknown, MINUTE, 7 + 59_999), "{wait}");
        }
        attempts.failures = u32::MAX;
        attempts.failed(OffsetDateTime::UNIX_EPOCH, 7, KeyError::Unreachable);
        assert!(!attempts.may(Why::Needed, MINUTE, 7 + 59_999));
        attempts.succeeded(7);
        assert!(attempts.may(Why::Needed, MINUTE, 7));
        assert!(!attempts.may(Why::Unknown, MINUTE, 7 + 59_999));
        assert!(attempts.may(Why::Unknown, MINUTE, 7 + 60_000));
    }

    #[test]
    fn a_clock_that_was_put_back_does_not_prolong_a_wait() {
        let mut attempts = Attempts::default();
        attempts.failed(OffsetDateTime::UNIX_EPOCH, 1_000_000, KeyError::Unreachable);
        assert!(attempts.may(Why::Unknown, MINUTE, 999_999));
    }
}
