//! Lent tokens in the hands of the revocation queue.

use std::time::Duration;

use async_trait::async_trait;
use portcullis_gitlab::UserFailure;
use portcullis_revocation::issuance::LENT_PROVIDER;
use portcullis_revocation::provider::{Attempt, Finding, Provider, Verdict};
use portcullis_revocation::worker::Options;
use serde_json::json;

use crate::Broker;
use crate::upstream::Trouble;

/// The longest pause between two attempts: a token that was to live for seconds must not live for another
/// quarter of an hour after its GitLab came back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A token is not given up before GitLab's own expiry has ended it: a day after it was due at the latest,
/// and wherever GitLab's days begin.
const GIVE_UP_AFTER: Duration = Duration::from_hours(48);

/// The provider that revokes what the broker lent.
pub struct LentTokens(pub Broker);

#[async_trait]
impl Provider for LentTokens {
    fn name(&self) -> &str {
        LENT_PROVIDER
    }

    async fn revoke(&self, attempt: &Attempt<'_>) -> Verdict {
        let found = match self.0.issuances().find(attempt.fingerprint).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(error = %error, "whose a lent token is could not be looked up");
                return again(None, false, "database");
            }
        };
        let Some((user_id, token_id)) = found else {
            return Verdict::new(Finding::Refused, "unknown_issuance")
                .because("nothing is kept of its issuance");
        };
        let verdict = match self.0.upstream().revoke(user_id, token_id).await {
            Ok(true) => Verdict::new(Finding::Revoked, "revoked"),
            Ok(false) => Verdict::new(Finding::Inactive { confirmed: true }, "gone")
                .because("GitLab has no such token any more"),
            Err(trouble) => not_yet(&trouble),
        };
        Verdict { about: Some(json!({ "id": token_id, "user_id": user_id })), ..verdict }
    }

    fn adjust(&self, configured: &Options) -> Options {
        Options {
            retry_cap: configured.retry_cap.min(LONGEST_PAUSE),
            give_up_after: configured.give_up_after.max(GIVE_UP_AFTER),
            ..configured.clone()
        }
    }
}

fn again(after: Option<Duration>, uncertain: bool, code: &'static str) -> Verdict {
    Verdict::new(Finding::Retry { after, uncertain }, code)
}

/// Whatever went wrong, it is tried again: what an operator must mend as well.
fn not_yet(trouble: &Trouble) -> Verdict {
    let after = match trouble {
        Trouble::Said(
            UserFailure::RateLimited { retry_after } | UserFailure::Server { retry_after, .. },
        ) => *retry_after,
        Trouble::Said(_) | Trouble::Silence => None,
    };
    let verdict = again(after, trouble.may_have_happened(), trouble.code());
    match trouble {
        Trouble::Said(failure) => verdict.because(failure.to_string()),
        Trouble::Silence => verdict.because("GitLab did not answer in time"),
    }
}
