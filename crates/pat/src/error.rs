//! What can be wrong with keys and tokens.

use thiserror::Error;

/// Why bytes are no signing key.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Fewer than 16 bytes: guessing such a key is within reach.
    #[error("a signing key has at least 16 bytes")]
    TooShort,
    /// Not base64url without padding.
    #[error("a signing key is written in base64url without padding")]
    NotBase64Url,
}

/// Why keys and a prefix are no ring.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum RingError {
    /// There is no key to sign with.
    #[error("a key ring has at least one key")]
    NoKey,
    /// The prefix is empty, too long, or would not survive a header or a URL.
    #[error("a prefix has 1 to 64 characters of [0-9A-Za-z_-]")]
    BadPrefix,
}

/// Why a text is no token of ours. None of them carries any of the text.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    /// It begins otherwise: it is some other kind of credential.
    #[error("the token has another prefix")]
    Prefix,
    /// There is no dot, or nothing before or after it, or far too much of it.
    #[error("the token is not a signature, a dot and a value")]
    Shape,
    /// What should be the signature is not 32 bytes of base64url without padding.
    #[error("the token's signature cannot be read")]
    Signature,
    /// None of the keys made this signature.
    #[error("the token was not made here")]
    Forged,
}

impl ParseError {
    /// A stable code for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Shape => "shape",
            Self::Signature => "signature",
            Self::Forged => "forged",
        }
    }
}
