//! How fast a vendor is asked: by its own limit, and not at all while it has asked us to wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::again;
use super::call::Rate;
use crate::provider::{Finding, Verdict};

/// How long a vendor is left alone who is not there; it doubles with each time that it is not.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest such pause: by far fewer requests than even GitHub takes in an hour.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

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
    /// How often in a row it was not there.
    misses: u32,
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

    /// Takes to heart what an attempt says of the vendor itself; `status` is `None` where it was not reached.
    /// What waits for it would otherwise spend the whole rate, each row by itself, on a vendor who is not
    /// there, and nothing would be left of it when it is back.
    pub(crate) fn learn(&self, status: Option<u16>, verdict: &Verdict) {
        match (verdict.finding, status) {
            (Finding::Retry { after: Some(wait), .. }, _) => self.close(wait),
            (Finding::Retry { .. }, None | Some(429 | 502..=504)) => self.miss(),
            _ => self.lock().misses = 0,
        }
    }

    /// No answer, or not all of it.
    pub(crate) fn unheard(&self, error: &reqwest::Error) -> Verdict {
        if error.is_connect() {
            let verdict = Verdict::new(again(None, false), "unreachable");
            self.learn(None, &verdict);
            return verdict;
        }
        let code = if error.is_timeout() { "timeout" } else { "lost" };
        Verdict::new(again(None, true), code)
    }

    /// All that were under way together count as one.
    fn miss(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.closed_until.is_none_or(|until| until <= now) {
            let pause = FIRST_PAUSE * (1 << state.misses.min(10));
            state.misses += 1;
            state.closed_until = Some(now + pause.min(LONGEST_PAUSE));
        }
    }

    /// The vendor wants nobody for so long.
    fn close(&self, wait: Duration) {
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
        // One at a time would take seven.
        assert!(passed[7] - passed[0] < Duration::from_secs(6), "and no slower");
    }

    fn not_now(after: Option<Duration>) -> Verdict {
        Verdict::new(again(after, false), "not_now")
    }

    fn closed(pace: &Pace) -> Duration {
        pace.wait().unwrap_or_default()
    }

    #[test]
    fn a_vendor_that_is_not_there_is_left_alone_for_longer_and_longer() {
        for status in [None, Some(429), Some(502), Some(503), Some(504)] {
            let pace = Pace::new(None);
            for seconds in [1, 2, 4, 8, 16, 32, 64, 120, 120] {
                let before = Instant::now();
                for _ in 0..16 {
                    pace.learn(status, &not_now(None));
                }
                let (most, wait) = (Duration::from_secs(seconds), closed(&pace));
                let least = most.saturating_sub(before.elapsed());
                assert!((least..=most).contains(&wait), "{status:?} {seconds}: {wait:?}");
                pace.lock().closed_until = Some(Instant::now());
            }
            pace.learn(Some(204), &Verdict::new(Finding::Revoked, "revoked"));
            pace.learn(status, &not_now(None));
            assert!(closed(&pace) <= FIRST_PAUSE, "it was there in between");
        }
    }

    #[test]
    fn what_is_about_one_secret_keeps_no_other_waiting() {
        let pace = Pace::new(None);
        for status in [400, 401, 403, 404, 422, 500] {
            pace.learn(Some(status), &not_now(None));
        }
        // A vendor may mean by it that a secret is dead.
        pace.learn(Some(503), &Verdict::new(Finding::Inactive { confirmed: true }, "dead"));
        assert_eq!(closed(&pace), Duration::ZERO);
        pace.learn(Some(404), &not_now(Some(Duration::from_mins(1))));
        assert!(closed(&pace) > Duration::from_secs(50), "what it asks for counts");
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
