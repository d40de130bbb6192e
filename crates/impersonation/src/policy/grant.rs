//! What a job is given.

use std::time::Duration;

/// Scopes and lifetime of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// GitLab's scopes, at least one, each once.
    pub scopes: Vec<String>,
    /// How long after it was handed out the token is revoked: whole seconds, at least one.
    pub lifetime: Duration,
}
