//! Our own tokens in the hands of the revocation queue.

use async_trait::async_trait;
use portcullis_base::secret::ExposeSecret as _;
use portcullis_revocation::intake::OWN_PROVIDER;
use portcullis_revocation::own::OwnTokens;
use portcullis_revocation::provider::{Attempt, Finding, Provider, Verdict};
use portcullis_store::StoreError;
use portcullis_store::pats::Pat;
use serde_json::json;

use super::Pats;

impl OwnTokens for Pats {
    fn recognise(&self, secret: &str) -> Option<String> {
        self.0.ring.verify(secret).ok().map(|digest| digest.to_string())
    }

    fn tombstoned(&self, digests: &[String]) {
        for digest in digests {
            self.0.cache.forget(digest);
        }
    }
}

/// The provider for our own tokens. The reporting transaction has made the token a tombstone
/// already; here it is said so, and told whose it was.
pub struct OwnProvider(pub Pats);

#[async_trait]
impl Provider for OwnProvider {
    fn name(&self) -> &str {
        OWN_PROVIDER
    }

    async fn revoke(&self, attempt: &Attempt<'_>) -> Verdict {
        let secret = attempt.secret.expose_secret();
        let Some(digest) = self.0.recognise(secret) else {
            return Verdict::new(Finding::Inactive { confirmed: false }, "not_ours")
                .because("no key of this gateway made it");
        };
        match self.end(&digest).await {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::warn!(error = %error, "a token of ours could not be looked at");
                Verdict::new(Finding::Retry { after: None, uncertain: false }, "database")
            }
        }
    }
}

impl OwnProvider {
    async fn end(&self, digest: &str) -> Result<Verdict, StoreError> {
        let store = &self.0.0.store;
        let Some(mut pat) = store.pat_by_digest(digest).await? else {
            return Ok(Verdict::new(Finding::Inactive { confirmed: false }, "unknown")
                .because("it was made here, but nothing is kept of it"));
        };
        if pat.revoked_at.is_none() {
            store.tombstone_reported(digest).await?;
            self.0.0.cache.forget(digest);
            pat = store.pat_by_digest(digest).await?.unwrap_or(pat);
        }
        Ok(Verdict { about: Some(about(&pat)), ..judge(&pat) })
    }
}

fn judge(pat: &Pat) -> Verdict {
    let dead = Finding::Inactive { confirmed: true };
    let expired = pat.revoked_at.is_some_and(|at| pat.expires_at <= at);
    match pat.revoked_reason.as_deref() {
        _ if expired => Verdict::new(dead, "expired"),
        Some("reported") => Verdict::new(Finding::Revoked, "revoked"),
        Some("regenerated") => Verdict::new(dead, "regenerated"),
        Some(_) => Verdict::new(dead, "deleted"),
        // It was made a tombstone a moment ago, so the row was gone in between.
        None => Verdict::new(Finding::Retry { after: None, uncertain: false }, "unsettled"),
    }
}

fn about(pat: &Pat) -> serde_json::Value {
    json!({
        "id": pat.id,
        "name": pat.name,
        "owner": pat.owner,
        "created_at": super::handlers::rfc3339(pat.created_at),
        "last_used_at": pat.last_used_at.map(super::handlers::rfc3339),
    })
}
