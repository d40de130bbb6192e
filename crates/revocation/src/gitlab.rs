//! The provider for GitLab's tokens: an access token revokes itself, with nothing but itself; what
//! cannot is revoked in the name of an administrator, where an instance has a token of one.

mod administrator;
mod patience;
mod progress;
mod self_revoke;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use portcullis_base::secret::{ExposeSecret as _, SecretString, same};
use portcullis_gitlab::{AdminFailure, Failure, GitlabClient, TokenInfo};
use serde_json::json;

use self::administrator::Administrator;
use self::patience::{Leave, Patience};
use self::progress::Progress;
use self::self_revoke::Outcome;
use crate::formats::{feed_of_a_path, needs_administrator, speaks_for_itself};
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
    patience: Patience,
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
            Asked { instance, administrator, patience: Patience::new() }
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
        // A little less than all of it, so that what is known here is said before the worker's own
        // deadline, which can only suppose the worst.
        let until = Instant::now() + attempt.budget * 9 / 10;
        let mut verdicts = Vec::with_capacity(asked.len());
        for (instance, left) in asked.iter().zip((1..=asked.len()).rev()) {
            // One that hangs must leave time for the others; one that is quick leaves them more.
            let share = until.saturating_duration_since(Instant::now())
                / u32::try_from(left).unwrap_or(u32::MAX);
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
const UNSEEN: [&str; 4] = [
    AdminFailure::UnknownKind.code(),
    AdminFailure::NoSuchCall.code(),
    Failure::NotFound.code(),
    NO_ADMIN_TOKEN,
];

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
    // Whoever knew the token has told whose it is, and what keeps it alive there is worth telling too.
    let about = verdicts.iter().find_map(|verdict| verdict.about.clone());
    let refused = verdicts.iter().find(|verdict| rank(verdict) == 3);
    let refused = refused.and_then(|verdict| verdict.reason.clone());
    let chosen = verdicts.into_iter().min_by_key(rank).map(|chosen| {
        let chosen = match refused {
            Some(reason) if chosen.reason.as_ref() != Some(&reason) => chosen.and_reason(&reason),
            _ => chosen,
        };
        Verdict { about: chosen.about.clone().or(about), ..chosen }
    });
    chosen.unwrap_or_else(|| {
        // The type was taken off every instance while the row waited.
        Verdict::new(Finding::Refused, "no_instance")
            .because("no GitLab is configured for its type")
    })
}

impl Asked {
    async fn ask(&self, attempt: &Attempt<'_>, share: Duration) -> Verdict {
        let verdict = match self.patience.leave() {
            None => Verdict::new(Finding::Retry { after: None, uncertain: false }, "hangs")
                .because("it has not answered for a while"),
            Some(leave) => self.ask_in_time(attempt, share, &leave).await,
        };
        let name = &self.instance.name;
        let reason = match &verdict.reason {
            Some(reason) => format!("{name}: {reason}"),
            None => name.clone(),
        };
        verdict.because(reason)
    }

    async fn ask_in_time(
        &self,
        attempt: &Attempt<'_>,
        share: Duration,
        leave: &Leave<'_>,
    ) -> Verdict {
        let progress = Progress::default();
        let call = tokio::time::timeout(share, self.revoke(attempt, &progress)).await;
        self.patience.note(leave, &self.instance.name, call.is_ok());
        let verdict = call.unwrap_or_else(|_| {
            let again = Finding::Retry { after: None, uncertain: progress.is_deleting() };
            Verdict { about: progress.about(), ..Verdict::new(again, "timeout") }
        });
        if verdict.finding == Finding::Revoked && self.is_its_own(attempt.secret) {
            tracing::error!(
                revocation.gitlab = self.instance.name,
                "the admin_token of this GitLab was reported as leaked, and is dead now: replace it"
            );
            return verdict.and_reason("it was the admin_token of this GitLab");
        }
        verdict
    }

    /// Whether a leaked token is the administrator's.
    fn is_its_own(&self, secret: &SecretString) -> bool {
        let administrator = self.administrator.as_ref();
        administrator.is_some_and(|admin| same(admin.token(), secret.expose_secret().as_bytes()))
    }

    /// A token that can speak for itself is asked first: for most, that is all it takes.
    async fn revoke(&self, attempt: &Attempt<'_>, deleting: &Progress) -> Verdict {
        if feed_of_a_path(attempt.token_type, attempt.secret.expose_secret()) {
            return Verdict::new(Finding::Refused, "feed_of_a_path").because(
                "it opens one feed and is no token that GitLab could find: its user, whose number \
                 is at its end, must reset the feed token",
            );
        }
        let client = &self.instance.client;
        let own = if needs_administrator(attempt.token_type) {
            None
        } else {
            match self_revoke::revoke(client, attempt.secret, deleting).await {
                Outcome::Done(verdict) => return verdict,
                // Of a type that GitLab's own rules do not name, its not knowing the token as one
                // of a user says nothing; an administrator can ask for every kind.
                Outcome::Unknown(verdict) if speaks_for_itself(attempt.token_type) => {
                    return verdict;
                }
                Outcome::Unknown(verdict) if self.administrator.is_none() => return verdict,
                Outcome::Unknown(verdict) | Outcome::TakesAdministrator(verdict) => Some(verdict),
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
}
