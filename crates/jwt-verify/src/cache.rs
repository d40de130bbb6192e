//! Tokens that were proved before.

use std::sync::Arc;

use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::VerifiedClaims;
use crate::keys::KeySet;

/// SHA-256 of a token: the whole of it, so that no other token shares it.
pub(crate) type Name = [u8; 32];

/// Remembers that a signature held, and the claims under it. One per verifier, and never shared: what
/// one proved with its keys says nothing to another. Times, issuer and audience are not remembered.
#[derive(Debug)]
pub(crate) struct TokenCache(Cache<Name, VerifiedClaims>);

impl TokenCache {
    pub(crate) fn new(capacity: u64) -> Self {
        Self(Cache::new(usize::try_from(capacity).unwrap_or(usize::MAX)))
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
