//! Why a job gets nothing, told to its author.

use thiserror::Error;

/// Why a job gets nothing, or not what it asked for. The text is for the job's author: what to change,
/// and where. It tells nothing of the rules, which are about others too.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A claim that is needed is absent, or is not as GitLab writes it.
    #[error(
        "the claim {claim} {misfit}: show the JWT of a GitLab CI job's id_tokens, as GitLab made it"
    )]
    Claim {
        /// Which one.
        claim: &'static str,
        /// What is wrong with it.
        misfit: Misfit,
    },
    /// The job runs in one project on behalf of another.
    #[error(
        "the job runs in project {job_project} (job_project_id) with code of its fork, project {project} \
         (project_id), and jobs of forks get no token here: run it in a branch pipeline of project \
         {job_project}, or ask the operator of this gateway about allow_forks"
    )]
    Fork {
        /// `project_id`: whose code runs.
        project: u64,
        /// `job_project_id`: where it runs.
        job_project: u64,
    },
    /// Whether it does, nobody can tell.
    #[error(
        "this GitLab is too old to tell whether the job is one of a fork: its JWT has no job_project_id, \
         which GitLab writes since 18.4, and {0}. Run the job in a branch or tag pipeline, or have GitLab \
         upgraded, or ask the operator of this gateway about allow_forks"
    )]
    ForkUnknown(&'static str),
    /// There are rules, and none holds.
    #[error(
        "no rule grants a token to this job: which project, ref or environment it has to have, the \
         operator of this gateway can tell (with `portcullis explain`)"
    )]
    NoRule,
    /// `scopes` is no list of scopes.
    #[error(
        "scopes is a list of GitLab's scopes with commas or spaces between them, such as \
         read_repository,write_repository: correct it in the query, or leave it out for all that is granted"
    )]
    InvalidScopes,
    /// A scope that was not granted is asked for.
    #[error("the scope {scope} is not granted to this job: scopes may ask for {}", granted.join(", "))]
    ScopeNotGranted {
        /// The first one that is too much.
        scope: String,
        /// What may be asked for.
        granted: Vec<String>,
    },
    /// `ttl` is no number of seconds.
    #[error(
        "ttl is a whole number of seconds, at least 1, such as 15 or 15s: correct it in the query, or \
         leave it out for all that is granted"
    )]
    InvalidTtl,
    /// A longer life than the granted one is asked for.
    #[error(
        "ttl is more than this job is granted: ask for at most {granted} seconds, or leave it out"
    )]
    TtlNotGranted {
        /// Seconds.
        granted: u64,
    },
}

/// What is wrong with a claim.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It is not there.
    #[error("is missing")]
    Absent,
    /// An id is something else.
    #[error("is no id (a text of at most 19 digits that does not begin with 0)")]
    Id,
    /// A text is something else, or nothing, or would not print on one line.
    #[error("is no text of one line with something in it")]
    Text,
    /// Two claims that go together say different things.
    #[error("contradicts {0}")]
    Contradicts(&'static str),
}

impl Refusal {
    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "claim",
            Self::Fork { .. } => "fork",
            Self::ForkUnknown(_) => "fork_unknown",
            Self::NoRule => "no_rule",
            Self::InvalidScopes => "invalid_scopes",
            Self::ScopeNotGranted { .. } => "scope_not_granted",
            Self::InvalidTtl => "invalid_ttl",
            Self::TtlNotGranted { .. } => "ttl_not_granted",
        }
    }

    /// Whether what was asked makes no sense (400). All else is understood, and refused (403).
    pub const fn is_bad_request(&self) -> bool {
        match self {
            Self::InvalidScopes | Self::InvalidTtl => true,
            Self::Claim { .. }
            | Self::Fork { .. }
            | Self::ForkUnknown(_)
            | Self::NoRule
            | Self::ScopeNotGranted { .. }
            | Self::TtlNotGranted { .. } => false,
        }
    }
}
