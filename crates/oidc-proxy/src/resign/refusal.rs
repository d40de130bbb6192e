//! Why a token is not re-signed.

use portcullis_jwt_verify::Error as JwtError;
use portcullis_jwt_verify::sources::KeyError;

use crate::keys::SignError;
use crate::record::RecordError;
use crate::subject::SubjectError;

/// Why a token is not re-signed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is of no upstream, or does not verify.
    #[error("the token does not prove itself: {0}")]
    Token(JwtError),
    /// The upstream's keys cannot be had.
    #[error("the keys of the upstream issuer cannot be had")]
    Keys(KeyError),
    /// A claim that every upstream token has is missing.
    #[error("the claim {0} is missing")]
    ClaimMissing(&'static str),
    /// It is for somebody for whom nothing is re-signed.
    #[error("tokens for this audience are not re-signed here")]
    Audience,
    /// No rule holds.
    #[error("no rule lets this token be re-signed")]
    NoRule,
    /// Its subject cannot be composed.
    #[error("no subject can be composed: {0}")]
    Subject(#[from] SubjectError),
    /// No key signs by the algorithm that was asked for.
    #[error("no key of this issuer signs by that algorithm")]
    Algorithm,
    /// It is good for one token, and brought it.
    #[error("this token is not re-signed again")]
    Used,
    /// It, or what was made of it before, was reported as leaked.
    #[error(
        "this token, or one that was made of it, was reported as leaked: nothing more is signed for it"
    )]
    Leaked,
    /// What was issued could not be recorded.
    #[error("what is issued cannot be recorded right now")]
    Record(#[from] RecordError),
    /// OpenSSL did not sign.
    #[error("the token could not be signed")]
    Sign(#[from] SignError),
}

impl Refusal {
    /// Every code that [`Self::code`] gives.
    pub const CODES: [&'static str; 12] = [
        "invalid_token",
        "upstream_timeout",
        "upstream_unavailable",
        "claim_missing",
        "audience",
        "no_rule",
        "subject",
        "algorithm",
        "used",
        "leaked",
        "unavailable",
        "internal",
    ];

    /// Stable, for answers, logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Token(_) => "invalid_token",
            Self::Keys(KeyError::Timeout) => "upstream_timeout",
            Self::Keys(_) => "upstream_unavailable",
            Self::ClaimMissing(_) => "claim_missing",
            Self::Audience => "audience",
            Self::NoRule => "no_rule",
            Self::Subject(_) => "subject",
            Self::Algorithm => "algorithm",
            Self::Used => "used",
            Self::Leaked => "leaked",
            Self::Record(_) => "unavailable",
            Self::Sign(_) => "internal",
        }
    }
}
