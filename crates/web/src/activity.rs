//! Whether a connection has a request under way, for whoever closes those that only stand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;

/// One connection's, in its connection data (`Arc<Activity>`). [`trace`](crate::trace) keeps it.
#[derive(Debug)]
pub struct Activity {
    opened: Instant,
    under_way: AtomicU32,
    /// Milliseconds after it was opened.
    answered: AtomicU64,
}

impl Default for Activity {
    fn default() -> Self {
        Self { opened: Instant::now(), under_way: AtomicU32::new(0), answered: AtomicU64::new(0) }
    }
}

impl Activity {
    /// How long ago the last answer was made, or the connection opened; `None` while one is being made.
    pub fn stands_for(&self) -> Option<Duration> {
        // In this order, or the end of a long request falls between the two and is not seen: who counts down has
        // written down when before.
        let idle = self.under_way.load(Ordering::Acquire) == 0;
        idle.then(|| {
            let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
            self.opened.elapsed().saturating_sub(answered)
        })
    }
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Option<Arc<Activity>>);

impl UnderWay {
    /// Where the connection's activity is kept.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let activity = request.conn_data::<Arc<Activity>>().cloned();
        if let Some(activity) = &activity {
            activity.under_way.fetch_add(1, Ordering::Relaxed);
        }
        Self(activity)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Some(activity) = &self.0 else { return };
        let since = u64::try_from(activity.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        activity.answered.store(since, Ordering::Relaxed);
        activity.under_way.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_from_the_last_answer_on() {
        let activity = Arc::new(Activity::default());
        assert!(activity.stands_for().is_some());
        for _ in 0..3 {
            activity.under_way.fetch_add(1, Ordering::Relaxed);
        }
        let mut requests = [(); 3].map(|()| UnderWay(Some(Arc::clone(&activity))));
        std::thread::sleep(Duration::from_millis(40));
        assert_eq!(activity.stands_for(), None);
        let before = activity.opened.elapsed();
        requests[0] = UnderWay(None);
        assert_eq!(activity.stands_for(), None, "two are left");
        drop(requests);
        let since = activity.opened.elapsed().saturating_sub(before);
        assert!(activity.stands_for().unwrap() <= since + Duration::from_millis(1));
    }
}
