//! From a provider's verdict to what is written into the row.

use std::time::Duration;

use portcullis_store::queue::{Claimed, Outcome, Settlement, State};

use super::Options;
use crate::provider::{Finding, Verdict};

/// Attempts before anything is given up for its age: after a long outage of our own the first
/// attempt is already late.
const TRY_AT_LEAST: i64 = 5;

/// What to write for this verdict; `None` is a seal that does not open. `pause` is how long to wait
/// where the other side does not say.
pub(super) fn settle(
    options: &Options,
    row: &Claimed,
    verdict: Option<Verdict>,
    pause: Duration,
) -> Settlement {
    let Some(verdict) = verdict else {
        let reason = "its seal does not open under this master key".to_owned();
        return settlement(row, end(State::Failed), "seal", Some(reason));
    };
    let (outcome, code) = match verdict.finding {
        Finding::Revoked => (end(State::Revoked), verdict.code),
        // Dead, and an attempt of ours was never heard of: that is what killed it.
        Finding::Inactive { confirmed: true } if row.uncertain => {
            (end(State::Revoked), "revoked_unheard")
        }
        Finding::Inactive { confirmed } => {
            (Outcome::End { state: State::Inactive, confirmed }, verdict.code)
        }
        Finding::Submitted => (end(State::Submitted), verdict.code),
        Finding::Refused => (end(State::Refused), verdict.code),
        Finding::Retry { after, uncertain } => {
            retry(options, row, after, uncertain, pause, &verdict)
        }
    };
    Settlement { about: verdict.about, ..settlement(row, outcome, code, verdict.reason) }
}

/// What to write for a row that was claimed and not asked about.
pub(super) fn hand_back(row: &Claimed) -> Settlement {
    let outcome = Outcome::Retry { after: Duration::ZERO, uncertain: false };
    settlement(row, outcome, "handed_back", None)
}

fn retry(
    options: &Options,
    row: &Claimed,
    after: Option<Duration>,
    uncertain: bool,
    pause: Duration,
    verdict: &Verdict,
) -> (Outcome, &'static str) {
    // Armed later than due is a retry by hand; due later than armed was planned for later.
    let overdue = row.age.min(row.late);
    if overdue >= options.give_up_after && row.attempts >= TRY_AT_LEAST {
        return (end(State::Failed), verdict.code);
    }
    // An hour's wait that the other side asks for is honoured, a year's is not.
    let longest = options.give_up_after.saturating_sub(overdue).max(options.retry_cap);
    let after = after.map_or(pause, |asked| asked.max(pause)).min(longest);
    (Outcome::Retry { after, uncertain }, verdict.code)
}

fn end(state: State) -> Outcome {
    Outcome::End { state, confirmed: false }
}

fn settlement(
    row: &Claimed,
    outcome: Outcome,
    code: &'static str,
    reason: Option<String>,
) -> Settlement {
    Settlement {
        fingerprint: row.fingerprint,
        lease: row.lease,
        outcome,
        code,
        reason,
        about: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const PAUSE: Duration = Duration::from_secs(2);

    fn row(attempts: i64, overdue: Duration, uncertain: bool) -> Claimed {
        Claimed {
            fingerprint: [1; 32],
            lease: 7,
            token_type: "t".into(),
            sealed: Vec::new(),
            key_version: 1,
            attempts,
            uncertain,
            age: overdue,
            late: overdue,
        }
    }

    fn outcome(row: &Claimed, finding: Finding) -> (Outcome, &'static str) {
        let verdict = Some(Verdict::new(finding, "said"));
        let settlement = settle(&Options::default(), row, verdict, PAUSE);
        assert_eq!((settlement.lease, settlement.fingerprint), (7, [1; 32]));
        (settlement.outcome, settlement.code)
    }

    #[test]
    fn findings_become_ends() {
        let row = row(1, Duration::ZERO, false);
        assert_eq!(outcome(&row, Finding::Revoked), (end(State::Revoked), "said"));
        assert_eq!(outcome(&row, Finding::Submitted), (end(State::Submitted), "said"));
        assert_eq!(outcome(&row, Finding::Refused), (end(State::Refused), "said"));
        for confirmed in [true, false] {
            let inactive = Outcome::End { state: State::Inactive, confirmed };
            assert_eq!(outcome(&row, Finding::Inactive { confirmed }), (inactive, "said"));
        }
    }

    #[test]
    fn dead_after_an_unheard_attempt_is_our_doing_if_the_provider_knew_the_secret() {
        let row = row(2, Duration::ZERO, true);
        let (known, code) = outcome(&row, Finding::Inactive { confirmed: true });
        assert_eq!((known, code), (end(State::Revoked), "revoked_unheard"));
        let (unknown, _) = outcome(&row, Finding::Inactive { confirmed: false });
        assert_eq!(unknown, Outcome::End { state: State::Inactive, confirmed: false });
    }

    #[test]
    fn the_other_sides_wish_counts_within_reason() {
        let row = row(1, Duration::ZERO, false);
        let after = |asked| match outcome(&row, Finding::Retry { after: asked, uncertain: true }).0
        {
            Outcome::Retry { after, uncertain: true } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after(None), PAUSE);
        assert_eq!(after(Some(HOUR)), HOUR);
        assert_eq!(after(Some(Duration::ZERO)), PAUSE);
        assert_eq!(after(Some(HOUR * 24 * 365)), Options::default().give_up_after);
    }

    #[test]
    fn old_age_ends_it_but_not_at_the_first_attempts() {
        let again = Finding::Retry { after: None, uncertain: false };
        assert_eq!(outcome(&row(5, HOUR * 25, false), again), (end(State::Failed), "said"));
        assert!(matches!(outcome(&row(4, HOUR * 25, false), again).0, Outcome::Retry { .. }));
        assert!(matches!(outcome(&row(500, HOUR * 23, false), again).0, Outcome::Retry { .. }));
    }

    #[test]
    fn a_seal_that_does_not_open_is_said_loudly() {
        let settlement = settle(&Options::default(), &row(1, Duration::ZERO, false), None, PAUSE);
        assert_eq!((settlement.outcome, settlement.code), (end(State::Failed), "seal"));
    }
}
