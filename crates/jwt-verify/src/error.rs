//! Why a token does not verify.

use thiserror::Error;

use crate::sources::KeyError;

/// Why a token is refused. None of them carries any of the token but the names of claims.
///
/// What is said about a claim is said of a token whose signature held.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// More than [`crate::MAX_TOKEN`] bytes.
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// Not three segments with a dot between each two (RFC 7515, section 3.1).
    #[error("the token is not three segments with dots between them")]
    Segments,
    /// A segment is not base64url without padding (RFC 7515, section 2), or has loose bits at its end.
    #[error("a segment of the token is not base64url without padding")]
    Base64,
    /// The header is not one JSON object whose members have different names (RFC 7515, section 4).
    #[error("the token's header is not a JSON object with unique member names")]
    HeaderJson,
    /// A member of the header has a value of the wrong type, or an empty one.
    #[error("the header's {0} is not what RFC 7515 says it is")]
    Header(&'static str),
    /// `alg` is missing, `none`, an HMAC, or something unknown.
    #[error("the token's algorithm is not supported")]
    Algorithm,
    /// `alg` is one that this verifier does not allow.
    #[error("the token's algorithm is not allowed here")]
    AlgorithmNotAllowed,
    /// `crit` is there: no extension is understood (RFC 7515, section 4.1.11).
    #[error("the token's header has critical extensions, and none is understood")]
    Critical,
    /// `b64` is there: a JWT's payload is always encoded (RFC 7797, section 7).
    #[error("the token's header has b64, which a JWT must not have")]
    B64,
    /// `typ` says that this is not a plain JWT (RFC 8725, section 3.11).
    #[error("the token's header has a typ other than JWT")]
    Type,
    /// There is no `kid`, and this verifier wants one.
    #[error("the token's header has no kid")]
    KeyIdMissing,
    /// The keys could not be had.
    #[error("the issuer's keys are not available: {0}")]
    KeysUnavailable(#[from] KeyError),
    /// The issuer publishes no key with this `kid`, or none that can be used: the source's health says
    /// which are skipped, and why.
    #[error("the issuer has no usable key of this name")]
    KeyUnknown,
    /// The key is there, and is not for this algorithm.
    #[error("the issuer's key is not for this algorithm")]
    KeyMismatch,
    /// The signature does not hold.
    #[error("the token's signature does not hold")]
    Signature,
    /// The payload is not one JSON object whose members have different names (RFC 7519, section 4), or
    /// has a number that no double can hold.
    #[error(
        "the token's claims are not a JSON object with unique member names and numbers in range"
    )]
    ClaimsJson,
    /// A registered claim has a value of another type than RFC 7519, section 4.1, gives it; null
    /// is such a value, and not absence.
    #[error("the claim {0} is not what RFC 7519 says it is")]
    Claim(&'static str),
    /// A claim that this verifier wants is missing.
    #[error("the claim {0} is missing")]
    ClaimMissing(&'static str),
    /// `iss` is another than the configured one; no two spellings are the same.
    #[error("the token is of another issuer")]
    Issuer,
    /// None of `aud` is a configured audience.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` and the leeway have passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` lies ahead by more than the leeway.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` lies ahead by more than the leeway.
    #[error("the token was issued in the future")]
    IssuedInFuture,
}

impl Error {
    /// Every code that [`Self::code`] gives.
    pub const CODES: [&'static str; 23] = [
        "too_long",
        "segments",
        "base64",
        "header_json",
        "header",
        "algorithm",
        "algorithm_not_allowed",
        "critical",
        "b64",
        "type",
        "key_id_missing",
        "keys_unavailable",
        "key_unknown",
        "key_mismatch",
        "signature",
        "claims_json",
        "claim",
        "claim_missing",
        "issuer",
        "audience",
        "expired",
        "not_yet_valid",
        "issued_in_future",
    ];

    /// A stable code for machines: for logs, metrics and `jwt verify`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Segments => "segments",
            Self::Base64 => "base64",
            Self::HeaderJson => "header_json",
            Self::Header(_) => "header",
            Self::Algorithm => "algorithm",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::Critical => "critical",
            Self::B64 => "b64",
            Self::Type => "type",
            Self::KeyIdMissing => "key_id_missing",
            Self::KeysUnavailable(_) => "keys_unavailable",
            Self::KeyUnknown => "key_unknown",
            Self::KeyMismatch => "key_mismatch",
            Self::Signature => "signature",
            Self::ClaimsJson => "claims_json",
            Self::Claim(_) => "claim",
            Self::ClaimMissing(_) => "claim_missing",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
        }
    }

    /// Whether this says nothing about the token: its keys could not be had, and later the same
    /// token may verify.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::KeysUnavailable(_))
    }
}
