//! Keys of one's own: a JWK set (RFC 7517, section 5) with private members.

mod private;
mod signer;

use std::fmt;

use openssl::pkey::{PKey, Private};
use portcullis_jwt_verify::{Algorithm, KeySet};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

pub use signer::{SignError, Signer};

/// Members that must never be published (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a file of keys cannot be used. None of them carries anything of a key but its `kid`.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum KeysError {
    /// Not a JSON object with a list `keys`.
    #[error("is not a set of keys: a JSON object with a list \"keys\"")]
    NotASet,
    /// One of the keys cannot be used, and is published all the same: whoever reads it would stumble.
    #[error("key {place} ({}) cannot be used: {why}", kid.as_deref().unwrap_or("without kid"))]
    Key {
        /// Counted from 1.
        place: usize,
        /// Its `kid`.
        kid: Option<String>,
        /// A stable word or two.
        why: &'static str,
    },
}

/// One key of the file.
struct OwnKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    signs: bool,
    pkey: Option<PKey<Private>>,
}

/// The keys of a file, and their public halves as they are published.
pub struct OwnKeys {
    keys: Vec<OwnKey>,
    document: String,
    tag: String,
}

impl OwnKeys {
    /// Reads a set. Keys for encryption are published and never used here; a symmetric one has no
    /// public half, and refuses the whole file.
    pub fn read(json: &[u8]) -> Result<Self, KeysError> {
        let value: Value = serde_json::from_slice(json).map_err(|_| KeysError::NotASet)?;
        let entries = value.get("keys").and_then(Value::as_array).ok_or(KeysError::NotASet)?;
        let mut keys = Vec::with_capacity(entries.len());
        let mut public = Vec::with_capacity(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            let members = entry.as_object().ok_or(KeysError::NotASet)?;
            let kid = members.get("kid").and_then(Value::as_str).map(str::to_owned);
            let key = own_key(members, kid.clone()).map_err(|why| KeysError::Key {
                place: place + 1,
                kid,
                why,
            })?;
            keys.push(key);
            public.push(Value::Object(published(members)));
        }
        let document = json!({ "keys": public }).to_string();
        let tag = hex::encode(&Sha256::digest(&document)[..16]);
        Ok(Self { keys, document, tag })
    }

    /// What signs under this `kid` by this algorithm: the first private key whose `use` is `sig` and whose
    /// `alg` it is. Keys may share a `kid`.
    pub fn signer(&self, kid: &str, algorithm: Algorithm) -> Option<Signer> {
        let fits = |key: &&OwnKey| {
            key.signs && key.id.as_deref() == Some(kid) && key.algorithm == Some(algorithm)
        };
        let pkey = self.keys.iter().filter(fits).find_map(|key| key.pkey.clone())?;
        Some(Signer::new(algorithm, pkey))
    }

    /// The public halves of all keys as a JWK set.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Stands for [`Self::document`]: another one has another.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

fn own_key(members: &Map<String, Value>, id: Option<String>) -> Result<OwnKey, &'static str> {
    if members.get("kty").and_then(Value::as_str) == Some("oct") {
        return Err("symmetric: it has no public half");
    }
    let text = Zeroizing::new(Value::Object(members.clone()).to_string());
    let set = KeySet::from_own_jwks(text.as_bytes()).ok_or("malformed")?;
    let signs = match set.skipped().first() {
        None => true,
        Some((_, "not_for_signatures")) => false,
        Some((_, why)) => return Err(why),
    };
    let algorithm = members.get("alg").and_then(Value::as_str).and_then(|name| name.parse().ok());
    let pkey = if signs { private::read(members)? } else { None };
    // What signs must say so: a key whose use is left open is for others to use.
    let signs = signs && members.get("use").and_then(Value::as_str) == Some("sig");
    Ok(OwnKey { id, algorithm, signs, pkey })
}

/// The public half, as whoever made the file described it. `key_ops` of a private key says `sign`, and of
/// its public half `verify` (RFC 7517, section 4.3).
fn published(members: &Map<String, Value>) -> Map<String, Value> {
    let mut public = members.clone();
    public.retain(|name, _| !PRIVATE.contains(&name.as_str()));
    if let Some(Value::Array(operations)) = public.get_mut("key_ops") {
        for operation in operations.iter_mut().filter(|operation| *operation == "sign") {
            *operation = Value::from("verify");
        }
        operations.dedup();
    }
    public
}
