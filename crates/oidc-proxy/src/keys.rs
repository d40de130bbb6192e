//! Keys of one's own: a JWK set (RFC 7517, section 5) with private members.

mod edit;
mod generate;
mod private;
mod rotate;
mod signer;
mod state;

use std::fmt;

use openssl::pkey::{PKey, Private};
use portcullis_jwt_verify::{Algorithm, KeySet};
use serde_json::{Map, Value, json};
use thiserror::Error;
use zeroize::Zeroizing;

pub use edit::EditError;
pub(crate) use edit::publish;
pub use generate::{GenerateError, Recipe};
pub use rotate::{Rotated, Rotation, add, rotate, shortest_wait};
pub use signer::{SignError, Signer};
pub use state::State;

/// All that is published of a key (RFC 7517, section 4; RFC 7518, sections 6.2.1 and 6.3.1; RFC 8037, section
/// 2): whatever else its maker wrote beside it may be private.
const PUBLIC: [&str; 14] = [
    "kty", "use", "key_ops", "alg", "kid", "x5u", "x5c", "x5t", "x5t#S256", "n", "e", "crv", "x",
    "y",
];

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
    times: Times,
    public: Value,
}

/// When a key is what, as `keys rotate` writes it into the file beside the key (`iat`, `nbf` and `exp`, in
/// seconds since 1970, as OpenID Federation 1.0 has them for keys). A key without any is always what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// When it was made.
    pub made_at: Option<i64>,
    /// From when on it signs; it is published before.
    pub signs_from: Option<i64>,
    /// When it is retired: no token that it signed is alive then, and it is published no more.
    pub retired_at: Option<i64>,
}

impl Times {
    /// Whether its time to sign has come, and is not over.
    pub fn may_sign(&self, now: i64) -> bool {
        self.from() <= now && !self.is_retired(now)
    }

    /// Whether it is published no more.
    pub fn is_retired(&self, now: i64) -> bool {
        self.retired_at.is_some_and(|at| at <= now)
    }

    /// Of several that may sign, the one of which this is the latest does; of those of which it is the same,
    /// the last of the file.
    pub(crate) fn from(&self) -> i64 {
        self.signs_from.unwrap_or(i64::MIN)
    }
}

/// A key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its `kid`.
    pub id: Option<String>,
    /// Its `alg`.
    pub algorithm: Option<Algorithm>,
    /// Whether it has a private half that may sign.
    pub signs: bool,
    /// When it is what.
    pub times: Times,
}

/// The keys of a file.
pub struct OwnKeys(Vec<OwnKey>);

impl OwnKeys {
    /// Reads a set. Keys for encryption are published and never used here; a symmetric one has no
    /// public half, and refuses the whole file.
    pub fn read(json: &[u8]) -> Result<Self, KeysError> {
        let value: Value = serde_json::from_slice(json).map_err(|_| KeysError::NotASet)?;
        let entries = value.get("keys").and_then(Value::as_array).ok_or(KeysError::NotASet)?;
        let read = |(place, entry): (usize, &Value)| {
            let members = entry.as_object().ok_or(KeysError::NotASet)?;
            let kid = members.get("kid").and_then(Value::as_str).map(str::to_owned);
            own_key(members, kid.clone()).map_err(|why| KeysError::Key {
                place: place + 1,
                kid,
                why,
            })
        };
        entries.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// What signs under this `kid` by this algorithm, and its times: the first private key whose `use` is
    /// `sig` and whose `alg` it is. Keys may share a `kid`.
    pub fn signer(&self, kid: &str, algorithm: Algorithm) -> Option<(Times, Signer)> {
        let mut all = self.signers(algorithm);
        let found = all.find(|(key, _)| key.id.as_deref() == Some(kid));
        found.map(|(key, signer)| (key.times, signer))
    }

    /// All that sign by this algorithm and have a `kid`, each with its times, in the order of the file.
    pub fn candidates(&self, algorithm: Algorithm) -> Vec<(String, Times, Signer)> {
        let named = |(key, signer): (&OwnKey, Signer)| Some((key.id.clone()?, key.times, signer));
        self.signers(algorithm).filter_map(named).collect()
    }

    fn signers(&self, algorithm: Algorithm) -> impl Iterator<Item = (&OwnKey, Signer)> {
        let signs = move |key: &&OwnKey| key.signs && key.algorithm == Some(algorithm);
        self.0.iter().filter(signs).filter_map(move |key| {
            let pkey = key.pkey.clone()?;
            Some((key, Signer::new(algorithm, pkey)))
        })
    }

    /// The public halves, as a JWK set, of all keys that are not retired at this time.
    pub fn published(&self, now: i64) -> String {
        let kept = |key: &&OwnKey| !key.times.is_retired(now);
        let public: Vec<&Value> = self.0.iter().filter(kept).map(|key| &key.public).collect();
        json!({ "keys": public }).to_string()
    }

    /// What an operator sees of each, in the order of the file.
    pub fn describe(&self) -> Vec<Described> {
        let one = |key: &OwnKey| Described {
            id: key.id.clone(),
            algorithm: key.algorithm,
            signs: key.signs && key.pkey.is_some(),
            times: key.times,
        };
        self.0.iter().map(one).collect()
    }
}

impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

fn own_key(members: &Map<String, Value>, id: Option<String>) -> Result<OwnKey, &'static str> {
    match members.get("kty").and_then(Value::as_str) {
        Some("RSA" | "EC" | "OKP") => {}
        Some("oct") => return Err("symmetric: it has no public half"),
        // What is private in it has names that are not known here, and would be published.
        _ => return Err("its kty is none of RSA, EC and OKP"),
    }
    // It would be read as a set of its own, and not as this key.
    if members.contains_key("keys") {
        return Err("malformed");
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
    let (times, public) = (times(members)?, Value::Object(published(members)));
    Ok(OwnKey { id, algorithm, signs, pkey, times, public })
}

fn times(members: &Map<String, Value>) -> Result<Times, &'static str> {
    let time = |name| match members.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or("its times are not seconds since 1970"),
    };
    Ok(Times { made_at: time("iat")?, signs_from: time("nbf")?, retired_at: time("exp")? })
}

/// The public half, as whoever made the file described it. `key_ops` of a private key says `sign`, and of
/// its public half `verify` (RFC 7517, section 4.3).
fn published(members: &Map<String, Value>) -> Map<String, Value> {
    let mut public = members.clone();
    public.retain(|name, _| PUBLIC.contains(&name.as_str()));
    if let Some(Value::Array(operations)) = public.get_mut("key_ops") {
        for operation in operations.iter_mut().filter(|operation| *operation == "sign") {
            *operation = Value::from("verify");
        }
        operations.dedup();
    }
    public
}

#[cfg(test)]
mod tests;
