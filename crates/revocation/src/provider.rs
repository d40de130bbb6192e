//! What a kind of secret needs to be killed.

use std::time::Duration;

use async_trait::async_trait;
use portcullis_base::secret::SecretString;
use portcullis_store::Fingerprint;
use serde_json::Value;

use crate::worker::Options;

/// Knows how to revoke the secrets of its types. One provider may stand for several servers; it
/// gives one verdict.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The name in the database and in configuration; never changes for the same place.
    fn name(&self) -> &str;

    /// Tries once, within `attempt.budget`. May be asked again for the same secret at any time,
    /// also after a success that nobody heard: it must be idempotent.
    async fn revoke(&self, attempt: &Attempt<'_>) -> Verdict;

    /// How the worker works for this provider, where `configured` is how it works for all.
    fn adjust(&self, configured: &Options) -> Options {
        configured.clone()
    }
}

/// One attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The type under which the secret is handled.
    pub token_type: &'a str,
    /// The secret, of a format that its type has.
    pub secret: &'a SecretString,
    /// Its identity, for logs.
    pub fingerprint: &'a Fingerprint,
    /// How long all of it may take.
    pub budget: Duration,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What follows from it.
    pub finding: Finding,
    /// What the other side said, as a stable code.
    pub code: &'static str,
    /// The same for people; never a secret, never the other side's own words.
    pub reason: Option<String>,
    /// Which credential it was, as the other side told: id, name, user, last use.
    pub about: Option<Value>,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Dead by our hand.
    Revoked,
    /// Was dead already.
    Inactive {
        /// The other side knew the secret; otherwise it may merely never have heard of it.
        confirmed: bool,
    },
    /// Accepted by one who never tells what came of it.
    Submitted,
    /// Cannot or may not be revoked.
    Refused,
    /// Nothing is decided.
    Retry {
        /// How long the other side asked us to wait.
        after: Option<Duration>,
        /// It may have worked: nobody heard.
        uncertain: bool,
    },
}

impl Verdict {
    /// A verdict with neither reason nor more.
    pub fn new(finding: Finding, code: &'static str) -> Self {
        Self { finding, code, reason: None, about: None }
    }

    /// The same with a reason for people.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// The same with `more` after the reason that there is.
    #[must_use]
    pub(crate) fn and_reason(self, more: &str) -> Self {
        let reason = match &self.reason {
            Some(reason) => format!("{reason}; {more}"),
            None => more.to_owned(),
        };
        self.because(reason)
    }
}
