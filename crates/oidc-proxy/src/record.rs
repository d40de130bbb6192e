//! What was issued to whom: remembered by whoever embeds the re-signer.

use async_trait::async_trait;
use thiserror::Error;
use time::OffsetDateTime;

/// A token of ours that is about to be given out.
#[derive(Debug)]
pub struct Issued<'a> {
    /// The upstream's issuer.
    pub upstream: &'a str,
    /// The upstream token's `jti`.
    pub upstream_id: Option<&'a str>,
    /// `sub` of ours.
    pub subject: Option<&'a str>,
    /// `jti` of ours.
    pub token_id: Option<&'a str>,
    /// When ours expires.
    pub expires_at: OffsetDateTime,
    /// When the upstream's expires, which may be later; its verifier's leeway is not in it.
    pub upstream_expires_at: OffsetDateTime,
    /// Whether an upstream token is good for one of ours only.
    pub once: bool,
}

/// It cannot be remembered right now, so nothing is issued.
#[derive(Debug, Error)]
#[error("the record cannot be written")]
pub struct RecordError;

/// Remembers what was issued.
#[async_trait]
pub trait Record: Send + Sync + 'static {
    /// Remembers a token before it is given out; `false` where it must not be: its upstream token is good
    /// for one only, and brought it.
    async fn issue(&self, issued: &Issued<'_>) -> Result<bool, RecordError>;

    /// A fresh `jti`.
    fn fresh_id(&self) -> String;
}
