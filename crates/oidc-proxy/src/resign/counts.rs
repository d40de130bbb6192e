//! What a re-signer counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Refusal;

/// What a re-signer was asked for since it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Tokens that were re-signed.
    pub issued: u64,
    /// Tokens that were not, by each code of [`Refusal::CODES`].
    pub refused: [(&'static str, u64); Refusal::CODES.len()],
}

/// Counted on the way, without a lock.
#[derive(Debug, Default)]
pub(super) struct Counts {
    issued: AtomicU64,
    refused: [AtomicU64; Refusal::CODES.len()],
}

impl Counts {
    pub(super) fn count(&self, refusal: Option<&Refusal>) {
        let counter = match refusal.map(Refusal::code) {
            None => Some(&self.issued),
            Some(said) => {
                let at = Refusal::CODES.iter().position(|code| *code == said);
                at.map(|at| &self.refused[at])
            }
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            issued: of(&self.issued),
            refused: std::array::from_fn(|at| (Refusal::CODES[at], of(&self.refused[at]))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordError;
    use portcullis_jwt_verify::Error;
    use portcullis_jwt_verify::sources::KeyError;

    #[test]
    fn every_code_has_a_place() {
        let counts = Counts::default();
        for refusal in [
            Refusal::Token(Error::Expired),
            Refusal::Keys(KeyError::Timeout),
            Refusal::Keys(KeyError::NoKeys),
            Refusal::ClaimMissing("exp"),
            Refusal::Audience,
            Refusal::NoRule,
            Refusal::Algorithm,
            Refusal::Used,
            Refusal::Leaked,
            Refusal::Record(RecordError),
        ] {
            let (before, code) = (counts.stats(), refusal.code());
            counts.count(Some(&refusal));
            let of =
                |stats: &Stats| stats.refused.iter().find(|(name, _)| *name == code).unwrap().1;
            assert_eq!((of(&before), of(&counts.stats())), (0, 1), "{code}");
        }
        counts.count(None);
        assert_eq!(counts.stats().issued, 1);
    }
}
