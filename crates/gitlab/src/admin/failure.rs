//! All the ways in which an administrator's call does not succeed.

use std::time::Duration;

use thiserror::Error;

use crate::Failure;

/// Why a call in the name of an administrator did not succeed. A type of its own, because here a
/// refused token is the **administrator's**: none of these but [`Self::UnknownToken`] tells
/// anything about the token that was asked about. Carries neither of the two nor anything that
/// GitLab wrote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AdminFailure {
    /// 401: the administrator's token is revoked, expired or unknown there. Also where it cannot
    /// stand in a header; then nothing was sent.
    #[error("GitLab does not accept the administrator's token")]
    AdminRefused,
    /// 403: the administrator's token is not an administrator's, lacks the scope `api` (where admin
    /// mode is on: `admin_mode` too), or its owner is blocked.
    #[error("GitLab does not let the administrator's token do this")]
    AdminForbidden,
    /// 404 for the token: this GitLab knows the kind by its prefix, and has no such token (any
    /// more).
    #[error("GitLab does not know the token")]
    UnknownToken,
    /// 404 that names the feature flag `api_admin_token_revoke`, which is off by default.
    #[error("revocation by administrators is switched off")]
    SwitchedOff,
    /// 404 or 405 for the call: this GitLab is too old (before 17.5 it identifies nothing, before
    /// 17.7 it revokes nothing; before 17.8 the flag `admin_agnostic_token_finder` had to be on).
    #[error("GitLab has no such call")]
    NoSuchCall,
    /// 422: this GitLab cannot tell what the token is, or handles no such kind here.
    #[error("GitLab does not handle tokens of this kind")]
    UnknownKind,
    /// 400: GitLab tried, and its own rules kept it from it.
    #[error("GitLab could not revoke the token")]
    NotRevoked,
    /// As [`Failure::RateLimited`].
    #[error("asked to come back later")]
    RateLimited {
        /// How long to wait, if it was said; at most [`LONGEST_WAIT`](crate::LONGEST_WAIT).
        retry_after: Option<Duration>,
    },
    /// As [`Failure::Server`]. Some kinds that GitLab cannot revoke (a pipeline trigger token while
    /// the flag `token_api_expire_pipeline_triggers` is off) are answered so too.
    #[error("the server failed with status {status}")]
    Server {
        /// The status, 500 to 599.
        status: u16,
        /// How long to wait, if it was said; at most [`LONGEST_WAIT`](crate::LONGEST_WAIT).
        retry_after: Option<Duration>,
    },
    /// As [`Failure::NotGitlab`].
    #[error("the answer with status {status} is not GitLab's")]
    NotGitlab {
        /// The answer's status.
        status: u16,
    },
    /// As [`Failure::Unreachable`].
    #[error("GitLab cannot be reached")]
    Unreachable,
    /// As [`Failure::Lost`].
    #[error("the answer was lost")]
    Lost,
}

impl AdminFailure {
    /// A name that never changes, for logs, metrics and records.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AdminRefused => "admin_token_refused",
            Self::AdminForbidden => "admin_token_forbidden",
            Self::UnknownToken => "unknown_token",
            Self::SwitchedOff => "admin_api_off",
            Self::NoSuchCall => "admin_api_missing",
            Self::UnknownKind => "unknown_kind",
            Self::NotRevoked => "not_revoked",
            Self::RateLimited { .. } => "rate_limited",
            Self::Server { .. } => "server",
            Self::NotGitlab { .. } => "not_gitlab",
            Self::Unreachable => "unreachable",
            Self::Lost => "lost",
        }
    }
}

/// What is said of the token that goes with a call is said of the administrator's.
impl From<Failure> for AdminFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::InvalidToken
            | Failure::Unusable
            | Failure::Unauthorized
            | Failure::Unsendable => Self::AdminRefused,
            Failure::Forbidden => Self::AdminForbidden,
            Failure::BadRequest => Self::NotRevoked,
            Failure::NotFound => Self::NoSuchCall,
            Failure::RateLimited { retry_after } => Self::RateLimited { retry_after },
            Failure::Server { status, retry_after } => Self::Server { status, retry_after },
            Failure::NotGitlab { status } => Self::NotGitlab { status },
            Failure::Unreachable => Self::Unreachable,
            Failure::Lost => Self::Lost,
        }
    }
}
