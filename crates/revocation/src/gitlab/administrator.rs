//! A token that is revoked in the name of an administrator.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_gitlab::AdminFailure;

use super::{Instance, Progress, Sent, about};
use crate::provider::{Finding, Verdict};

/// An administrator's token at one instance.
pub(super) struct Administrator {
    token: SecretString,
    // So that the log is told once, and not with every secret that waits for a new one.
    refused: AtomicBool,
}

impl fmt::Debug for Administrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Administrator")
    }
}

impl Administrator {
    pub(super) fn new(token: SecretString) -> Self {
        Self { token, refused: AtomicBool::new(false) }
    }

    /// The token itself, to compare.
    pub(super) fn token(&self) -> &[u8] {
        self.token.expose_secret().as_bytes()
    }

    /// Asks what `token` is, then has it revoked. The question comes first, because it alone tells
    /// whether GitLab knows the token: the answer to a deletion that is switched off does not.
    /// `own` is what the token itself could bring about, for the kinds that can speak.
    pub(super) async fn revoke(
        &self,
        instance: &Instance,
        token: &SecretString,
        own: Option<Verdict>,
        deleting: &Progress,
    ) -> Verdict {
        let identified = instance.client.identify_token(&self.token, token).await;
        self.watch(&instance.name, identified.as_ref().err());
        let told = match identified {
            Ok(told) => told,
            Err(failure) => return unidentified(&failure, own),
        };
        let about = about(&told.info);
        deleting.learn(&about);
        let about = Some(about);
        if told.dead {
            let dead = Verdict::new(Finding::Inactive { confirmed: true }, "inactive");
            return Verdict { about, ..dead };
        }
        let deletion = instance.client.revoke_token(&self.token, token);
        let verdict = match deleting.during(deletion).await {
            Ok(()) => Verdict::new(Finding::Revoked, "revoked").because("by its admin_token"),
            // It was there a moment ago.
            Err(AdminFailure::UnknownToken) => {
                Verdict::new(Finding::Inactive { confirmed: true }, "inactive")
            }
            Err(failure) => {
                self.watch(&instance.name, Some(&failure));
                judge(&failure, Sent::Deletion)
            }
        };
        Verdict { about, ..verdict }
    }

    /// Says loudly when GitLab begins to refuse the administrator, and when it ends.
    fn watch(&self, gitlab: &str, failure: Option<&AdminFailure>) {
        let refused = match failure {
            Some(AdminFailure::AdminRefused | AdminFailure::AdminForbidden) => true,
            // These come before GitLab has looked at who asks.
            Some(
                AdminFailure::NoSuchCall
                | AdminFailure::RateLimited { .. }
                | AdminFailure::Server { .. }
                | AdminFailure::NotGitlab { .. }
                | AdminFailure::Unreachable
                | AdminFailure::Lost,
            ) => return,
            Some(
                AdminFailure::UnknownToken
                | AdminFailure::SwitchedOff
                | AdminFailure::UnknownKind
                | AdminFailure::NotRevoked,
            )
            | None => false,
        };
        let before = self.refused.swap(refused, Ordering::Relaxed);
        if refused && !before {
            tracing::error!(
                revocation.gitlab = gitlab,
                revocation.code = failure.map(AdminFailure::code),
                "the admin_token of this GitLab is refused: replace it; until then what cannot \
                 revoke itself stays alive"
            );
        } else if before && !refused {
            tracing::info!(revocation.gitlab = gitlab, "the admin_token is accepted again");
        }
    }
}

/// The question failed. What the token itself has brought about counts where the administrator
/// could say nothing about the token; but that a refused administrator learnt nothing must end
/// nothing.
fn unidentified(failure: &AdminFailure, own: Option<Verdict>) -> Verdict {
    let verdict = judge(failure, Sent::Question);
    let about = own.as_ref().and_then(|own| own.about.clone());
    match (failure, own) {
        (AdminFailure::UnknownToken, Some(own)) => own,
        (AdminFailure::NoSuchCall | AdminFailure::UnknownKind, Some(own))
            if matches!(own.finding, Finding::Inactive { .. }) =>
        {
            match verdict.reason {
                Some(reason) => own.and_reason(&reason),
                None => own,
            }
        }
        _ => Verdict { about, ..verdict },
    }
}

fn judge(failure: &AdminFailure, sent: Sent) -> Verdict {
    let lost = sent == Sent::Deletion;
    let again = |after, uncertain| Finding::Retry { after, uncertain };
    let (finding, reason) = match failure {
        AdminFailure::AdminRefused => (
            again(None, false),
            "GitLab does not accept the admin_token (revoked, expired or of another GitLab): \
             replace it",
        ),
        AdminFailure::AdminForbidden => (
            again(None, false),
            "the admin_token may not do this: it takes an administrator's with the scope api, and \
             admin_mode where that is on",
        ),
        AdminFailure::UnknownToken => {
            (Finding::Inactive { confirmed: false }, "the token is not known there")
        }
        AdminFailure::SwitchedOff => (
            Finding::Refused,
            "revocation by administrators is switched off there: enable the feature flag \
             api_admin_token_revoke",
        ),
        AdminFailure::NoSuchCall => (
            Finding::Refused,
            "this GitLab has no token information API: it takes version 17.8 or later",
        ),
        AdminFailure::UnknownKind => {
            (Finding::Refused, "this GitLab does not handle such tokens, or not with this prefix")
        }
        AdminFailure::NotRevoked => (Finding::Refused, "GitLab could not revoke it"),
        AdminFailure::RateLimited { retry_after } => (again(*retry_after, false), "asked to wait"),
        AdminFailure::Server { retry_after, .. } => {
            (again(*retry_after, lost), "the server failed")
        }
        AdminFailure::NotGitlab { .. } => (again(None, lost), "the answer is not GitLab's"),
        AdminFailure::Unreachable => (again(None, false), "not reachable"),
        AdminFailure::Lost => (again(None, lost), "the answer was lost"),
    };
    Verdict::new(finding, failure.code()).because(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [AdminFailure; 12] = [
        AdminFailure::AdminRefused,
        AdminFailure::AdminForbidden,
        AdminFailure::UnknownToken,
        AdminFailure::SwitchedOff,
        AdminFailure::NoSuchCall,
        AdminFailure::UnknownKind,
        AdminFailure::NotRevoked,
        AdminFailure::RateLimited { retry_after: None },
        AdminFailure::Server { status: 500, retry_after: None },
        AdminFailure::NotGitlab { status: 200 },
        AdminFailure::Unreachable,
        AdminFailure::Lost,
    ];

    #[test]
    fn no_failure_of_the_administrator_confirms_a_death() {
        let dead = Finding::Inactive { confirmed: true };
        let refused = || Verdict::new(Finding::Refused, "bad_request");
        for failure in &ALL {
            assert_ne!(judge(failure, Sent::Question).finding, dead, "{failure:?}");
            assert_ne!(judge(failure, Sent::Deletion).finding, dead, "{failure:?}");
            assert_ne!(unidentified(failure, None).finding, dead, "{failure:?}");
            assert_ne!(unidentified(failure, Some(refused())).finding, dead, "{failure:?}");
        }
    }

    #[test]
    fn a_refused_administrator_ends_nothing() {
        let unusable = || Verdict::new(Finding::Inactive { confirmed: true }, "invalid_token");
        for failure in [AdminFailure::AdminRefused, AdminFailure::AdminForbidden] {
            let verdict = unidentified(&failure, Some(unusable()));
            let again = Finding::Retry { after: None, uncertain: false };
            assert_eq!((verdict.finding, verdict.code), (again, failure.code()));
        }
        let verdict = unidentified(&AdminFailure::NoSuchCall, Some(unusable()));
        assert_eq!(verdict.code, "invalid_token", "as without an administrator");
    }

    #[test]
    fn only_what_may_have_been_done_is_uncertain() {
        for failure in &ALL {
            let uncertain = |sent| {
                matches!(judge(failure, sent).finding, Finding::Retry { uncertain: true, .. })
            };
            assert!(!uncertain(Sent::Question), "{failure:?}");
            let may_be = matches!(
                failure,
                AdminFailure::Server { .. } | AdminFailure::NotGitlab { .. } | AdminFailure::Lost
            );
            assert_eq!(uncertain(Sent::Deletion), may_be, "{failure:?}");
        }
    }
}
