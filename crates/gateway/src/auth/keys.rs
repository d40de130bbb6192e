//! Where keys come from, as the configuration says it.

use std::sync::Arc;

use portcullis_jwt_verify::KeySet;
use portcullis_jwt_verify::sources::{KeySource, StaticKeys};

use crate::config::{Config, KeysFrom, Oidc};
use crate::error::StartError;

/// The keys of an issuer.
pub(super) fn keys_of(_config: &Config, entry: &Oidc) -> Result<Arc<dyn KeySource>, StartError> {
    let KeysFrom::File(path) = &entry.keys else {
        return Err(StartError::new("keys", "not yet"));
    };
    let bytes = std::fs::read(path).map_err(|error| StartError::new("keys", error))?;
    let set = KeySet::from_jwks(&bytes).ok_or_else(|| StartError::new("keys", "no set"))?;
    Ok(Arc::new(StaticKeys::new(set)))
}
