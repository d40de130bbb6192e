//! The time as a parameter.
//!
//! Due and lease times are the database's own clock, so that replicas agree; this clock is for
//! what one process decides alone: expiry of a cached record, retry dates in answers, log times.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use time::OffsetDateTime;

/// Tells the time. Injected wherever a decision hangs on it, so that a test can move it.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present moment, in UTC.
    fn now(&self) -> OffsetDateTime;

    /// The present moment in milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> i64 {
        to_ms(self.now())
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
pub fn to_ms(at: OffsetDateTime) -> i64 {
    // A four-digit year is far inside the range of 64 bits.
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// The moment `ms` milliseconds after 1970-01-01T00:00:00Z; the nearest end of the calendar where
/// it lies outside.
pub fn from_ms(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap_or(if ms < 0 {
        OffsetDateTime::new_utc(time::Date::MIN, time::Time::MIDNIGHT)
    } else {
        OffsetDateTime::new_utc(time::Date::MAX, time::Time::MIDNIGHT)
    })
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// A clock that stands still until it is moved: for tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<OffsetDateTime>);

impl ManualClock {
    /// A clock that shows `at`.
    pub fn at(at: OffsetDateTime) -> Self {
        Self(Mutex::new(at))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        *self.lock() += by;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, OffsetDateTime> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_survive_a_round_trip_and_the_ends_of_the_calendar() {
        assert_eq!(to_ms(from_ms(1_795_000_000_123)), 1_795_000_000_123);
        assert_eq!(to_ms(from_ms(-1)), -1);
        assert_eq!(from_ms(i64::MAX).year(), 9999);
        assert_eq!(from_ms(i64::MIN).year(), -9999);
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(OffsetDateTime::UNIX_EPOCH);
        assert_eq!(clock.now_ms(), 0);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now_ms(), 1500);
    }
}
