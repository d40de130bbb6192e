//! One token.

use std::fmt;

use thiserror::Error;
use zeroize::ZeroizeOnDrop;

use crate::Digest;

/// The longest text that is looked at, in bytes.
///
/// The origin enforces neither alphabet nor length of the value when it parses, and neither do we:
/// a value of another shape cannot carry a good signature unless a key leaked, and then its shape
/// protects nobody. Only the work that a stranger can cause is bounded.
pub const MAX_TOKEN_LEN: usize = 1024;

/// A token whose signature is good. It can only be made by a [`KeyRing`](crate::KeyRing).
#[derive(ZeroizeOnDrop)]
pub struct Pat {
    token: String,
    // Where the value begins in the token.
    #[zeroize(skip)]
    value_at: usize,
}

impl Pat {
    pub(crate) fn new(token: String, value_at: usize) -> Self {
        Self { token, value_at }
    }

    /// The whole token, for its owner's eyes only.
    pub fn expose(&self) -> &str {
        &self.token
    }

    /// What a database may hold in its place.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.token[self.value_at..])
    }
}

impl fmt::Debug for Pat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pat([redacted])")
    }
}

/// Why a text is not one of our tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Longer than [`MAX_TOKEN_LEN`].
    #[error("the token is longer than {MAX_TOKEN_LEN} bytes")]
    TooLong,
    /// Does not begin with the prefix.
    #[error("the token does not begin with the prefix")]
    Prefix,
    /// No dot between signature and value.
    #[error("the token has no dot")]
    NoDot,
    /// Nothing between the prefix and the first dot.
    #[error("the token has no signature")]
    NoSignature,
    /// Nothing behind the first dot.
    #[error("the token has no value")]
    NoValue,
    /// The signature is not base64url of an HMAC, or no key of the ring made it.
    #[error("the token's signature is not good")]
    Signature,
}

impl ParseError {
    /// A name that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "pat_too_long",
            Self::Prefix => "pat_prefix",
            Self::NoDot => "pat_no_dot",
            Self::NoSignature => "pat_no_signature",
            Self::NoValue => "pat_no_value",
            Self::Signature => "pat_signature",
        }
    }
}
