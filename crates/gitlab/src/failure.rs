//! All the ways in which a call does not succeed.

use std::time::Duration;

use thiserror::Error;

/// Why a call did not succeed. Carries neither the token nor anything that GitLab wrote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// 401 with `"error":"invalid_token"`, and GitLab's words for it: this GitLab knows the token,
    /// and it is revoked or expired.
    #[error("GitLab says that the token is revoked or expired")]
    InvalidToken,
    /// The same in other words: this GitLab knows the token, and takes it no longer or not now. It
    /// says so of a live impersonation token while impersonation is switched off.
    #[error("GitLab says that the token cannot be used")]
    Unusable,
    /// 401 with `{"message":"401 Unauthorized"}` and nothing more: this GitLab does not know the
    /// token. Another one may.
    #[error("GitLab does not know the token")]
    Unauthorized,
    /// 400 in GitLab's JSON. For a deletion: this token may not revoke itself.
    #[error("GitLab refuses the request as a bad one")]
    BadRequest,
    /// 403 in GitLab's JSON, or a 401 that asks for more than the token (`dpop_error`): the token
    /// lives, but its owner is blocked or it may not do this.
    #[error("GitLab forbids this to the token")]
    Forbidden,
    /// 404 or 405 in GitLab's JSON: this GitLab has no such call.
    #[error("GitLab has no such call")]
    NotFound,
    /// 429, whoever says it.
    #[error("asked to come back later")]
    RateLimited {
        /// How long to wait, if it was said; at most [`LONGEST_WAIT`](crate::LONGEST_WAIT).
        retry_after: Option<Duration>,
    },
    /// 5xx, whoever says it.
    #[error("the server failed with status {status}")]
    Server {
        /// The status, 500 to 599.
        status: u16,
        /// How long to wait, if it was said; at most [`LONGEST_WAIT`](crate::LONGEST_WAIT).
        retry_after: Option<Duration>,
    },
    /// An answer that is not in GitLab's words, or a redirect: a proxy, a log-in page, another
    /// service. It proves nothing about the token.
    #[error("the answer with status {status} is not GitLab's")]
    NotGitlab {
        /// The answer's status.
        status: u16,
    },
    /// No connection: nothing was sent.
    #[error("GitLab cannot be reached")]
    Unreachable,
    /// The request may have been carried out, but no complete answer came.
    #[error("the answer was lost")]
    Lost,
    /// Not a token that can stand in a header: empty, or with a character that is not visible
    /// ASCII. Nothing was sent.
    #[error("the token cannot be sent")]
    Unsendable,
}

impl Failure {
    /// A name that never changes, for logs, metrics and records.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::Unusable => "unusable",
            Self::Unauthorized => "unauthorized",
            Self::BadRequest => "bad_request",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::RateLimited { .. } => "rate_limited",
            Self::Server { .. } => "server",
            Self::NotGitlab { .. } => "not_gitlab",
            Self::Unreachable => "unreachable",
            Self::Lost => "lost",
            Self::Unsendable => "unsendable",
        }
    }
}
