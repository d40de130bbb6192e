//! How fast a vendor is asked: by its own limit, and not at all while it has asked us to wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::call::Rate;

/// The pace of one vendor, in this process.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Option<Rate>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When those requests were sent that count yet, the oldest first: at most as many as the rate allows.
    sent: VecDeque<Instant>,
    closed_until: Option<Instant>,
}

impl Pace {
    /// As fast as `rate` allows, or as one can.
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self { rate, state: Mutex::default() }
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
        let closed = &mut self.lock().closed_until;
        *closed = Some(closed.map_or(until, |known| known.max(until)));
    }

    /// How long it is until a request may be tried; `None` takes the place of one. No stretch of the rate's
    /// time has more requests than it allows, wherever the vendor lets that stretch begin.
    fn wait(&self) -> Option<Duration> {
        let now = Instant::now();
        let mut state = self.lock();
        let closed = state.closed_until.map(|until| until.saturating_duration_since(now));
        if let Some(wait) = closed.filter(|wait| !wait.is_zero()) {
            return Some(wait);
        }
        let rate = self.rate?;
        let time = Duration::from_secs(rate.seconds);
        while state.sent.front().is_some_and(|sent| now.duration_since(*sent) >= time) {
            state.sent.pop_front();
        }
        match state.sent.front() {
            Some(oldest) if state.sent.len() >= rate.requests as usize => {
                Some(time.saturating_sub(now.duration_since(*oldest)))
            }
            _ => {
                state.sent.push_back(now);
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        assert!(wait > Duration::from_secs(3500) && wait <= Duration::from_hours(1), "{wait:?}");
    }

    #[tokio::test]
    async fn no_stretch_of_time_has_more_than_the_rate_allows() {
        let pace = Pace::new(Some(Rate { requests: 3, seconds: 1 }));
        let mut passed = Vec::new();
        for _ in 0..8 {
            pace.pass(Instant::now() + Duration::from_secs(5)).await.unwrap();
            passed.push(Instant::now());
        }
        for four in passed.windows(4) {
            let took = four[3] - four[0];
            assert!(took >= Duration::from_millis(990), "four in {took:?}");
        }
        assert!(passed[7] - passed[0] < Duration::from_secs(4), "and no slower");
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
