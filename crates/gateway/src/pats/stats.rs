//! What came of PATs that were shown.

use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_pat::ParseError;

/// What came of one PAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Good,
    /// Not one that we made.
    Bad(ParseError),
    /// Made by us, and not in the database.
    Unknown,
    Revoked,
    Expired,
    /// The database could not tell.
    Unavailable,
}

const OUTCOMES: [&str; 9] = [
    "good",
    "prefix",
    "shape",
    "signature",
    "forged",
    "unknown",
    "revoked",
    "expired",
    "unavailable",
];

impl Shown {
    const fn outcome(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad(error) => error.code(),
            Self::Unknown => "unknown",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) outcomes: [(&'static str, u64); OUTCOMES.len()],
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

/// Counted without a lock, since every PAT comes by.
#[derive(Debug, Default)]
pub(super) struct Counts {
    shown: [AtomicU64; OUTCOMES.len()],
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Counts {
    pub(super) fn shown(&self, shown: Shown) {
        let outcome = shown.outcome();
        if let Some(at) = OUTCOMES.iter().position(|one| *one == outcome) {
            self.shown[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn looked_up(&self, found: bool) {
        let counter = if found { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> Stats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            outcomes: std::array::from_fn(|at| (OUTCOMES[at], of(&self.shown[at]))),
            hits: of(&self.hits),
            misses: of(&self.misses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_may_come_of_a_pat_is_counted() {
        let counts = Counts::default();
        for shown in [
            Shown::Good,
            Shown::Bad(ParseError::Prefix),
            Shown::Bad(ParseError::Shape),
            Shown::Bad(ParseError::Signature),
            Shown::Bad(ParseError::Forged),
            Shown::Unknown,
            Shown::Revoked,
            Shown::Expired,
            Shown::Unavailable,
        ] {
            counts.shown(shown);
        }
        assert_eq!(counts.stats().outcomes.map(|(_, count)| count), [1; OUTCOMES.len()]);
    }
}
