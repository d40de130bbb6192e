//! Keys and their times.

use std::sync::Arc;
use std::time::Duration;

use crate::KeySet;

/// Fetched keys. Times are milliseconds; moments count from 1970.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) keys: Arc<KeySet>,
    pub(super) fetched_ms: i64,
    life_ms: i64,
    stale_ms: i64,
}

impl Held {
    pub(super) fn new(
        keys: Arc<KeySet>,
        fetched_ms: i64,
        life: Duration,
        stale_for: Duration,
    ) -> Self {
        Self { keys, fetched_ms, life_ms: to_ms(life), stale_ms: to_ms(stale_for) }
    }

    /// Whether it is time to fetch the next set: four fifths of the life are over, or the clock was put
    /// back, so that nobody knows how much of it is.
    pub(super) fn is_due(&self, now_ms: i64) -> bool {
        !within(now_ms, self.fetched_ms, self.life_ms / 5 * 4)
    }

    /// Whether the keys live.
    pub(super) fn is_fresh(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.fetched_ms) < self.life_ms
    }

    /// Whether the keys may be used if no others can be had.
    pub(super) fn may_be_stale(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.fetched_ms) < self.life_ms.saturating_add(self.stale_ms)
    }
}

/// Whether it is less than `wait_ms` since that moment, by a clock that was not put back before it.
pub(super) fn within(now_ms: i64, since_ms: i64, wait_ms: i64) -> bool {
    (0..wait_ms).contains(&now_ms.saturating_sub(since_ms))
}

/// Milliseconds.
pub(super) fn to_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_put_back_has_the_keys_renewed_and_kills_none() {
        let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
        let held = Held::new(Arc::default(), 1_000_000, minute, hour);
        assert!(!held.is_due(1_000_000) && !held.is_due(1_047_999) && held.is_due(1_048_000));
        assert!(held.is_due(999_999) && held.is_fresh(999_999));
        assert!(held.is_fresh(1_059_999) && !held.is_fresh(1_060_000));
        assert!(held.may_be_stale(4_659_999) && !held.may_be_stale(4_660_000));
        assert!(held.is_due(i64::MAX) && held.is_due(i64::MIN) && !held.may_be_stale(i64::MAX));
    }

    #[test]
    fn lives_beyond_all_numbers_are_long() {
        let held = Held::new(Arc::default(), 0, Duration::MAX, Duration::MAX);
        assert!(held.is_fresh(i64::MAX - 1) && held.may_be_stale(i64::MAX - 1));
    }
}
