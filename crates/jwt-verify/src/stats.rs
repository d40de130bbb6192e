//! What a verifier counts.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;

/// What came of the tokens that a verifier was asked about, since it was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Tokens that were proved.
    pub verified: u64,
    /// Tokens that were refused, by each code of [`Error::CODES`].
    pub refused: [(&'static str, u64); Error::CODES.len()],
    /// Tokens whose signature was remembered.
    pub remembered: u64,
    /// Tokens whose signature was not remembered, by a verifier that remembers any.
    pub not_remembered: u64,
}

/// Counted on the way, without a lock: the numbers of one moment need not add up.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    verified: AtomicU64,
    refused: [AtomicU64; Error::CODES.len()],
    remembered: AtomicU64,
    not_remembered: AtomicU64,
}

impl Counts {
    /// What came of a token.
    pub(crate) fn judged(&self, error: Option<&Error>) {
        let Some(error) = error else { return add_one(&self.verified) };
        if let Some(at) = Error::CODES.iter().position(|code| *code == error.code()) {
            add_one(&self.refused[at]);
        }
    }

    /// Whether its signature was remembered.
    pub(crate) fn looked_up(&self, found: bool) {
        add_one(if found { &self.remembered } else { &self.not_remembered });
    }

    pub(crate) fn stats(&self) -> Stats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            verified: of(&self.verified),
            refused: std::array::from_fn(|at| (Error::CODES[at], of(&self.refused[at]))),
            remembered: of(&self.remembered),
            not_remembered: of(&self.not_remembered),
        }
    }
}

fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::KeyError;

    #[test]
    fn every_error_is_counted_by_its_code_and_no_two_share_one() {
        let all = [
            Error::TooLong,
            Error::Segments,
            Error::Base64,
            Error::HeaderJson,
            Error::Header("alg"),
            Error::Algorithm,
            Error::AlgorithmNotAllowed,
            Error::Critical,
            Error::B64,
            Error::Type,
            Error::KeyIdMissing,
            Error::KeysUnavailable(KeyError::Timeout),
            Error::KeyUnknown,
            Error::KeyMismatch,
            Error::Signature,
            Error::ClaimsJson,
            Error::Claim("iss"),
            Error::ClaimMissing("iss"),
            Error::Issuer,
            Error::Audience,
            Error::Expired,
            Error::NotYetValid,
            Error::IssuedInFuture,
        ];
        let counts = Counts::default();
        for error in &all {
            counts.judged(Some(error));
        }
        let stats = counts.stats();
        assert_eq!(stats.refused.map(|(_, count)| count), [1; Error::CODES.len()]);
        assert_eq!(stats.verified, 0);
    }
}
