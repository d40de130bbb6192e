//! Why a job would get a token, or would not, told to the operator.

mod display;

use portcullis_jwt_verify::rules::{Comparison, Rule, shown};
use serde::Serialize;
use serde_json::{Map, Value};

use super::forks::Origin;
use super::{Grant, Job, Policy, Refusal};

/// The claims that say whose job it is.
const SHOWN: &[&str] = &[
    "iss",
    "sub",
    "user_id",
    "user_login",
    "project_id",
    "project_path",
    "job_project_id",
    "job_project_path",
    "job_id",
    "pipeline_source",
    "ref",
    "ref_path",
];

/// What a policy makes of claims, step by step, the verdict last. [`Display`](std::fmt::Display) is for
/// people. Whatever a token says is in here as JSON in plain ASCII, cut where it is long: it cannot steer a
/// terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whose job it is.
    pub job: Vec<ExplainedClaim>,
    /// What is wrong with the claims that the broker itself goes by, if something is.
    pub misfit: Option<String>,
    /// Whether code of another project may run, in words.
    pub fork: String,
    /// Every rule that was asked.
    pub rules: Vec<ExplainedRule>,
    /// How many were not, because one before them held.
    pub not_asked: usize,
    /// What is granted for want of rules, where there are none.
    pub default: Option<Granted>,
    /// What only shows when a token is asked for; of a refused job nothing.
    pub open: Vec<String>,
    /// What the job is granted.
    pub granted: Option<Granted>,
    /// Or else why it gets nothing.
    pub refused: Option<Refused>,
}

/// A claim that says whose job it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedClaim {
    /// Its name.
    pub claim: &'static str,
    /// What it is, as JSON; absent where the token does not have it.
    pub found: Option<String>,
}

/// One rule against the claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedRule {
    /// Its place, counted from 1.
    pub rule: usize,
    /// Whether all of it fits.
    pub holds: bool,
    /// Claim by claim.
    pub comparisons: Vec<Comparison>,
    /// What it grants.
    pub grants: Granted,
}

/// A grant, for reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// GitLab's scopes.
    pub scopes: Vec<String>,
    /// How long the token lives.
    pub lifetime_seconds: u64,
}

/// A refusal, for reading: what the job's author is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// [`Refusal::code`]
    pub code: &'static str,
    /// Its text.
    pub text: String,
}

impl Explanation {
    /// Whether the job gets a token, as far as claims tell.
    pub fn is_granted(&self) -> bool {
        self.granted.is_some()
    }
}

impl ExplainedClaim {
    fn of(claim: &'static str, claims: &Map<String, Value>) -> Self {
        Self { claim, found: claims.get(claim).map(shown) }
    }
}

/// The bare fact: what to do about it stands at the end.
fn misfit(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Claim { claim, misfit } => format!("{claim} {misfit}"),
        other => other.to_string(),
    }
}

impl From<&Grant> for Granted {
    fn from(grant: &Grant) -> Self {
        Self { scopes: grant.scopes.clone(), lifetime_seconds: grant.lifetime.as_secs() }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code(), text: refusal.to_string() }
    }
}

impl Policy {
    /// What becomes of claims that nobody needs to have proved. It goes on where the first refusal is
    /// certain: whoever asks why wants to see all that stands against it.
    pub fn explain(&self, claims: &Map<String, Value>) -> Explanation {
        let job = Job::of(claims);
        let rules = self.explain_rules(claims);
        let default = self.0.rules.is_empty().then(|| Granted::from(&self.0.default));
        let held = rules.iter().find(|rule| rule.holds).map(|rule| rule.grants.clone());
        let admitted = job.as_ref().map_err(Clone::clone).and_then(|job| self.admit(job));
        let decided = admitted
            .and_then(|()| default.clone().or(held).ok_or(Refusal::NoRule))
            .map_err(Refused::from);
        let open = match (&job, &decided) {
            (Ok(job), Ok(_)) => self.open(job),
            _ => Vec::new(),
        };
        Explanation {
            job: SHOWN.iter().map(|claim| ExplainedClaim::of(claim, claims)).collect(),
            misfit: job.as_ref().err().map(misfit),
            fork: self.explain_fork(job.as_ref().ok()),
            not_asked: self.0.rules.len() - rules.len(),
            rules,
            default,
            open,
            granted: decided.as_ref().ok().cloned(),
            refused: decided.err(),
        }
    }

    /// The rules up to the one that holds. No outcome comes with a trace of unverified claims: what is
    /// shown is the policy's own list.
    fn explain_rules(&self, claims: &Map<String, Value>) -> Vec<ExplainedRule> {
        let trace = self.0.rules.explain(claims);
        let asked = trace.decided_by.unwrap_or(self.0.rules.len());
        let explained = |(place, rule): (usize, &Rule<Grant>)| {
            let of_rule = |comparison: &&Comparison| comparison.rule == place + 1;
            ExplainedRule {
                rule: place + 1,
                holds: trace.decided_by == Some(place + 1),
                comparisons: trace.comparisons.iter().filter(of_rule).cloned().collect(),
                grants: Granted::from(&rule.outcome),
            }
        };
        self.0.rules.iter().take(asked).enumerate().map(explained).collect()
    }

    fn explain_fork(&self, job: Option<&Job>) -> String {
        let Some(job) = job else { return "nobody can tell from these claims".to_owned() };
        let allowed = if self.0.allow_forks {
            "allowed by allow_forks"
        } else {
            "refused without allow_forks"
        };
        match Origin::of(job) {
            Origin::Same(id) => format!("no: project_id and job_project_id are both {id}"),
            Origin::OfOne => format!(
                "no: there is no job_project_id (GitLab before 18.4), but jobs of forks do not have the \
                 pipeline_source {}",
                shown(&Value::from(job.pipeline_source()))
            ),
            Origin::Fork { project, job_project } => format!(
                "yes: code of project {project} (project_id) runs in project {job_project} \
                 (job_project_id); {allowed}"
            ),
            Origin::Unknown(why) => format!(
                "perhaps: there is no job_project_id (GitLab before 18.4), and {why}; {allowed}"
            ),
        }
    }

    fn open(&self, job: &Job) -> Vec<String> {
        let mut open = vec!["whether the JWT is genuine: its signature and its times".to_owned()];
        if !self.0.allow_admins {
            let user = job.user_id();
            open.push(format!("whether user {user} is an administrator: these are refused"));
        }
        if self.0.single_use {
            open.push("whether the JWT was used before: each is good for one token".to_owned());
        }
        open.push("whether the user or the project asks too often".to_owned());
        open
    }
}
