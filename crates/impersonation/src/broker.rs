//! From a job's JWT to a token, and back to none.

use std::sync::Arc;
use std::time::Duration;

use portcullis_gitlab::{
    Administrator, CreatedToken, GitlabClient, NewImpersonationToken, UserFailure,
};
use portcullis_jwt_verify::sources::Health;
use portcullis_jwt_verify::{VerifiedClaims, Verifier};
use portcullis_revocation::identity::short;
use portcullis_revocation::issuance::{Digest, Intent, Issuances, Made, Planned, digest};
use portcullis_web::{PerKey, Rate};
use secrecy::{ExposeSecret as _, SecretString};
use time::{Date, OffsetDateTime};

use crate::CredentialHealth;
use crate::audience::Audiences;
use crate::failure::Failure;
use crate::marker;
use crate::policy::{Grant, Job, Misfit, Policy, Refusal};
use crate::upstream::{Trouble, Upstream};

/// How long after the intent a token may be handed out: longer than GitLab is waited for, since what is
/// heard in time must also be written down.
const LEASE: Duration = Duration::from_secs(20);

/// GitLab's day may begin and end up to so long after that of UTC.
const DAY: Duration = Duration::from_hours(24);

/// How long the record of a JWT that may be used once outlives the JWT: the leeway of its verifier, and
/// the difference between our clock and the database's.
const BEYOND_EXPIRY: Duration = Duration::from_mins(5);

/// What a broker is made of.
#[derive(Debug)]
pub struct BrokerOptions {
    /// Proves the jobs' JWTs.
    pub verifier: Verifier,
    /// Whether it looks at whom they are for. Where it does not, the log tells which `aud` to pin.
    pub audience_checked: bool,
    /// Who gets what.
    pub policy: Policy,
    /// The GitLab that makes the tokens.
    pub gitlab: GitlabClient,
    /// In whose name it is asked.
    pub by: Administrator,
    /// Where what is lent is remembered.
    pub issuances: Issuances,
    /// Tokens for the jobs of one user.
    pub per_user: Rate,
    /// Tokens for the jobs of one project.
    pub per_project: Rate,
    /// Whether the claims of each job are logged.
    pub log_claims: bool,
    /// Whether nothing is lent any more: what was lent is revoked all the same.
    pub paused: bool,
}

/// The broker. Cheap to clone.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    audiences: Option<Audiences>,
    policy: Policy,
    upstream: Arc<Upstream>,
    issuances: Issuances,
    per_user: PerKey<u64>,
    per_project: PerKey<u64>,
    /// Of their own: whoever has asked for too much must still be able to give it back.
    ends_per_user: PerKey<u64>,
    log_claims: bool,
    paused: bool,
}

/// What a job asks for beside a token: less than it is granted.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    pub(crate) scopes: Option<String>,
    pub(crate) ttl: Option<String>,
}

/// A token that a job is given.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) token: SecretString,
    pub(crate) grant: Grant,
    pub(crate) user_id: u64,
    pub(crate) user_login: Option<String>,
    pub(crate) planned: Planned,
}

/// A token to be made.
struct Order {
    job: Job,
    key: Digest,
    grant: Grant,
    once: Option<(Digest, Duration)>,
}

impl Broker {
    /// A broker of these parts.
    pub fn new(options: BrokerOptions) -> Self {
        Self(Arc::new(Inner {
            verifier: options.verifier,
            audiences: (!options.audience_checked).then(Audiences::default),
            policy: options.policy,
            upstream: Arc::new(Upstream::new(options.gitlab, options.by)),
            issuances: options.issuances,
            per_user: PerKey::new(options.per_user),
            per_project: PerKey::new(options.per_project),
            ends_per_user: PerKey::new(options.per_user),
            log_claims: options.log_claims,
            paused: options.paused,
        }))
    }

    /// Fetches the keys of the issuer where they are not there or due.
    pub async fn warm_up(&self) {
        // What cannot be had is logged where it is fetched.
        drop(self.0.verifier.warm_up().await);
    }

    /// How the keys of the issuer are doing.
    pub fn keys(&self) -> Health {
        self.0.verifier.health()
    }

    /// What the issuer of jobs' JWTs is called.
    pub fn issuers(&self) -> &[String] {
        self.0.verifier.issuers().unwrap_or_default()
    }

    /// The address of the GitLab that makes the tokens.
    pub fn gitlab(&self) -> String {
        self.0.upstream.label()
    }

    /// How the administrator's token is doing.
    pub fn credential(&self) -> CredentialHealth {
        self.0.upstream.credential()
    }

    /// How many whole days it lives, where that is known.
    pub fn credential_days_left(&self) -> Option<i64> {
        self.credential().days_left(self.0.issuances.now())
    }

    /// Asks GitLab how the administrator's token is doing.
    pub(crate) async fn look_at_credential(&self) {
        self.0.upstream.look_at_credential(self.0.issuances.now()).await;
    }

    pub(crate) fn upstream(&self) -> &Arc<Upstream> {
        &self.0.upstream
    }

    pub(crate) fn issuances(&self) -> &Issuances {
        &self.0.issuances
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Gives the job of this JWT a token.
    pub(crate) async fn issue(&self, jwt: &SecretString, wish: &Wish) -> Result<Handed, Failure> {
        let claims = self.prove(jwt).await?;
        let job = Job::read(&claims)?;
        let outcome = self.issue_to(&claims, &job, jwt, wish).await;
        log(&job, &outcome);
        outcome
    }

    /// Has everything revoked, now, that was given to the job of this JWT.
    pub(crate) async fn end(&self, jwt: &SecretString) -> Result<(), Failure> {
        let claims = self.prove(jwt).await?;
        let job = Job::read(&claims)?;
        self.0.ends_per_user.check(job.user_id()).map_err(Failure::TooMany)?;
        let count = self.0.issuances.end_job(&key(&job, jwt)).await?;
        tracing::info!(
            impersonation.user_id = job.user_id(),
            impersonation.job_id = job.job_id(),
            impersonation.count = count,
            "a job gave its tokens back"
        );
        Ok(())
    }

    async fn prove(&self, jwt: &SecretString) -> Result<VerifiedClaims, Failure> {
        let claims = match self.0.verifier.verify(jwt.expose_secret()).await {
            Ok(claims) => claims,
            Err(error) => {
                tracing::info!(error.code = error.code(), "a job's JWT is refused");
                return Err(Failure::Token(error));
            }
        };
        if let Some(audiences) = &self.0.audiences {
            audiences.see(claims.audiences());
        }
        if self.0.log_claims {
            let members = serde_json::Value::Object(claims.members().clone());
            tracing::info!(impersonation.claims = %members, "a job's JWT is good");
        }
        Ok(claims)
    }

    async fn issue_to(
        &self,
        claims: &VerifiedClaims,
        job: &Job,
        jwt: &SecretString,
        wish: &Wish,
    ) -> Result<Handed, Failure> {
        if self.0.paused {
            return Err(Failure::Paused);
        }
        let granted = self.0.policy.grant(claims, job)?;
        let grant = granted.narrowed(wish.scopes.as_deref(), wish.ttl.as_deref())?;
        let once = self.once(claims)?;
        self.limit(job)?;
        if !self.0.policy.allows_administrators()
            && self.0.upstream.is_administrator(job.user_id()).await?
        {
            return Err(Failure::Administrator);
        }
        let order = Order { job: job.clone(), key: key(job, jwt), grant, once };
        let broker = self.clone();
        // In a task of its own: a caller that hangs up must not leave a token half made.
        let made = tokio::spawn(async move { broker.make(order).await });
        made.await.map_err(|_| Failure::Internal)?
    }

    fn limit(&self, job: &Job) -> Result<(), Failure> {
        self.0.per_user.check(job.user_id()).map_err(Failure::TooMany)?;
        match job.project_id() {
            Some(project) => self.0.per_project.check(project).map_err(Failure::TooMany),
            None => Ok(()),
        }
    }

    /// Where a JWT is good for one token: what stands for it, and for how long.
    fn once(&self, claims: &VerifiedClaims) -> Result<Option<(Digest, Duration)>, Failure> {
        if !self.0.policy.is_single_use() {
            return Ok(None);
        }
        let absent = Refusal::Claim { claim: "jti", misfit: Misfit::Absent };
        let id = claims.id().ok_or(absent)?;
        let left = claims.expires_at().map(|at| at - self.0.issuances.now());
        let left = left.and_then(|left| Duration::try_from(left).ok()).unwrap_or_default();
        let issuer = claims.issuer().unwrap_or_default();
        Ok(Some((digest(&[issuer, id]), left + BEYOND_EXPIRY)))
    }

    /// Says what it is about to do, has GitLab do it, and plans the revocation: in this order, so that
    /// whatever crashes in between leaves a trace that leads to the token.
    async fn make(&self, order: Order) -> Result<Handed, Failure> {
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

fn log(job: &Job, outcome: &Result<Handed, Failure>) {
    let fingerprint = outcome.as_ref().ok().map(|handed| short(&handed.planned.fingerprint));
    let granted = outcome.as_ref().ok().map(|handed| &handed.grant);
    tracing::info!(
        impersonation.code = outcome.as_ref().err().map_or("issued", Failure::code),
        impersonation.user_id = job.user_id(),
        impersonation.user_login = job.user_login(),
        impersonation.project_path = job.project_path(),
        impersonation.job_id = job.job_id(),
        impersonation.scopes = granted.map(|grant| grant.scopes.join(" ")),
        impersonation.lifetime_s = granted.map(|grant| grant.lifetime.as_secs()),
        revocation.fingerprint = fingerprint,
        "a job asked for a token"
    );
}

/// What a job's tokens are known by: its issuer and itself, or else the JWT that it showed.
fn key(job: &Job, jwt: &SecretString) -> Digest {
    match job.key() {
        Some(key) => digest(&[job.issuer(), &key]),
        None => digest(&[job.issuer(), "jwt", jwt.expose_secret()]),
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
