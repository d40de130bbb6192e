//! All the ways in which a call about a user does not succeed.

use std::time::Duration;

use thiserror::Error;

use crate::Failure;

/// Why a call about a user or their impersonation tokens did not succeed. As with
/// [`AdminFailure`](crate::AdminFailure) the token that is refused here is the administrator's.
/// Carries no token and nothing that GitLab wrote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UserFailure {
    /// 401: the administrator's token is revoked, expired or unknown there.
    #[error("GitLab does not accept the administrator's token")]
    AdminRefused,
    /// 403: the administrator's token is not an administrator's, lacks the scope `api` (to act as
    /// another: `sudo` too; where admin mode is on: `admin_mode` too), or its owner is blocked. Or
    /// the user to act as is no administrator.
    #[error("GitLab does not let the administrator's token do this")]
    AdminForbidden,
    /// 404 for the user whose token it is about: there is none, or not any more.
    #[error("GitLab does not know the user")]
    UnknownUser,
    /// 404 for the token: this user has no such impersonation token.
    #[error("GitLab does not know the impersonation token")]
    UnknownToken,
    /// 404 for the user to act as.
    #[error("GitLab does not know the user to act as")]
    UnknownSudo,
    /// 400: GitLab does not take what was asked for, such as a scope that it does not know or does
    /// not allow to this user, or a day of expiry that is too far off.
    #[error("GitLab does not take the request{}", naming(.fields))]
    Invalid {
        /// What it complains about, of `name`, `scopes` and `expires_at`, in this order; none
        /// where it does not say or complains about something else.
        fields: Vec<&'static str>,
    },
    /// 404 or 405 for the call: this is not the address of a GitLab's API, or that GitLab offers no
    /// impersonation tokens.
    #[error("GitLab has no such call")]
    NoSuchCall,
    /// As [`Failure::RateLimited`].
    #[error("asked to come back later")]
    RateLimited {
        /// How long to wait, if it was said; at most [`LONGEST_WAIT`](crate::LONGEST_WAIT).
        retry_after: Option<Duration>,
    },
    /// As [`Failure::Server`].
    #[error("the server failed with status {status}")]
    Server {
        /// The status, 500 to 599.
        status: u16,
        /// How long to wait, if it was said; at most [`LONGEST_WAIT`](crate::LONGEST_WAIT).
        retry_after: Option<Duration>,
    },
    /// As [`Failure::NotGitlab`]. Also a success whose body does not say what it must, is too long,
    /// or is no JSON.
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
    /// The administrator's token cannot stand in a header. Nothing was sent.
    #[error("the administrator's token cannot be sent")]
    Unsendable,
}

impl UserFailure {
    /// A name that never changes, for logs, metrics and records.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AdminRefused => "admin_token_refused",
            Self::AdminForbidden => "admin_token_forbidden",
            Self::UnknownUser => "unknown_user",
            Self::UnknownToken => "unknown_token",
            Self::UnknownSudo => "unknown_sudo_user",
            Self::Invalid { .. } => "invalid",
            Self::NoSuchCall => "user_api_missing",
            Self::RateLimited { .. } => "rate_limited",
            Self::Server { .. } => "server",
            Self::NotGitlab { .. } => "not_gitlab",
            Self::Unreachable => "unreachable",
            Self::Lost => "lost",
            Self::Unsendable => "admin_token_unsendable",
        }
    }

    /// Whether GitLab may have done what it was asked to, or may yet: the request went out, and
    /// nobody who must know said that it was refused. A 5xx can be a proxy's that grew tired of a
    /// GitLab still at work, and an answer that is not GitLab's says nothing about GitLab. What
    /// GitLab refuses in its own words it has not done; nor what is answered with 429, which GitLab
    /// and proxies say in place of doing anything.
    pub const fn may_have_happened(&self) -> bool {
        match self {
            Self::Server { .. } | Self::NotGitlab { .. } | Self::Lost => true,
            Self::AdminRefused
            | Self::AdminForbidden
            | Self::UnknownUser
            | Self::UnknownToken
            | Self::UnknownSudo
            | Self::Invalid { .. }
            | Self::NoSuchCall
            | Self::RateLimited { .. }
            | Self::Unreachable
            | Self::Unsendable => false,
        }
    }
}

fn naming(fields: &[&'static str]) -> String {
    if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) }
}

/// What is said of the token that goes with a call is said of the administrator's.
impl From<Failure> for UserFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::InvalidToken | Failure::Unusable | Failure::Unauthorized => Self::AdminRefused,
            Failure::Forbidden => Self::AdminForbidden,
            Failure::BadRequest => Self::Invalid { fields: Vec::new() },
            Failure::NotFound => Self::NoSuchCall,
            Failure::RateLimited { retry_after } => Self::RateLimited { retry_after },
            Failure::Server { status, retry_after } => Self::Server { status, retry_after },
            Failure::NotGitlab { status } => Self::NotGitlab { status },
            Failure::Unreachable => Self::Unreachable,
            Failure::Lost => Self::Lost,
            Failure::Unsendable => Self::Unsendable,
        }
    }
}
