//! Tokens that were proved before.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::VerifiedClaims;
use crate::keys::KeySet;

/// SHA-256 of a token: the whole of it, so that no other token shares it.
pub(crate) type Name = [u8; 32];

/// Remembers that a signature held, and the claims under it. One per verifier, and never shared: what
/// one proved with its keys says nothing to another. Times, issuer and audience are not remembered.
#[derive(Debug)]
pub(crate) struct TokenCache(Cache<Name, VerifiedClaims, Room>);

/// The room that a usual token takes, in bytes: about 1 KiB of claims.
const USUAL: u64 = 8 * 1024;

/// What a token takes, once somebody has read all of its claims: measured, with room to spare.
#[derive(Debug, Clone)]
struct Room;

impl Weighter<Name, VerifiedClaims> for Room {
    fn weight(&self, _: &Name, claims: &VerifiedClaims) -> u64 {
        1024 + 8 * claims.proved().length() as u64
    }
}

impl TokenCache {
    pub(crate) fn new(capacity: u64) -> Self {
        let items = usize::try_from(capacity).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(items, capacity.saturating_mul(USUAL), Room))
    }

    pub(crate) fn name(token: &str) -> Name {
        Sha256::digest(token).into()
    }

    /// What is remembered, if the very key that proved it is still among the known ones.
    pub(crate) fn get(&self, name: &Name, known: Option<&Arc<KeySet>>) -> Option<VerifiedClaims> {
        let remembered = self.0.get(name)?;
        if known?.holds(&remembered.proved().key) {
            return Some(remembered);
        }
        self.0.remove(name);
        None
    }

    pub(crate) fn put(&self, name: Name, claims: &VerifiedClaims) {
        self.0.insert(name, claims.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::{KeySource, StaticKeys};
    use crate::{KeySet, Verifier};
    use portcullis_test_support::{SigningKey, jwks};
    use serde_json::json;

    #[tokio::test]
    async fn long_tokens_take_the_room_of_many() {
        let signer = SigningKey::generate("EdDSA", "k");
        let keys = KeySet::from_jwks(jwks([&signer]).to_string().as_bytes()).unwrap();
        let keys = StaticKeys::new(keys);
        let known = keys.known();
        let prover = Verifier::builder(keys).any_issuer().any_audience().without_expiry();
        let prover = prover.without_subject().build();
        let remembered = async |length: usize| {
            let cache = TokenCache::new(1000);
            let mut names = Vec::new();
            for n in 0..1000 {
                let claims = json!({"n": n, "x": "x".repeat(length)});
                let token = signer.sign(&claims);
                names.push(TokenCache::name(&token));
                cache.put(names[n], &prover.verify(&token).await.unwrap());
            }
            names.iter().filter(|name| cache.get(name, known.as_ref()).is_some()).count()
        };
        assert!(remembered(10).await > 900);
        let long = remembered(8000).await;
        assert!((20..200).contains(&long), "{long}");
    }
}
