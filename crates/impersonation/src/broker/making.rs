//! Making a token: what is said, done and written down, and in which order.

use std::time::Duration;

use portcullis_gitlab::{CreatedToken, NewImpersonationToken, UserFailure};
use portcullis_revocation::issuance::{Digest, Intent, Made};
use time::{Date, OffsetDateTime};

use super::{Broker, Handed};
use crate::failure::Failure;
use crate::marker;
use crate::policy::{Grant, Job};
use crate::upstream::Trouble;

/// How long after the intent a token may be handed out: longer than GitLab is waited for, since what is
/// heard in time must also be written down.
const LEASE: Duration = Duration::from_secs(20);

/// GitLab's day may begin and end up to so long after that of UTC.
const DAY: Duration = Duration::from_hours(24);

/// A token to be made.
pub(super) struct Order {
    pub(super) job: Job,
    pub(super) key: Digest,
    pub(super) grant: Grant,
    pub(super) once: Option<(Digest, Duration)>,
}

impl Broker {
    /// Says what it is about to do, has GitLab do it, and plans the revocation: in this order, so that
    /// whatever crashes in between leaves a trace that leads to the token.
    pub(super) async fn make(&self, order: Order) -> Result<Handed, Failure> {
        let issuances = &self.0.issuances;
        let now = issuances.now();
        let expires_at = expiry(now, order.grant.lifetime);
        let intent = Intent {
            user_id: order.job.user_id(),
            job: order.key,
            lease: LEASE,
            live: until(now, expires_at),
            once: order.once,
        };
        let id = issuances.intend(intent).await?.ok_or(Failure::Used)?;
        let name = marker::name(order.job.subject(), issuances.instance(), &id);
        let new = NewImpersonationToken {
            user_id: order.job.user_id(),
            name: &name,
            scopes: &order.grant.scopes,
            expires_at,
        };
        match self.0.upstream.create(&new).await {
            Ok(created) => self.hand_out(order, &id, created).await,
            Err(trouble) if trouble.may_have_happened() => {
                self.free(&id).await;
                Err(Failure::Gitlab(trouble))
            }
            Err(trouble) => {
                if let Err(error) = issuances.refuse(&id).await {
                    // The intent stays open, and the sweep looks for a token that is not there.
                    tracing::warn!(error = %error, "a refusal of GitLab's could not be written down");
                }
                Err(Failure::Gitlab(trouble))
            }
        }
    }

    /// Nobody was given a token for this intent: a JWT that is good for one may be used again.
    async fn free(&self, id: &str) {
        if let Err(error) = self.0.issuances.unheard(id).await {
            tracing::warn!(error = %error, "a JWT that brought nothing could not be freed");
        }
    }

    async fn hand_out(
        &self,
        order: Order,
        id: &str,
        created: CreatedToken,
    ) -> Result<Handed, Failure> {
        let made = Made {
            id,
            token_id: created.id,
            user_id: order.job.user_id(),
            token: &created.token,
            lifetime: order.grant.lifetime,
            location: place(&order.job),
        };
        let planned = match self.0.issuances.issue(made).await {
            Ok(Some(planned)) => planned,
            not_planned => {
                self.free(id).await;
                return Err(not_planned.map_or_else(Failure::Queue, |_| Failure::TooLate));
            }
        };
        if created.active == Some(false) {
            tracing::error!(
                "GitLab made a token that has expired already: its clock or time zone is far from ours"
            );
            let stillborn = UserFailure::Invalid { fields: vec!["expires_at"] };
            return Err(Failure::Gitlab(Trouble::Said(stillborn)));
        }
        Ok(Handed {
            token: created.token,
            grant: order.grant,
            user_id: order.job.user_id(),
            user_login: order.job.user_login().map(str::to_owned),
            planned,
        })
    }
}

/// For whom a token was made, in words for an operator.
fn place(job: &Job) -> String {
    let user = job.user_login().map_or_else(|| job.user_id().to_string(), str::to_owned);
    let mut place = format!("user {user}");
    if let Some(project) = job.project_path() {
        place = format!("{place}, project {project}");
    }
    if let Some(id) = job.job_id() {
        place = format!("{place}, job {id}");
    }
    place
}

/// The day, in UTC, at whose beginning GitLab lets the token expire by itself: the first one that begins
/// after the token was to be revoked, which is tomorrow but for tokens that live past midnight.
fn expiry(now: OffsetDateTime, lifetime: Duration) -> Date {
    let last = now.saturating_add(lifetime.try_into().unwrap_or(time::Duration::ZERO)).date();
    last.next_day().unwrap_or(last)
}

/// How long a token that expires on this day can be alive, wherever GitLab's days begin.
fn until(now: OffsetDateTime, expires_at: Date) -> Duration {
    let left = expires_at.midnight().assume_utc() - now;
    Duration::try_from(left).unwrap_or_default() + DAY
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn gitlabs_expiry_never_comes_before_ours() {
        let seconds = Duration::from_secs;
        let noon = datetime!(2026-11-21 12:00 UTC);
        assert_eq!(expiry(noon, seconds(30)), date!(2026 - 11 - 22));
        // Tomorrow would begin ten seconds from now, before the token was to be revoked.
        let late = datetime!(2026-11-21 23:59:50 UTC);
        assert_eq!(expiry(late, seconds(30)), date!(2026 - 11 - 23));
        assert_eq!(expiry(late, seconds(5)), date!(2026 - 11 - 22));
        assert_eq!(expiry(noon, seconds(86_400)), date!(2026 - 11 - 23));
        let elsewhere = datetime!(2026-11-22 08:59:50 +9);
        assert_eq!(
            expiry(elsewhere.to_offset(time::UtcOffset::UTC), seconds(5)),
            date!(2026 - 11 - 22)
        );
        assert_eq!(until(noon, date!(2026 - 11 - 22)), seconds(36 * 3600));
    }
}
