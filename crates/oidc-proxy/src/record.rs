//! What was issued to whom: remembered by whoever embeds the re-signer.

use async_trait::async_trait;
use thiserror::Error;
use time::OffsetDateTime;

/// The upstream token of which one of ours is made.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Its issuer.
    pub issuer: &'a str,
    /// Its `jti`.
    pub id: Option<&'a str>,
    /// When it expires, which may be later than ours; its verifier's leeway is not in it.
    pub expires_at: OffsetDateTime,
}

/// A token of ours that is about to be given out.
#[derive(Debug)]
pub struct Issued<'a> {
    /// What it is made of.
    pub origin: Origin<'a>,
    /// `sub` of ours.
    pub subject: Option<&'a str>,
    /// `jti` of ours.
    pub token_id: Option<&'a str>,
    /// When ours expires.
    pub expires_at: OffsetDateTime,
    /// Whether an upstream token is good for one of ours only.
    pub once: bool,
}

/// Whether a token may be given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Issue,
    /// Its upstream token is good for one only, and brought it.
    Used,
    /// Its upstream token, or what was made of that before, was reported as leaked.
    Leaked,
}

/// It cannot be remembered right now, so nothing is issued.
#[derive(Debug, Error)]
#[error("the record cannot be written")]
pub struct RecordError;

/// Remembers what was issued.
#[async_trait]
pub trait Record: Send + Sync + 'static {
    /// Remembers a token before it is given out, if it may be.
    async fn issue(&self, issued: &Issued<'_>) -> Result<Decision, RecordError>;

    /// A fresh `jti` for a token of ours that is made of this one.
    fn fresh_id(&self, origin: &Origin<'_>) -> String;
}
