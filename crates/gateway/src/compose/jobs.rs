//! CI jobs that report leaks, where they may.

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_jwt_verify::rules::Rules;
use portcullis_jwt_verify::sources::Health;
use portcullis_jwt_verify::{Stats, VerifiedClaims, Verifier, claimed_issuers};
use portcullis_revocation_api::{JobReporters, NoReporter};
use serde_json::Value;

use crate::auth::keys_of;
use crate::config::{Config, ReportingJobs};
use crate::error::StartError;

/// Far above what GitLab takes for one.
const LONGEST_PROJECT: usize = 1024;

/// Proves the jobs of one issuer.
#[derive(Debug)]
pub(crate) struct Jobs {
    issuer: String,
    verifier: Verifier,
    rules: Rules<()>,
}

impl Jobs {
    /// Nothing is fetched yet.
    pub(super) fn new(config: &Config, section: &ReportingJobs) -> Result<Self, StartError> {
        let keys = keys_of(config, &section.issuer, &section.keys, section.ca_file.as_ref())?;
        let verifier = Verifier::builder(keys)
            .issuer(&section.issuer)
            .audiences(section.audiences.iter().cloned())
            .remember(config.auth.token_cache)
            .build();
        Ok(Self { issuer: section.issuer.clone(), verifier, rules: section.rules.clone() })
    }

    /// The issuer, and how its keys are doing.
    pub(crate) fn keys(&self) -> (&str, Health) {
        (&self.issuer, self.verifier.health())
    }

    /// What came of the jobs' tokens so far.
    pub(crate) fn tokens(&self) -> Stats {
        self.verifier.stats()
    }

    /// Fetches the keys where none are there; what cannot be had is logged where it is fetched.
    pub(crate) async fn warm_up(&self) {
        drop(self.verifier.warm_up().await);
    }

    fn admit(&self, claims: &VerifiedClaims) -> Result<String, NoReporter> {
        let project =
            claims.get("project_path").and_then(Value::as_str).filter(|path| is_path(path));
        let Some(project) = project else {
            tracing::debug!("a proven token is no job's: it has no project_path");
            return Err(NoReporter::Unproven);
        };
        if self.rules.is_empty() || self.rules.decide(claims).is_some() {
            return Ok(project.to_owned());
        }
        tracing::info!(job.project = project, "no rule lets this job report leaks");
        Err(NoReporter::NoRule)
    }
}

#[async_trait::async_trait]
impl JobReporters for Jobs {
    async fn project(&self, token: &SecretString) -> Result<String, NoReporter> {
        let token = token.expose_secret();
        // Keys that are away are no answer to somebody else's token.
        if !claimed_issuers(token).contains(&self.issuer) {
            return Err(NoReporter::Unproven);
        }
        match self.verifier.verify(token).await {
            Ok(claims) => self.admit(&claims),
            Err(error) if error.is_unavailable() => Err(NoReporter::Unavailable),
            Err(error) => {
                tracing::debug!(error.code = error.code(), "a job's token is refused");
                Err(NoReporter::Unproven)
            }
        }
    }
}

fn is_path(path: &str) -> bool {
    (1..=LONGEST_PROJECT).contains(&path.len()) && !path.chars().any(char::is_control)
}
