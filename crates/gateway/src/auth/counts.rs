//! How often which method said what.

use std::sync::atomic::{AtomicU64, Ordering};

use super::chain::Verdict;

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decider {
    Gerrit,
    Pat,
    Oidc,
    /// No method was asked for, or nobody can tell which.
    Nobody,
}

impl Decider {
    const fn name(self) -> &'static str {
        match self {
            Self::Gerrit => "gerrit",
            Self::Pat => "pat",
            Self::Oidc => "oidc",
            Self::Nobody => "none",
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::Gerrit => 0,
            Self::Pat => 1,
            Self::Oidc => 2,
            Self::Nobody => 3,
        }
    }
}

const OUTCOMES: [&str; 3] = ["authenticated", "refused", "unavailable"];

/// By decider and outcome; without a lock, since every request comes by.
#[derive(Debug, Default)]
pub(super) struct Counts([[AtomicU64; OUTCOMES.len()]; 4]);

impl Counts {
    pub(super) fn judged(&self, by: Decider, verdict: &Verdict) {
        let outcome = match verdict {
            Verdict::Known(_) => 0,
            Verdict::Unknown => 1,
            Verdict::Unavailable => 2,
        };
        self.0[by.place()][outcome].fetch_add(1, Ordering::Relaxed);
    }

    /// Method, outcome and count.
    pub(super) fn of(&self, by: Decider) -> [(&'static str, &'static str, u64); OUTCOMES.len()] {
        std::array::from_fn(|at| {
            (by.name(), OUTCOMES[at], self.0[by.place()][at].load(Ordering::Relaxed))
        })
    }
}
