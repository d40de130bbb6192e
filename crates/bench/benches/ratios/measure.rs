//! Arithmetic on measurements.

use std::time::{Duration, Instant};

/// The middle one.
pub(crate) fn median(figures: Vec<f64>) -> f64 {
    percentile(figures, 50)
}

/// The figure that `percent` of all do not exceed, and at least one reaches.
pub(crate) fn percentile(mut figures: Vec<f64>, percent: usize) -> f64 {
    figures.sort_by(f64::total_cmp);
    let place = (figures.len() * percent).div_ceil(100).max(1);
    figures[place - 1]
}

/// The greatest one.
pub(crate) fn worst(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(0.0, f64::max)
}

/// How often a second `work` can be done: the median of nine rounds.
pub(crate) fn rate(mut work: impl FnMut()) -> f64 {
    let rounds = (0..9).map(|_| {
        let (begun, mut count) = (Instant::now(), 0_usize);
        while begun.elapsed() < Duration::from_millis(150) {
            (0..64).for_each(|_| work());
            count += 64;
        }
        per_second(count, begun.elapsed())
    });
    median(rounds.collect())
}

/// So many in that time.
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]
pub(crate) fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// In milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
