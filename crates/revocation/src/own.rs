//! The tokens that the embedding program issues itself.

use async_trait::async_trait;
use portcullis_store::issuances::Once;

use crate::error::QueueError;

/// Recognises our own tokens in what is reported, and hears that they died.
pub trait OwnTokens: Send + Sync + 'static {
    /// The digest under which the store knows `secret`, where it is provably one of ours. Looks at
    /// the secret alone and asks no database.
    fn recognise(&self, secret: &str) -> Option<String>;

    /// The tokens of these digests are tombstones now. Called after the commit and before the
    /// report is answered, so that nothing remembered in this process outlives the answer.
    fn tombstoned(&self, digests: &[String]);
}

/// For programs that issue no tokens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOwnTokens;

impl OwnTokens for NoOwnTokens {
    fn recognise(&self, _secret: &str) -> Option<String> {
        None
    }

    fn tombstoned(&self, _digests: &[String]) {}
}

/// Recognises tokens that verify by their signature alone: nobody can call them back. What can be done is
/// to see to it that no more of them come.
#[async_trait]
pub trait SignedTokens: Send + Sync + 'static {
    /// What is known of `secret`, where a signature proves it to be one of these. Looks at the secret alone:
    /// asks no database and nobody else.
    fn recognise(&self, secret: &str) -> Option<Signed>;

    /// What the embedding program knows by these digests is refused from now on, after a restart too. Called
    /// before the report of the leaks is committed.
    async fn refuse(&self, origins: &[Once]) -> Result<(), QueueError>;
}

/// A token that verifies by its signature alone.
#[derive(Debug)]
pub struct Signed {
    /// Who made or takes it: the provider of its row.
    pub provider: &'static str,
    /// What it is: the code of its row.
    pub code: &'static str,
    /// What people are to know of it. Holds no secret.
    pub reason: String,
    /// What is refused from now on, where that is known and still worth it.
    pub origin: Option<Once>,
}

#[async_trait]
impl SignedTokens for NoOwnTokens {
    fn recognise(&self, _secret: &str) -> Option<Signed> {
        None
    }

    async fn refuse(&self, _origins: &[Once]) -> Result<(), QueueError> {
        Ok(())
    }
}
