//! What can be wrong with a Gerrit JWT, and with the configuration.

use thiserror::Error;

use crate::Error;
use crate::sources::KeyError;

/// Why the method cannot be set up.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum GerritConfigError {
    /// The header's name is none.
    #[error("the header's name is not one that HTTP knows")]
    Header,
    /// There are signers, and no audience, or an empty one.
    #[error("an audience is required once there are signers")]
    Audience,
}

/// Why a Gerrit JWT is refused. The texts begin as LUCI's do, and carry nothing of the token.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum GerritError {
    /// The signer's certificates could not be had: this says nothing about the token.
    #[error("could not fetch Gerrit public keys: {0}")]
    Keys(KeyError),
    /// The token does not prove.
    #[error("bad Gerrit JWT: {0}")]
    Token(Error),
    /// The header came more than once, or is not text.
    #[error("bad Gerrit JWT: the header must come once, and be text")]
    Header,
    /// `iss` is missing, or none of the configured accounts.
    #[error("bad Gerrit JWT: the issuer is none of the signer accounts")]
    Issuer,
    /// `asserted_user` or `asserted_change` has members of other types.
    #[error("bad Gerrit JWT: what it asserts is not of the shape that Gerrit gives it")]
    Claims,
    /// The user has no email.
    #[error("bad Gerrit JWT: the user has no email")]
    NoEmail,
    /// The user's email is none.
    #[error("bad Gerrit JWT: the user's email is not one")]
    Email,
    /// The change is outside the configured limits.
    #[error("bad Gerrit JWT: the change's {0} is not allowed here")]
    Limit(&'static str),
}

impl GerritError {
    /// A stable code for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Keys(_) => "keys_unavailable",
            Self::Token(error) => error.code(),
            Self::Header => "gerrit_header",
            Self::Issuer => "issuer",
            Self::Claims => "gerrit_claims",
            Self::NoEmail => "gerrit_no_email",
            Self::Email => "gerrit_email",
            Self::Limit(_) => "gerrit_limit",
        }
    }

    /// Whether this says nothing about the token: its keys could not be had.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Keys(_))
    }
}

impl From<Error> for GerritError {
    fn from(error: Error) -> Self {
        match error {
            Error::KeysUnavailable(error) => Self::Keys(error),
            error => Self::Token(error),
        }
    }
}
