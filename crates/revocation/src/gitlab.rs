//! The provider for GitLab's access tokens: each revokes itself, with nothing but itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_base::fault::{Point, point};
use portcullis_base::secret::SecretString;
use portcullis_gitlab::{Failure, GitlabClient, TokenInfo};
use serde_json::json;

use crate::provider::{Attempt, Finding, Provider, Verdict};

/// One GitLab.
#[derive(Debug)]
pub struct Instance {
    /// What people call it: its address.
    pub name: String,
    /// Its client.
    pub client: GitlabClient,
    /// The types that are tried there.
    pub types: Vec<String>,
}

/// All configured GitLabs as one provider: a token does not say where it belongs, so they are asked
/// in their order, and a row has one lease and one end.
#[derive(Debug)]
pub struct GitlabProvider {
    instances: Vec<Instance>,
}

impl GitlabProvider {
    /// The provider's name.
    pub const NAME: &'static str = "gitlab";

    /// Of these instances, in this order.
    pub fn new(instances: Vec<Instance>) -> Self {
        Self { instances }
    }
}

#[async_trait]
impl Provider for GitlabProvider {
    fn name(&self) -> &str {
        Self::NAME
    }

    async fn revoke(&self, attempt: &Attempt<'_>) -> Verdict {
        let asked: Vec<&Instance> = self
            .instances
            .iter()
            .filter(|i| i.types.iter().any(|t| t == attempt.token_type))
            .collect();
        // One that hangs must leave time for the others.
        // A little less than all of it, so that what is known here is said before the worker's own
        // deadline, which can only suppose the worst.
        let share = attempt.budget * 9 / 10 / u32::try_from(asked.len().max(1)).unwrap_or(u32::MAX);
        let mut verdicts = Vec::with_capacity(asked.len());
        for instance in asked {
            let verdict = ask(instance, attempt.secret, share).await;
            if verdict.finding == Finding::Revoked {
                return verdict;
            }
            verdicts.push(verdict);
        }
        weigh(verdicts)
    }
}

/// No instance revoked it. An instance that may yet do so is asked again; then a refusal counts,
/// because that instance knows the token; it is inactive only when all say so, and certainly so if
/// one of them knew it.
fn weigh(verdicts: Vec<Verdict>) -> Verdict {
    let rank = |verdict: &Verdict| match verdict.finding {
        Finding::Revoked => 0,
        Finding::Retry { uncertain: true, .. } => 1,
        Finding::Retry { uncertain: false, .. } => 2,
        Finding::Refused => 3,
        Finding::Submitted => 4,
        Finding::Inactive { confirmed: true } => 5,
        Finding::Inactive { confirmed: false } => 6,
    };
    verdicts.into_iter().min_by_key(rank).unwrap_or_else(|| {
        // The type was taken off every instance while the row waited.
        Verdict::new(Finding::Refused, "no_instance")
            .because("no GitLab is configured for its type")
    })
}

async fn ask(instance: &Instance, token: &SecretString, share: Duration) -> Verdict {
    let deleting = AtomicBool::new(false);
    let call = revoke_at(&instance.client, token, &deleting);
    let verdict = tokio::time::timeout(share, call).await.unwrap_or_else(|_| {
        let uncertain = deleting.load(Ordering::Relaxed);
        Verdict::new(Finding::Retry { after: None, uncertain }, "timeout")
    });
    let reason = match &verdict.reason {
        Some(reason) => format!("{}: {reason}", instance.name),
        None => instance.name.clone(),
    };
    verdict.because(reason)
}

/// Asks who the token is, so that people can tell which one died, then has it revoke itself.
/// `deleting` is set before the request leaves that may kill it.
async fn revoke_at(client: &GitlabClient, token: &SecretString, deleting: &AtomicBool) -> Verdict {
    let about = match client.self_token(token).await {
        Ok(info) if info.revoked == Some(true) || info.active == Some(false) => {
            let dead = Verdict::new(Finding::Inactive { confirmed: true }, "inactive");
            return Verdict { about: Some(about(&info)), ..dead };
        }
        Ok(info) => Some(about(&info)),
        // It may not look at itself, or this GitLab is too old to let it; it may still end itself.
        Err(Failure::Forbidden | Failure::NotFound) => None,
        Err(failure) => return judge(&failure, Sent::Question),
    };
    point(Point::Asked);
    deleting.store(true, Ordering::Relaxed);
    let verdict = match client.revoke_self(token).await {
        Ok(()) => Verdict::new(Finding::Revoked, "revoked"),
        Err(failure) => judge(&failure, Sent::Deletion),
    };
    Verdict { about, ..verdict }
}

fn about(info: &TokenInfo) -> serde_json::Value {
    json!({
        "id": info.id,
        "name": info.name,
        "user_id": info.user_id,
        "scopes": info.scopes,
        "created_at": info.created_at,
        "expires_at": info.expires_at,
        "last_used_at": info.last_used_at,
    })
}

/// Which request failed: after a deletion whose answer is lost, the token may be dead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sent {
    Question,
    Deletion,
}

fn judge(failure: &Failure, sent: Sent) -> Verdict {
    let lost = sent == Sent::Deletion;
    let again = |after, uncertain| Finding::Retry { after, uncertain };
    let (finding, reason) = match failure {
        Failure::InvalidToken => (Finding::Inactive { confirmed: true }, "the token is dead there"),
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

    fn verdict(finding: Finding) -> Verdict {
        Verdict::new(finding, "said")
    }

    #[test]
    fn one_that_may_yet_revoke_it_outweighs_those_that_do_not_know_it() {
        let again = Finding::Retry { after: None, uncertain: false };
        let unknown = Finding::Inactive { confirmed: false };
        let dead = Finding::Inactive { confirmed: true };
        for (findings, expected) in [
            (vec![unknown, again], again),
            (vec![dead, unknown], dead),
            (vec![unknown, dead], dead),
            (vec![unknown, unknown], unknown),
            (vec![unknown, Finding::Refused], Finding::Refused),
            (vec![Finding::Refused, again], again),
        ] {
            let all = findings.iter().copied().map(verdict).collect();
            assert_eq!(weigh(all).finding, expected, "{findings:?}");
        }
        assert_eq!(weigh(Vec::new()).code, "no_instance");
    }

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
