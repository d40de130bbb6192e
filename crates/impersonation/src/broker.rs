//! From a job's JWT to a token, and back to none.

mod making;

use std::sync::Arc;
use std::time::Duration;

use portcullis_gitlab::{Administrator, GitlabClient};
use portcullis_jwt_verify::sources::Health;
use portcullis_jwt_verify::{Stats as TokenStats, VerifiedClaims, Verifier};
use portcullis_revocation::identity::short;
use portcullis_revocation::issuance::{Digest, Issuances, Planned, digest};
use portcullis_web::{Account, By, PerKey, Rate};
use secrecy::{ExposeSecret as _, SecretString};

use self::making::Order;
use crate::CredentialHealth;
use crate::audience::Audiences;
use crate::failure::Failure;
use crate::policy::{Grant, Job, Misfit, Policy, Refusal};
use crate::stats::{Counts, Stats, add};
use crate::upstream::Upstream;

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
    counts: Counts,
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
            counts: Counts::default(),
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

    /// What came of the jobs' JWTs so far.
    pub fn tokens(&self) -> TokenStats {
        self.0.verifier.stats()
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        self.0.counts.stats()
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
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
    pub(crate) async fn issue(
        &self,
        jwt: &SecretString,
        wish: &Wish,
        account: &Account,
    ) -> Result<Handed, Failure> {
        let issued = self.issue_for(jwt, wish, account).await;
        let counts = &self.0.counts;
        add(if issued.is_ok() { &counts.issued } else { &counts.refused }, 1);
        issued
    }

    async fn issue_for(
        &self,
        jwt: &SecretString,
        wish: &Wish,
        account: &Account,
    ) -> Result<Handed, Failure> {
        let claims = self.prove(jwt).await?;
        let job = Job::read(&claims)?;
        tell_who(account, &job);
        let outcome = self.issue_to(&claims, &job, jwt, wish).await;
        log(&job, &outcome);
        if let Ok(handed) = &outcome {
            account.touched("fingerprint", short(&handed.planned.fingerprint));
            account.touched("scopes", handed.grant.scopes.clone());
            account.touched("lifetime_seconds", handed.grant.lifetime.as_secs());
        }
        outcome
    }

    /// Has everything revoked, now, that was given to the job of this JWT.
    pub(crate) async fn end(&self, jwt: &SecretString, account: &Account) -> Result<(), Failure> {
        let claims = self.prove(jwt).await?;
        let job = Job::read(&claims)?;
        tell_who(account, &job);
        self.0.ends_per_user.check(job.user_id()).map_err(Failure::TooMany)?;
        let count = self.0.issuances.end_job(&key(&job, jwt)).await?;
        add(&self.0.counts.given_back, count);
        account.touched("tokens", count);
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
}

fn tell_who(account: &Account, job: &Job) {
    account.by(By::Job, job.project_path().unwrap_or_default());
    account.touched("user_id", job.user_id());
    account.touched("job_id", job.job_id());
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
