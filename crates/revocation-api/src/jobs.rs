//! CI jobs that report, shown by the token that their GitLab gave them.

use std::fmt;
use std::sync::Arc;

use portcullis_web::{PerKey, Problem, Rate};
use secrecy::SecretString;

use crate::clients::{Client, Types};

/// The code of a job that no rule lets in.
pub(crate) const NO_RULE: &str = "no_rule";

/// Who proves that a bearer is the token of a CI job. This crate knows no JWT.
#[async_trait::async_trait]
pub trait JobReporters: fmt::Debug + Send + Sync {
    /// The project whose job shows this token.
    async fn project(&self, token: &SecretString) -> Result<String, NoReporter>;
}

/// Why a bearer is no reporting job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoReporter {
    /// It is not proven to be a job's.
    Unproven,
    /// The issuer's keys cannot be had right now, which says nothing about the token.
    Unavailable,
    /// It is a job's, and no rule lets this one report.
    NoRule,
}

/// What CI jobs may report.
#[derive(Debug)]
pub struct JobConfig {
    /// Who proves them.
    pub reporters: Arc<dyn JobReporters>,
    /// What they may report.
    pub types: Types,
    /// Requests let through for the jobs of one project.
    pub rate: Rate,
}

#[derive(Debug)]
pub(crate) struct Jobs {
    reporters: Arc<dyn JobReporters>,
    types: Types,
    limit: PerKey<String>,
}

impl Jobs {
    pub(crate) fn new(config: JobConfig) -> Self {
        let JobConfig { reporters, types, rate } = config;
        Self { reporters, types, limit: PerKey::new(rate) }
    }

    /// The job that shows this token; `None` where it is none.
    pub(crate) async fn find(&self, token: &SecretString) -> Result<Option<Arc<Client>>, Problem> {
        let project = match self.reporters.project(token).await {
            Ok(project) => project,
            Err(NoReporter::Unproven) => return Ok(None),
            Err(NoReporter::Unavailable) => return Err(Problem::unavailable()),
            Err(NoReporter::NoRule) => {
                return Err(Problem::forbidden(NO_RULE, "no rule lets this job report"));
            }
        };
        // A configured client's name has no colon.
        let name = format!("job:{project}");
        self.limit
            .check(project)
            .map_err(|wait| Problem::too_many_requests("rate_limited", wait))?;
        Ok(Some(Arc::new(Client::new(name, self.types.clone()))))
    }
}
