//! What was issued, as far as it has to be remembered.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_base::{Quiet, Randomness};
use portcullis_oidc_proxy::record::{Decision, Issued, Origin, Record, RecordError};
use portcullis_store::Store;

use super::leaked::Leaked;
use super::origin::{SelfContained, digest_of};

/// Every request would say so while the database is away.
static NOT_RECORDED: Quiet = Quiet::new();

/// Upstream tokens that are good once are remembered in the database, for as long as they could come again.
pub(super) struct Issues {
    store: Store,
    random: Arc<dyn Randomness>,
    leaked: Leaked,
}

impl Issues {
    pub(super) fn new(store: Store, random: Arc<dyn Randomness>, leaked: Leaked) -> Self {
        Self { store, random, leaked }
    }
}

#[async_trait]
impl Record for Issues {
    async fn issue(&self, issued: &Issued<'_>) -> Result<Decision, RecordError> {
        let decision = self.decide(issued).await?;
        if decision == Decision::Issue {
            tracing::info!(
                oidc_proxy.upstream = issued.origin.issuer,
                oidc_proxy.upstream_jti = issued.origin.id,
                oidc_proxy.sub = issued.subject,
                oidc_proxy.jti = issued.token_id,
                oidc_proxy.expires_at = %issued.expires_at,
                "a token is issued"
            );
        }
        Ok(decision)
    }

    fn fresh_id(&self, origin: &Origin<'_>) -> String {
        SelfContained::of(origin).with(self.random.as_ref())
    }
}

impl Issues {
    /// What leaked is looked up in memory; that an upstream token was used once, in the database.
    async fn decide(&self, issued: &Issued<'_>) -> Result<Decision, RecordError> {
        let Some(digest) = digest_of(&issued.origin) else { return Ok(Decision::Issue) };
        if self.leaked.has(&digest) {
            return Ok(Decision::Leaked);
        }
        if !issued.once {
            return Ok(Decision::Issue);
        }
        let once = self.leaked.once(digest, issued.origin.expires_at.unix_timestamp());
        let fresh = self.store.use_once(&once, "oidc_proxy").await.map_err(|error| {
            if let Some(kept_back) = NOT_RECORDED.pass() {
                tracing::warn!(error = %error, log.kept_back = kept_back,
                    "what is issued cannot be recorded");
            }
            RecordError
        })?;
        Ok(if fresh { Decision::Issue } else { Decision::Used })
    }
}
