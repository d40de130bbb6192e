//! The claims of a job's JWT, as GitLab types them.

use portcullis_jwt_verify::rules::{Claims, RuleError};
use serde_json::Value;

/// Every claim that GitLab's id_tokens of CI jobs may have (GitLab's documentation,
/// `ci/secrets/id_token_authentication`), and the registered ones.
pub const CLAIMS: &[&str] = &["project_path"];

/// What a rule asks of claims, from configuration.
pub fn rule_claims(
    conditions: impl IntoIterator<Item = (String, Value)>,
) -> Result<Claims, RuleError> {
    Claims::parse(conditions)
}
