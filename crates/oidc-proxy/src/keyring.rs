//! Which key signs now, and what is published.

use std::collections::BTreeMap;

use portcullis_jwt_verify::{Algorithm, KeySet};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::keys::{OwnKeys, Signer, Times};

/// Which key signs by an algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The one of this `kid`.
    Pinned(String),
    /// The one whose time to sign came last.
    Latest,
}

/// Which of our keys signs by which algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// By each of these is signed.
    pub choices: BTreeMap<Algorithm, Choice>,
    /// By which is signed where neither the caller nor the upstream token names one of these.
    pub default: Algorithm,
}

/// Why keys and choices do not go together.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum KeyringError {
    /// There is no private key of this `kid` whose `use` is `sig` and whose `alg` is this.
    #[error("has no private key with kid {kid:?}, use \"sig\" and alg {}", algorithm.name())]
    NoKey {
        /// By which it was to sign.
        algorithm: Algorithm,
        /// Its name.
        kid: String,
    },
    /// The key is retired: what it signs cannot be verified by what is published.
    #[error("is to sign with the key of kid {0:?}, which is retired: its exp is over")]
    Retired(String),
    /// None of this algorithm may sign now.
    #[error("has no private key with a kid, use \"sig\" and alg {} that may sign now", .0.name())]
    NoneSigns(Algorithm),
    /// The default is not among those that sign.
    #[error("{} is the default, and no key is to sign by it", .0.name())]
    Default(Algorithm),
}

/// A key that signs from its time on.
pub(crate) struct Candidate {
    pub(crate) kid: String,
    times: Times,
    pub(crate) signer: Signer,
    /// Of every token that it signs: `alg` and `kid`, and nothing else.
    pub(crate) header: String,
}

impl Candidate {
    fn new(kid: String, times: Times, signer: Signer) -> Self {
        let header = json!({ "alg": signer.algorithm().name(), "kid": kid }).to_string();
        Self { kid, times, signer, header }
    }
}

/// Keys and which of them signs; another set takes their place as a whole.
pub struct Keyring {
    keys: OwnKeys,
    signing: BTreeMap<Algorithm, Vec<Candidate>>,
    default: Algorithm,
    document: String,
    tag: String,
    /// What was ever published of them, retired ones included.
    public: KeySet,
}

impl Keyring {
    /// These keys at this time, in seconds since 1970.
    pub fn new(keys: OwnKeys, signing: &Signing, now: i64) -> Result<Self, KeyringError> {
        let mut all = BTreeMap::new();
        for (&algorithm, choice) in &signing.choices {
            all.insert(algorithm, candidates(&keys, algorithm, choice, now)?);
        }
        if !all.contains_key(&signing.default) {
            return Err(KeyringError::Default(signing.default));
        }
        let document = keys.published(now);
        let tag = hex::encode(&Sha256::digest(&document)[..16]);
        // At the beginning of time nothing is retired.
        let public = KeySet::from_jwks(keys.published(i64::MIN).as_bytes()).unwrap_or_default();
        Ok(Self { keys, signing: all, default: signing.default, document, tag, public })
    }

    /// The payload of what one of these keys signed, be it retired.
    pub(crate) fn payload_of(&self, token: &str) -> Option<Vec<u8>> {
        self.public.payload_of(token).ok()
    }

    /// The key for a token: as the caller asks, else as the upstream token was signed, else the default.
    pub(crate) fn choose(
        &self,
        asked: Option<&str>,
        upstream: Algorithm,
        now: i64,
    ) -> Option<&Candidate> {
        let algorithm = match asked {
            Some(name) => name.parse().ok()?,
            None if self.signing.contains_key(&upstream) => upstream,
            None => self.default,
        };
        latest(self.signing.get(&algorithm)?, now)
    }

    /// By which is signed, sorted by name.
    pub fn algorithms(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.signing.keys().map(|algorithm| algorithm.name()).collect();
        names.sort_unstable();
        names
    }

    /// The `kid` that signs by each algorithm at this time.
    pub fn signs_now(&self, now: i64) -> Vec<(Algorithm, &str)> {
        let now =
            |(&algorithm, all): (&Algorithm, _)| Some((algorithm, latest(all, now)?.kid.as_str()));
        self.signing.iter().filter_map(|(algorithm, all)| now((algorithm, all))).collect()
    }

    /// The keys.
    pub fn keys(&self) -> &OwnKeys {
        &self.keys
    }

    /// The public halves as a JWK set, of the keys that are not retired.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Stands for [`Self::document`]: another one has another.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The same keys at another time, if another document is published then.
    pub(crate) fn is_stale(&self, now: i64) -> bool {
        self.keys.published(now) != self.document
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({:?}, {:?})", self.algorithms(), self.keys)
    }
}

fn candidates(
    keys: &OwnKeys,
    algorithm: Algorithm,
    choice: &Choice,
    now: i64,
) -> Result<Vec<Candidate>, KeyringError> {
    match choice {
        Choice::Pinned(kid) => {
            let missing = || KeyringError::NoKey { algorithm, kid: kid.clone() };
            let (times, signer) = keys.signer(kid, algorithm).ok_or_else(missing)?;
            if times.retired_at.is_some_and(|at| at <= now) {
                return Err(KeyringError::Retired(kid.clone()));
            }
            // Whoever names a key means it, be it before its time. Past its end it signs on for as long as it
            // is published: until another set takes the place of this one.
            Ok(vec![Candidate::new(kid.clone(), Times::default(), signer)])
        }
        Choice::Latest => {
            let all = keys.candidates(algorithm).into_iter();
            let all: Vec<_> =
                all.map(|(kid, times, signer)| Candidate::new(kid, times, signer)).collect();
            let signs = latest(&all, now).is_some();
            if signs { Ok(all) } else { Err(KeyringError::NoneSigns(algorithm)) }
        }
    }
}

/// The one whose time came last.
fn latest(all: &[Candidate], now: i64) -> Option<&Candidate> {
    all.iter().filter(|one| one.times.may_sign(now)).max_by_key(|one| one.times.from())
}

#[cfg(test)]
mod tests;
