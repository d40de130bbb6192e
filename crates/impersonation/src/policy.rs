//! Who gets what: which jobs are admissible, and which scopes and lifetime a job is granted.

mod claims;
mod explain;
mod forks;
mod grant;
mod job;
mod narrow;
mod refusal;
mod written;

use std::time::Duration;

use portcullis_jwt_verify::VerifiedClaims;
use portcullis_jwt_verify::rules::Rules;

pub use claims::{CLAIMS, RuleClaimFault, RuleClaimsError, rule_claims};
pub use explain::{ExplainedClaim, ExplainedRule, Explanation, Granted, Refused};
pub use grant::Grant;
pub use job::Job;
pub use refusal::{Misfit, Refusal};
pub use written::{Written, WrittenClaim, WrittenRule};

/// What an operator decided about jobs.
#[derive(Debug, Clone)]
pub struct PolicyOptions {
    /// In their order. As soon as there is one, a job that none of them fits gets nothing.
    pub rules: Rules<Grant>,
    /// What every admissible job gets while there are no rules.
    pub default: Grant,
    /// Whether jobs count whose code may come from another project than the one that they run in.
    pub allow_forks: bool,
    /// Whether the user of a job may be an administrator.
    pub allow_admins: bool,
    /// Whether a JWT is good for one token only.
    pub single_use: bool,
}

/// The same, ready to be asked.
#[derive(Debug, Clone)]
pub struct Policy(PolicyOptions);

impl Policy {
    /// A policy of these decisions.
    pub fn new(options: PolicyOptions) -> Self {
        Self(options)
    }

    /// What a job is granted. The job is the one that these claims were read into. Whether its user is an
    /// administrator and whether its JWT was used before is for the caller to find out.
    ///
    /// # Errors
    /// Where it is granted nothing.
    pub fn grant(&self, claims: &VerifiedClaims, job: &Job) -> Result<&Grant, Refusal> {
        self.admit(job)?;
        if self.0.rules.is_empty() {
            return Ok(&self.0.default);
        }
        self.0.rules.decide(claims).ok_or(Refusal::NoRule)
    }

    /// What is asked of a job before any rule is.
    fn admit(&self, job: &Job) -> Result<(), Refusal> {
        forks::admit(job, self.0.allow_forks)?;
        // Without an id there is nothing by which a second use could be known.
        if self.0.single_use && job.token_id().is_none() {
            return Err(Refusal::Claim { claim: "jti", misfit: Misfit::Absent });
        }
        Ok(())
    }

    /// Whether the user of a job may be an administrator.
    pub fn allows_administrators(&self) -> bool {
        self.0.allow_admins
    }

    /// Whether a JWT is good for one token only.
    pub fn is_single_use(&self) -> bool {
        self.0.single_use
    }

    /// The longest lifetime that is written down anywhere, whether or not it can be granted at present.
    pub fn longest_lifetime(&self) -> Duration {
        let of_rules = self.0.rules.iter().map(|rule| rule.outcome.lifetime);
        of_rules.fold(self.0.default.lifetime, Duration::max)
    }
}
