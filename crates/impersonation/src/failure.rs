//! Why a job gets no token, and how that is answered.

use std::time::Duration;

use actix_web::http::StatusCode;
use portcullis_jwt_verify::Error as JwtError;
use portcullis_revocation::QueueError;
use portcullis_web::Problem;

use crate::policy::Refusal;
use crate::upstream::Trouble;

/// What a caller without a good JWT is asked for.
pub(crate) const CHALLENGE: &str = "Bearer realm=\"gitlab-pat\"";

/// How long a caller is told to wait for what may soon be well.
const SOON: Duration = Duration::from_secs(5);

/// Why a job gets no token. What went wrong inside is for the log.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no JWT, or it cannot be read as one.
    NoToken,
    /// The JWT does not verify.
    Token(JwtError),
    /// It is good for one token, and brought it already.
    Used,
    /// The policy says no, or the question makes no sense.
    Refused(Refusal),
    /// Not a question that is understood.
    Query(&'static str),
    /// The user is an administrator.
    Administrator,
    /// Nothing is lent for now.
    Paused,
    /// Too many tokens for this user or project.
    TooMany(Duration),
    /// GitLab did not do it.
    Gitlab(Trouble),
    /// GitLab was too late, or the job was ended meanwhile.
    TooLate,
    /// The database did not do it.
    Queue(QueueError),
    /// Ours to mend.
    Internal,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        Self::Queue(error)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Gitlab(trouble)
    }
}

impl Failure {
    /// Stable, for the log.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Token(error) => error.code(),
            Self::Used => "used",
            Self::Refused(refusal) => refusal.code(),
            Self::Query(_) => "invalid_query",
            Self::Administrator => "administrator",
            Self::Paused => "paused",
            Self::TooMany(_) => "rate_limited",
            Self::Gitlab(trouble) => trouble.code(),
            Self::TooLate => "too_late",
            Self::Queue(_) => "database",
            Self::Internal => "internal",
        }
    }

    /// What the job is told: never GitLab's words, nor anything of ours that it cannot mend.
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::NoToken => {
                unauthorized("no_token", "show the job's JWT as Authorization: Bearer")
            }
            Self::Token(error) if error.is_unavailable() => gateway(
                "issuer_unavailable",
                "the keys of the JWT's issuer cannot be had right now",
            ),
            Self::Token(error) => unauthorized("invalid_token", error.to_string()),
            Self::Used => unauthorized("used", "this JWT is good for one token, and brought it"),
            Self::Refused(refusal) if refusal.is_bad_request() => {
                Problem::bad_request(refusal.code(), refusal.to_string())
            }
            Self::Refused(refusal) => Problem::forbidden(refusal.code(), refusal.to_string()),
            Self::Query(detail) => Problem::bad_request("invalid_query", *detail),
            Self::Administrator => Problem::forbidden(
                "administrator",
                "the job's user is an administrator, and jobs of administrators get no token here: \
                 have it started by somebody else, or ask the operator of this gateway about allow_admins",
            ),
            Self::Paused => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "paused",
                "the operator of this gateway has paused the lending of tokens",
            ),
            Self::TooMany(wait) => Problem::too_many_requests("rate_limited", *wait),
            Self::Gitlab(trouble) => of_gitlab(trouble),
            Self::TooLate => {
                timed_out("the token came too late to be given out, and is revoked: try again")
            }
            Self::Queue(error) if error.is_unavailable() => Problem::unavailable(),
            Self::Queue(_) | Self::Internal => Problem::internal(),
        }
    }
}

fn of_gitlab(trouble: &Trouble) -> Problem {
    use portcullis_gitlab::UserFailure::{
        AdminForbidden, AdminRefused, Invalid, Lost, NoSuchCall, NotGitlab, RateLimited, Server,
        UnknownSudo, UnknownToken, UnknownUser, Unreachable, Unsendable,
    };
    match trouble {
        Trouble::Silence => timed_out("GitLab did not answer in time"),
        Trouble::Said(RateLimited { retry_after }) => {
            Problem::too_many_requests("gitlab_busy", retry_after.unwrap_or(SOON))
        }
        Trouble::Said(
            AdminRefused
            | AdminForbidden
            | UnknownUser
            | UnknownToken
            | UnknownSudo
            | Invalid { .. }
            | NoSuchCall
            | Unsendable,
        ) => gateway(
            "gitlab_refused",
            "GitLab refused to do this: the log of this gateway tells its operator why",
        ),
        Trouble::Said(Server { .. } | NotGitlab { .. } | Unreachable | Lost) => {
            gateway("gitlab_unavailable", "GitLab cannot do this right now")
        }
    }
}

fn unauthorized(code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::challenge(code, detail, CHALLENGE)
}

fn gateway(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, code, detail)
}

fn timed_out(detail: &str) -> Problem {
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "gitlab_timeout", detail)
}
