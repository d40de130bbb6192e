//! How fast a vendor is asked: by its own limit, and not at all while it has asked us to wait.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::call::Rate;

/// The pace of one vendor, in this process.
#[derive(Debug)]
pub(crate) struct Pace {
    limiter: Option<DefaultDirectRateLimiter>,
    closed_until: Mutex<Option<Instant>>,
}

impl Pace {
    /// As fast as `rate` allows, or as one can.
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        let limiter = rate.and_then(quota).map(RateLimiter::direct);
        Self { limiter, closed_until: Mutex::default() }
    }

    /// Returns when a request may be sent. Where that would take longer than until `until`: how much longer
    /// from now.
    pub(crate) async fn pass(&self, until: Instant) -> Result<(), Duration> {
        loop {
            let Some(wait) = self.wait() else { return Ok(()) };
            if Instant::now() + wait > until {
                return Err(wait);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// The vendor wants nobody for so long.
    pub(crate) fn close(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |known| known.max(until)));
    }

    /// How long it is until a request may be tried; `None` takes the place of one.
    fn wait(&self) -> Option<Duration> {
        let closed = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = closed.map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return Some(wait);
        }
        let limiter = self.limiter.as_ref()?;
        let now = DefaultClock::default().now();
        limiter.check().err().map(|not_until| not_until.wait_time_from(now))
    }
}

/// `None` only where the rate allows nothing, which no [`Call`](super::Call) has.
fn quota(rate: Rate) -> Option<Quota> {
    let requests = NonZeroU32::new(rate.requests)?;
    let each = Duration::from_secs(rate.seconds) / rate.requests;
    Some(Quota::with_period(each)?.allow_burst(requests))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_passes_faster_than_the_rate() {
        let pace = Pace::new(Some(Rate { requests: 2, seconds: 3600 }));
        let soon = Instant::now() + Duration::from_secs(5);
        assert_eq!(pace.pass(soon).await, Ok(()));
        assert_eq!(pace.pass(soon).await, Ok(()));
        let wait = pace.pass(soon).await.unwrap_err();
        assert!(wait > Duration::from_secs(1700) && wait <= Duration::from_mins(30), "{wait:?}");
    }

    #[tokio::test]
    async fn a_vendor_that_asked_for_a_pause_has_it() {
        let pace = Pace::new(None);
        let soon = || Instant::now() + Duration::from_secs(1);
        assert_eq!(pace.pass(soon()).await, Ok(()));
        pace.close(Duration::from_mins(1));
        pace.close(Duration::from_millis(1));
        let wait = pace.pass(soon()).await.unwrap_err();
        assert!(wait > Duration::from_secs(50), "a shorter wish does not shorten it: {wait:?}");
        let pace = Pace::new(None);
        pace.close(Duration::from_millis(20));
        let before = Instant::now();
        assert_eq!(pace.pass(soon()).await, Ok(()));
        assert!(before.elapsed() >= Duration::from_millis(20), "it waits where there is time to");
    }
}
