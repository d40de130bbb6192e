//! How long to wait before trying again.

use std::time::Duration;

use portcullis_base::Randomness;

/// The pause after the given number of failures: `base` after the first, doubling up to `cap`, and a random
/// half of it taken away, so that what failed together does not come back together.
pub(crate) fn pause(
    base: Duration,
    cap: Duration,
    failures: i64,
    random: &dyn Randomness,
) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1).clamp(0, 31)).unwrap_or(31);
    let whole = base.saturating_mul(1 << doublings).min(cap);
    let mut byte = [0];
    random.fill(&mut byte);
    whole / 2 + (whole / 2) * u32::from(byte[0]) / 255
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_base::SystemRandomness;

    #[test]
    fn pauses_double_up_to_the_cap_and_differ() {
        let (base, cap) = (Duration::from_secs(1), Duration::from_mins(15));
        for (failures, whole) in
            [(i64::MIN, 1), (0, 1), (1, 1), (2, 2), (5, 16), (11, 900), (i64::MAX, 900)]
        {
            let whole = Duration::from_secs(whole);
            let all: Vec<_> =
                (0..200).map(|_| pause(base, cap, failures, &SystemRandomness)).collect();
            assert!(all.iter().all(|p| *p >= whole / 2 && *p <= whole), "{failures}");
            assert!(all.iter().max() > all.iter().min());
        }
    }
}
