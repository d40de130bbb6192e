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

/// The longest pause that GitLab, or what stands before it, may ask for: a page of maintenance says an hour,
/// and GitLab's own limits are by the minute.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

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
        let Some(lent) = found else {
            return Verdict::new(Finding::Refused, "unknown_issuance")
                .because("nothing is kept of its issuance");
        };
        if let Some(elsewhere) = lent.elsewhere {
            return again(None, false, "other_gitlab").because(format!(
                "it was made at {elsewhere}, and impersonation.gitlab_url is another"
            ));
        }
        let verdict = verdict(self.0.upstream().revoke(lent.user_id, lent.token_id).await);
        Verdict { about: Some(json!({ "id": lent.token_id, "user_id": lent.user_id })), ..verdict }
    }

    fn adjust(&self, configured: &Options) -> Options {
        tireless(configured)
    }
}

/// As often as a short life asks for, and until GitLab's own expiry has ended it.
fn tireless(configured: &Options) -> Options {
    Options {
        retry_cap: configured.retry_cap.min(LONGEST_PAUSE),
        give_up_after: configured.give_up_after.max(GIVE_UP_AFTER),
        ..configured.clone()
    }
}

/// What follows from GitLab's answer, which is whether it knew the token.
fn verdict(outcome: Result<bool, Trouble>) -> Verdict {
    match outcome {
        Ok(true) => Verdict::new(Finding::Revoked, "revoked"),
        Ok(false) => Verdict::new(Finding::Inactive { confirmed: true }, "gone")
            .because("GitLab has no such token any more"),
        Err(trouble) => not_yet(&trouble),
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
        ) => retry_after.map(|asked| asked.min(LONGEST_WAIT)),
        Trouble::Said(_) | Trouble::Silence => None,
    };
    let verdict = again(after, trouble.may_have_happened(), trouble.code());
    match trouble {
        Trouble::Said(failure) => verdict.because(failure.to_string()),
        Trouble::Silence => verdict.because("GitLab did not answer in time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Option<Duration> = Some(Duration::from_secs(7));

    /// Every one that the client may give.
    fn every_failure() -> Vec<UserFailure> {
        use UserFailure as Said;
        vec![
            Said::AdminRefused,
            Said::AdminForbidden,
            Said::UnknownUser,
            Said::UnknownToken,
            Said::UnknownSudo,
            Said::Invalid { fields: vec!["name"] },
            Said::NoSuchCall,
            Said::RateLimited { retry_after: WAIT },
            Said::Server { status: 503, retry_after: WAIT },
            Said::NotGitlab { status: 200 },
            Said::Unreachable,
            Said::Lost,
            Said::Unsendable,
        ]
    }

    #[test]
    fn what_gitlab_does_not_know_any_more_is_dead() {
        assert_eq!(verdict(Ok(true)), Verdict::new(Finding::Revoked, "revoked"));
        let gone = verdict(Ok(false));
        assert_eq!((gone.finding, gone.code), (Finding::Inactive { confirmed: true }, "gone"));
    }

    #[test]
    fn whatever_went_wrong_is_tried_again() {
        for failure in every_failure() {
            let code = failure.code();
            let asked = match failure {
                UserFailure::RateLimited { .. } | UserFailure::Server { .. } => WAIT,
                _ => None,
            };
            let uncertain = failure.may_have_happened();
            let verdict = verdict(Err(Trouble::Said(failure)));
            assert_eq!(verdict.finding, Finding::Retry { after: asked, uncertain }, "{code}");
            assert_eq!(verdict.code, code);
            assert!(verdict.reason.is_some(), "{code}");
        }
        let silence = verdict(Err(Trouble::Silence));
        assert_eq!(silence.finding, Finding::Retry { after: None, uncertain: true });
        assert_eq!(silence.code, "timeout");
    }

    #[test]
    fn a_call_that_may_have_worked_is_uncertain_and_no_other() {
        let uncertain: Vec<_> = every_failure()
            .into_iter()
            .filter(UserFailure::may_have_happened)
            .map(|failure| failure.code())
            .collect();
        assert!(uncertain.contains(&"lost") && uncertain.contains(&"server"), "{uncertain:?}");
        for said_no in ["admin_token_refused", "unreachable", "rate_limited", "unsendable"] {
            assert!(!uncertain.contains(&said_no), "{uncertain:?}");
        }
    }

    #[test]
    fn it_is_tried_often_and_for_two_days() {
        let hour = Duration::from_hours(1);
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        for (cap, give_up, expected) in [
            (hour, hour, (LONGEST_PAUSE, GIVE_UP_AFTER)),
            (minute, 24 * hour, (Duration::from_secs(30), 48 * hour)),
            (second, 72 * hour, (second, 72 * hour)),
        ] {
            let configured =
                Options { retry_cap: cap, give_up_after: give_up, ..Options::default() };
            let adjusted = tireless(&configured);
            assert_eq!((adjusted.retry_cap, adjusted.give_up_after), expected);
            assert_eq!(adjusted.retry_base, configured.retry_base);
            assert_eq!(adjusted.concurrency, configured.concurrency);
        }
    }

    #[test]
    fn nobody_is_waited_for_longer_than_a_minute() {
        let hour = Some(Duration::from_hours(1));
        for failure in [
            UserFailure::RateLimited { retry_after: hour },
            UserFailure::Server { status: 503, retry_after: hour },
        ] {
            let Finding::Retry { after, .. } = not_yet(&Trouble::Said(failure)).finding else {
                panic!("it is tried again");
            };
            assert_eq!(after, Some(LONGEST_WAIT));
        }
    }
}
