//! The provider for GitLab's tokens: an access token revokes itself, with nothing but itself; what
//! cannot is revoked in the name of an administrator, where an instance has a token of one.

mod administrator;
mod self_revoke;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_base::fault::{Point, point};
use portcullis_base::secret::SecretString;
use portcullis_gitlab::{AdminFailure, GitlabClient, TokenInfo};
use serde_json::json;

use self::administrator::Administrator;
use self::self_revoke::Outcome;
use crate::formats::needs_administrator;
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
    /// A token of an administrator, for what cannot revoke itself.
    pub admin_token: Option<SecretString>,
}

#[derive(Debug)]
struct Asked {
    instance: Instance,
    administrator: Option<Administrator>,
}

/// All configured GitLabs as one provider: a token does not say where it belongs, so they are asked
/// in their order, and a row has one lease and one end.
#[derive(Debug)]
pub struct GitlabProvider {
    instances: Vec<Asked>,
}

impl GitlabProvider {
    /// The provider's name.
    pub const NAME: &'static str = "gitlab";

    /// Of these instances, in this order.
    pub fn new(instances: Vec<Instance>) -> Self {
        let asked = |mut instance: Instance| {
            let administrator = instance.admin_token.take().map(Administrator::new);
            Asked { instance, administrator }
        };
        Self { instances: instances.into_iter().map(asked).collect() }
    }
}

#[async_trait]
impl Provider for GitlabProvider {
    fn name(&self) -> &str {
        Self::NAME
    }

    async fn revoke(&self, attempt: &Attempt<'_>) -> Verdict {
        let asked: Vec<&Asked> = self
            .instances
            .iter()
            .filter(|i| i.instance.types.iter().any(|t| t == attempt.token_type))
            .collect();
        // One that hangs must leave time for the others.
        // A little less than all of it, so that what is known here is said before the worker's own
        // deadline, which can only suppose the worst.
        let share = attempt.budget * 9 / 10 / u32::try_from(asked.len().max(1)).unwrap_or(u32::MAX);
        let mut verdicts = Vec::with_capacity(asked.len());
        for instance in asked {
            let verdict = instance.ask(attempt, share).await;
            if verdict.finding == Finding::Revoked {
                return verdict;
            }
            verdicts.push(verdict);
        }
        weigh(verdicts)
    }
}

/// The codes of an instance that refuses what it has not looked for.
const UNSEEN: [&str; 3] =
    [AdminFailure::UnknownKind.code(), AdminFailure::NoSuchCall.code(), NO_ADMIN_TOKEN];

/// The code where a type takes an administrator and the instance has none.
const NO_ADMIN_TOKEN: &str = "no_admin_token";

/// No instance revoked it. An instance that may yet do so is asked again; then a refusal counts,
/// because that instance knows the token, or else it counts less than another that knows it as dead;
/// it is inactive only when all say so, and certainly so if one of them knew it.
fn weigh(verdicts: Vec<Verdict>) -> Verdict {
    let rank = |verdict: &Verdict| match verdict.finding {
        Finding::Revoked => 0,
        Finding::Retry { uncertain: true, .. } => 1,
        Finding::Retry { uncertain: false, .. } => 2,
        Finding::Refused if UNSEEN.contains(&verdict.code) => 6,
        Finding::Refused => 3,
        Finding::Submitted => 4,
        Finding::Inactive { confirmed: true } => 5,
        Finding::Inactive { confirmed: false } => 7,
    };
    verdicts.into_iter().min_by_key(rank).unwrap_or_else(|| {
        // The type was taken off every instance while the row waited.
        Verdict::new(Finding::Refused, "no_instance")
            .because("no GitLab is configured for its type")
    })
}

impl Asked {
    async fn ask(&self, attempt: &Attempt<'_>, share: Duration) -> Verdict {
        let deleting = Deleting::default();
        let call = self.revoke(attempt, &deleting);
        let verdict = tokio::time::timeout(share, call).await.unwrap_or_else(|_| {
            let uncertain = deleting.is_under_way();
            Verdict::new(Finding::Retry { after: None, uncertain }, "timeout")
        });
        let name = &self.instance.name;
        let reason = match &verdict.reason {
            Some(reason) => format!("{name}: {reason}"),
            None => name.clone(),
        };
        verdict.because(reason)
    }

    /// A token that can speak for itself is asked first: for most, that is all it takes.
    async fn revoke(&self, attempt: &Attempt<'_>, deleting: &Deleting) -> Verdict {
        let client = &self.instance.client;
        let own = if needs_administrator(attempt.token_type) {
            None
        } else {
            match self_revoke::revoke(client, attempt.secret, deleting).await {
                Outcome::Done(verdict) => return verdict,
                Outcome::TakesAdministrator(verdict) => Some(verdict),
            }
        };
        match (&self.administrator, own) {
            (Some(administrator), own) => {
                administrator.revoke(&self.instance, attempt.secret, own, deleting).await
            }
            (None, Some(own)) => own.and_reason("an admin_token of this GitLab could revoke it"),
            (None, None) => Verdict::new(Finding::Refused, NO_ADMIN_TOKEN)
                .because("such a token cannot revoke itself, and there is no admin_token"),
        }
    }
}

/// Whether a request is under way that may kill the token.
#[derive(Debug, Default)]
struct Deleting(AtomicBool);

impl Deleting {
    /// Makes the request `deletion`. The mark stays where it is dropped before its answer.
    async fn during<T>(&self, deletion: impl Future<Output = T>) -> T {
        point(Point::Asked);
        self.0.store(true, Ordering::Relaxed);
        let answer = deletion.await;
        self.0.store(false, Ordering::Relaxed);
        answer
    }

    fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
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
        for code in UNSEEN {
            let unseen = || Verdict::new(Finding::Refused, code);
            assert_eq!(weigh(vec![unseen(), verdict(dead)]).finding, dead, "{code}");
            assert_eq!(weigh(vec![verdict(unknown), unseen()]).code, code);
        }
        assert_eq!(weigh(Vec::new()).code, "no_instance");
    }

    #[tokio::test]
    async fn a_deletion_is_under_way_until_its_answer() {
        let deleting = Deleting::default();
        assert!(!deleting.is_under_way());
        assert!(deleting.during(async { deleting.is_under_way() }).await);
        assert!(!deleting.is_under_way());
        let lost = deleting.during(std::future::pending::<()>());
        tokio::time::timeout(Duration::from_millis(1), lost).await.unwrap_err();
        assert!(deleting.is_under_way());
    }
}
