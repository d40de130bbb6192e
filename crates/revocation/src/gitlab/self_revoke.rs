//! A token that revokes itself.

use portcullis_base::secret::SecretString;
use portcullis_gitlab::{Failure, GitlabClient};

use super::{Progress, Sent, about};
use crate::provider::{Finding, Verdict};

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The token could be asked, or nobody could.
    Done(Verdict),
    /// This is all that the token itself can bring about: an administrator may do more.
    TakesAdministrator(Verdict),
    /// This GitLab knows no such token of a user.
    Unknown(Verdict),
}

/// Asks who the token is, so that people can tell which one died, then has it revoke itself.
pub(super) async fn revoke(
    client: &GitlabClient,
    token: &SecretString,
    deleting: &Progress,
) -> Outcome {
    let told = match client.self_token(token).await {
        Ok(info) if info.revoked == Some(true) || info.active == Some(false) => {
            let dead = Verdict::new(Finding::Inactive { confirmed: true }, "inactive");
            return Outcome::Done(Verdict { about: Some(about(&info)), ..dead });
        }
        Ok(info) => {
            let told = about(&info);
            deleting.learn(&told);
            Some(told)
        }
        // It may not look at itself, or this GitLab is too old to let it; it may still end itself.
        Err(Failure::Forbidden | Failure::NotFound) => None,
        Err(failure) => return outcome(&failure, Sent::Question),
    };
    let outcome = match deleting.during(client.revoke_self(token)).await {
        Ok(()) => Outcome::Done(Verdict::new(Finding::Revoked, "revoked")),
        Err(failure) => outcome(&failure, Sent::Deletion),
    };
    match outcome {
        Outcome::Done(verdict) => Outcome::Done(Verdict { about: told, ..verdict }),
        Outcome::TakesAdministrator(verdict) => {
            Outcome::TakesAdministrator(Verdict { about: told, ..verdict })
        }
        Outcome::Unknown(verdict) => Outcome::Unknown(Verdict { about: told, ..verdict }),
    }
}

fn outcome(failure: &Failure, sent: Sent) -> Outcome {
    let verdict = judge(failure, sent);
    match failure {
        Failure::Unusable | Failure::BadRequest | Failure::Forbidden | Failure::NotFound => {
            Outcome::TakesAdministrator(verdict)
        }
        Failure::Unauthorized => Outcome::Unknown(verdict),
        Failure::InvalidToken
        | Failure::Unsendable
        | Failure::RateLimited { .. }
        | Failure::Server { .. }
        | Failure::NotGitlab { .. }
        | Failure::Unreachable
        | Failure::Lost => Outcome::Done(verdict),
    }
}

fn judge(failure: &Failure, sent: Sent) -> Verdict {
    let lost = sent == Sent::Deletion;
    let again = |after, uncertain| Finding::Retry { after, uncertain };
    let (finding, reason) = match failure {
        Failure::InvalidToken => (Finding::Inactive { confirmed: true }, "the token is dead there"),
        // No evidence of a death: it must never be taken for one.
        Failure::Unusable => (
            Finding::Refused,
            "the token cannot be used there; if impersonation is only switched off, it will live again",
        ),
        Failure::Unauthorized => {
            (Finding::Inactive { confirmed: false }, "the token is not known there")
        }
        Failure::BadRequest => (Finding::Refused, "GitLab does not let this token revoke itself"),
        Failure::Forbidden => (Finding::Refused, "GitLab forbids this token to revoke itself"),
        Failure::NotFound => (Finding::Refused, "this GitLab has no call for it"),
        Failure::Unsendable => (Finding::Refused, "the token cannot be put into a request"),
        Failure::RateLimited { retry_after } => (again(*retry_after, false), "asked to wait"),
        Failure::Server { retry_after, .. } => (again(*retry_after, lost), "the server failed"),
        Failure::NotGitlab { .. } => (again(None, lost), "the answer is not GitLab's"),
        Failure::Unreachable => (again(None, false), "not reachable"),
        Failure::Lost => (again(None, lost), "the answer was lost"),
    };
    Verdict::new(finding, failure.code()).because(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_deletion_is_uncertain() {
        let uncertain = |sent| match judge(&Failure::Lost, sent).finding {
            Finding::Retry { uncertain, .. } => uncertain,
            other => panic!("{other:?}"),
        };
        assert!(uncertain(Sent::Deletion));
        assert!(!uncertain(Sent::Question));
    }
}
