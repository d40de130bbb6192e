//! Log lines that a fault would repeat at every request: one now and then, and how many were kept back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines of one place.
const EVERY: Duration = Duration::from_secs(5);

/// One place where a line is written; a `static` beside it.
#[derive(Debug, Default)]
pub struct Quiet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    written: Option<Instant>,
    kept_back: u64,
}

impl Quiet {
    /// A place where nothing was written yet.
    pub const fn new() -> Self {
        Self(Mutex::new(State { written: None, kept_back: 0 }))
    }

    /// Whether the line may be written now: then, how many were kept back since the last one. `None` within
    /// five seconds of that.
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.written.is_some_and(|at| now.saturating_duration_since(at) < EVERY) {
            state.kept_back += 1;
            return None;
        }
        state.written = Some(now);
        Some(std::mem::take(&mut state.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_now_and_then_says_how_many_there_were() {
        let (quiet, start) = (Quiet::new(), Instant::now());
        let pass = |ms| quiet.pass_at(start + Duration::from_millis(ms));
        assert_eq!(pass(0), Some(0));
        assert_eq!([pass(1), pass(2), pass(4999)], [None; 3]);
        assert_eq!(pass(5000), Some(3));
        assert_eq!((pass(5001), pass(10_001)), (None, Some(1)));
        assert_eq!(pass(20_000), Some(0));
    }
}
