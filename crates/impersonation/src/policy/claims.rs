//! The claims of a job's JWT, as GitLab types them, and rules over them.

use portcullis_jwt_verify::rules::{Claims, ConditionError, RuleError};
use serde_json::Value;
use thiserror::Error;

use super::job::parse_id;

/// What GitLab writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Any text, or a list of texts.
    Text,
    /// `group/project`
    ProjectPath,
    /// A number as text.
    Id,
    /// A number.
    Number,
    /// `"true"` or `"false"`, as text.
    Truth,
    /// Seconds since 1970.
    Time,
    /// Objects.
    Nested,
}

/// GitLab's documentation, `ci/secrets/id_token_authentication`, and RFC 7519.
const TYPED: &[(&str, Kind)] = &[
    ("iss", Kind::Text),
    ("sub", Kind::Text),
    ("aud", Kind::Text),
    ("exp", Kind::Time),
    ("nbf", Kind::Time),
    ("iat", Kind::Time),
    ("jti", Kind::Text),
    ("namespace_id", Kind::Id),
    ("namespace_path", Kind::Text),
    ("project_id", Kind::Id),
    ("project_path", Kind::ProjectPath),
    ("project_visibility", Kind::Text),
    ("job_namespace_id", Kind::Id),
    ("job_namespace_path", Kind::Text),
    ("job_project_id", Kind::Id),
    ("job_project_path", Kind::ProjectPath),
    ("user_id", Kind::Id),
    ("user_login", Kind::Text),
    ("user_email", Kind::Text),
    ("user_access_level", Kind::Text),
    ("user_identities", Kind::Nested),
    ("groups_direct", Kind::Text),
    ("pipeline_id", Kind::Id),
    ("pipeline_source", Kind::Text),
    ("job_id", Kind::Id),
    ("job_source", Kind::Text),
    ("job_config", Kind::Nested),
    ("ref", Kind::Text),
    ("ref_type", Kind::Text),
    ("ref_path", Kind::Text),
    ("ref_protected", Kind::Truth),
    ("environment", Kind::Text),
    ("environment_protected", Kind::Truth),
    ("environment_action", Kind::Text),
    ("deployment_tier", Kind::Text),
    ("runner_id", Kind::Number),
    ("runner_environment", Kind::Text),
    ("sha", Kind::Text),
    ("ci_config_ref_uri", Kind::Text),
    ("ci_config_sha", Kind::Text),
    ("target_audience", Kind::Text),
];

/// Every claim that GitLab's `id_tokens` of CI jobs may have, and the registered ones.
pub const CLAIMS: &[&str] = &names();

const fn names() -> [&'static str; TYPED.len()] {
    let mut names = [""; TYPED.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = TYPED[place].0;
        place += 1;
    }
    names
}

/// Which claim of a rule cannot be meant, and what is right.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{claim:?}: {fault}")]
pub struct RuleClaimsError {
    /// The claim's name.
    pub claim: String,
    /// What is wrong.
    pub fault: RuleClaimFault,
}

/// Why a rule could never hold as it was meant.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum RuleClaimFault {
    /// Most likely misspelt.
    #[error("GitLab's job tokens have no such claim")]
    Unknown,
    /// A number or a boolean where GitLab writes text.
    #[error("GitLab writes this claim as text: put the value into quotes")]
    Text,
    /// A path without its slash.
    #[error("a project's path has a slash: write \"group/project\", \"group/*\" or \"group/**\"")]
    ProjectPath,
    /// No id, or a part of one.
    #[error(
        "an id is a whole number from 1, such as 20 or \"20\", without wildcards or leading zeros; for several, a list"
    )]
    Id,
    /// No truth value.
    #[error("this claim is \"true\" or \"false\", and nothing else")]
    Truth,
    /// A time.
    #[error(
        "times are checked before any rule is asked, and change with every token: leave it out"
    )]
    Time,
    /// Neither a text nor a number.
    #[error("this claim is neither a text nor a number: no rule can ask for it")]
    Nested,
    /// No condition at all.
    #[error(transparent)]
    Condition(#[from] ConditionError),
}

/// What a rule asks of claims, from configuration: a text, a boolean, a whole number, or a list of these for
/// each name. Ids and truth values may be written in either way, and are compared as GitLab types them.
///
/// # Errors
/// Where a condition could never be met, or is of a claim that is not GitLab's.
pub fn rule_claims(
    conditions: impl IntoIterator<Item = (String, Value)>,
) -> Result<Claims, RuleClaimsError> {
    let typed = conditions.into_iter().map(|(claim, value)| match as_gitlab_types(&claim, value) {
        Ok(value) => Ok((claim, value)),
        Err(fault) => Err(RuleClaimsError { claim, fault }),
    });
    let wrong = |RuleError { claim, why }| RuleClaimsError { claim, fault: why.into() };
    Claims::parse(typed.collect::<Result<Vec<_>, _>>()?).map_err(wrong)
}

fn as_gitlab_types(claim: &str, value: Value) -> Result<Value, RuleClaimFault> {
    let known = TYPED.iter().find(|(name, _)| *name == claim);
    let kind = known.ok_or(RuleClaimFault::Unknown)?.1;
    match value {
        Value::Array(all) => all.into_iter().map(|one| kind.wanted(one)).collect(),
        one => kind.wanted(one),
    }
}

impl Kind {
    /// One alternative, in GitLab's type.
    fn wanted(self, value: Value) -> Result<Value, RuleClaimFault> {
        match (self, &value) {
            (Self::Time, _) => Err(RuleClaimFault::Time),
            (Self::Nested, _) => Err(RuleClaimFault::Nested),
            // What no claim is compared with, `Claims` refuses.
            (_, Value::Null | Value::Array(_) | Value::Object(_)) => Ok(value),
            (Self::Id, _) => id(&value).map(|id| id.to_string().into()),
            (Self::Number, _) => id(&value).map(Value::from),
            (Self::Truth, Value::Bool(truth)) => Ok(truth.to_string().into()),
            (Self::Truth, Value::String(text)) if text == "true" || text == "false" => Ok(value),
            (Self::Truth, _) => Err(RuleClaimFault::Truth),
            (Self::Text | Self::ProjectPath, Value::Bool(_) | Value::Number(_)) => {
                Err(RuleClaimFault::Text)
            }
            (Self::ProjectPath, Value::String(text))
                if !text.contains('/') && !text.contains("**") =>
            {
                Err(RuleClaimFault::ProjectPath)
            }
            (Self::Text | Self::ProjectPath, Value::String(_)) => Ok(value),
        }
    }
}

fn id(value: &Value) -> Result<u64, RuleClaimFault> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| parse_id(&number.to_string())),
        Value::String(text) => parse_id(text),
        _ => None,
    }
    .ok_or(RuleClaimFault::Id)
}
