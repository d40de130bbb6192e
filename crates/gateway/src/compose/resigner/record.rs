//! What was issued, as far as it has to be remembered.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_base::{Clock, Randomness};
use portcullis_oidc_proxy::record::{Issued, Record, RecordError};
use portcullis_revocation::issuance::digest;
use portcullis_store::Store;
use portcullis_store::issuances::Once;
use uuid::Uuid;

use super::LEEWAY;

/// How long the record of a token that is good once outlives the token: the leeway, and as much again for
/// what our clock and the database's differ.
const BEYOND_EXPIRY: Duration = LEEWAY.saturating_mul(2);

/// Upstream tokens that are good once are remembered in the database, for as long as they could come again.
pub(super) struct Issues {
    store: Store,
    random: Arc<dyn Randomness>,
    clock: Arc<dyn Clock>,
}

impl Issues {
    pub(super) fn new(store: Store, random: Arc<dyn Randomness>, clock: Arc<dyn Clock>) -> Self {
        Self { store, random, clock }
    }
}

#[async_trait]
impl Record for Issues {
    async fn issue(&self, issued: &Issued<'_>) -> Result<bool, RecordError> {
        let may = self.may(issued).await?;
        if may {
            tracing::info!(
                oidc_proxy.upstream = issued.upstream,
                oidc_proxy.upstream_jti = issued.upstream_id,
                oidc_proxy.sub = issued.subject,
                oidc_proxy.jti = issued.token_id,
                oidc_proxy.expires_at = %issued.expires_at,
                "a token is issued"
            );
        }
        Ok(may)
    }

    fn fresh_id(&self) -> String {
        Uuid::from_bytes(self.random.uuid_v4()).to_string()
    }
}

impl Issues {
    /// Whether an upstream token that is good once was not used before, which it is from now on.
    async fn may(&self, issued: &Issued<'_>) -> Result<bool, RecordError> {
        let (true, Some(id)) = (issued.once, issued.upstream_id) else { return Ok(true) };
        let left = issued.upstream_expires_at - self.clock.now();
        let left = Duration::try_from(left).unwrap_or_default();
        // The broker knows the same issuers: what was used there was not used here.
        let digest = digest(&["oidc_proxy", issued.upstream, id]);
        let once = Once { digest, keep: left.saturating_add(BEYOND_EXPIRY) };
        self.store.use_once(&once, "oidc_proxy").await.map_err(|error| {
            tracing::warn!(error = %error, "what is issued cannot be recorded");
            RecordError
        })
    }
}
