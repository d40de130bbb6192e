//! Keys, prepared once and used often.

mod jwk;
mod roca;
mod signature;
mod small_order;
mod strength;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;
use thiserror::Error;

use crate::json;
use crate::token::Unverified;
use crate::verifier::prove_by;
use crate::{Algorithm, Error};
use signature::Checker;

/// Why a key is not used. Another key of the same set may still be.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRefusal {
    /// Not a JSON object with unique member names, or a member of the wrong type.
    #[error("malformed")]
    Malformed,
    /// `kty` or `crv` is nothing that signs here.
    #[error("unsupported kty or crv")]
    Unsupported,
    /// It has private members: whoever published it gave it away.
    #[error("private members")]
    Private,
    /// `use` or `key_ops` says that it is for something else.
    #[error("not for signatures")]
    NotForSignatures,
    /// `alg` is unknown, or one that a key of this type and curve cannot do.
    #[error("alg does not fit")]
    Algorithm,
    /// RSA below 2048 or above 8192 bits, or with an exponent that is even or outside 2^16 to 2^64
    /// (FIPS 186-5, section 5.1, asks for more than 2^16), or of the kind that can be factored
    /// (CVE-2017-15361).
    #[error("weak or absurd RSA")]
    WeakRsa,
    /// Not a point of its curve, not the whole of it (RFC 7518, section 6.2.1.2), or one of small order.
    #[error("not a point that may be used")]
    Point,
}

/// One public key, prepared: it knows the algorithms that it may be used with.
pub struct Key {
    id: Option<String>,
    checkers: Vec<Checker>,
    /// What the key is, for telling whether it is still the same one.
    identity: Vec<u8>,
}

impl Key {
    /// A key from the public half of anything that OpenSSL reads, for the algorithms that its type
    /// and curve allow.
    pub fn from_pkey(id: Option<String>, pkey: &PKey<Public>) -> Result<Self, KeyRefusal> {
        Self::prepare(id, pkey, &strength::algorithms_of(pkey)?)
    }

    /// The key of a certificate in PEM. Neither its chain nor its dates are looked at: what makes
    /// it trusted is where it was fetched.
    pub fn from_certificate(id: Option<String>, pem: &[u8]) -> Result<Self, KeyRefusal> {
        let certificate = X509::from_pem(pem).map_err(|_| KeyRefusal::Malformed)?;
        let pkey = certificate.public_key().map_err(|_| KeyRefusal::Unsupported)?;
        Self::from_pkey(id, &pkey)
    }

    /// One JWK (RFC 7517, section 4): `use`, `key_ops` and `alg`, where they are there, narrow what it
    /// is for.
    pub fn from_jwk(jwk: &[u8]) -> Result<Self, KeyRefusal> {
        jwk::read(jwk)
    }

    fn prepare(
        id: Option<String>,
        pkey: &PKey<Public>,
        algorithms: &[Algorithm],
    ) -> Result<Self, KeyRefusal> {
        let mut identity = pkey.public_key_to_der().map_err(|_| KeyRefusal::Malformed)?;
        identity.extend(algorithms.iter().flat_map(|algorithm| algorithm.name().bytes()));
        let checkers = algorithms.iter().map(|algorithm| Checker::new(*algorithm, pkey)).collect();
        Ok(Self { id, checkers, identity })
    }

    /// `kid`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What it may be used with.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.checkers.iter().map(|checker| checker.algorithm)
    }

    /// Whether `signature` over `signed` is this key's by this algorithm; `None` where the key may not
    /// be used with it.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let checker = self.checkers.iter().find(|checker| checker.algorithm == algorithm)?;
        Some(checker.verify(signed, signature))
    }

    /// All that makes it the key that it is.
    fn whole(&self) -> (Option<&str>, &[u8]) {
        (self.id(), &self.identity)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<&str> = self.algorithms().map(Algorithm::name).collect();
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &algorithms)
            .finish_non_exhaustive()
    }
}

/// The keys of an issuer.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
    by_id: HashMap<String, Vec<usize>>,
    skipped: Vec<(Option<String>, &'static str)>,
}

/// A token without a `kid`, or with one that many keys share, is tried on no more keys than these.
const TRIED: usize = 16;

impl KeySet {
    /// A set of these keys.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let mut set = Self::default();
        keys.into_iter().for_each(|key| set.add(Arc::new(key)));
        set
    }

    /// A JWK set (RFC 7517, section 5), or a single JWK. A key that cannot be used is skipped, as
    /// RFC 7517, section 5, wants it; `None` where the text as a whole is neither.
    pub fn from_jwks(json: &[u8]) -> Option<Self> {
        Self::split(json, Key::from_jwk)
    }

    /// The same of a set that was never published, such as a signer's own file: of a key with private
    /// members the public half is taken.
    pub fn from_own_jwks(json: &[u8]) -> Option<Self> {
        Self::split(json, jwk::read_own)
    }

    fn split(json: &[u8], read: fn(&[u8]) -> Result<Key, KeyRefusal>) -> Option<Self> {
        let mut set = Self::default();
        for jwk in jwk::split(json)? {
            match read(jwk.as_bytes()) {
                Ok(key) => set.add(Arc::new(key)),
                Err(refusal) => set.skip(jwk::id_of(&jwk), refusal),
            }
        }
        Some(set)
    }

    /// The payload of a JWS in compact serialization, whatever it is, whose signature one of these keys proves:
    /// signature and header are checked, and nothing else. Not for deciding who somebody is.
    pub fn payload_of(&self, token: &str) -> Result<Vec<u8>, Error> {
        let token = Unverified::parse(token)?;
        prove_by(self, &token)?;
        Ok(token.payload)
    }

    /// Certificates by `kid`, as Google publishes a service account's: `{"<kid>": "<X.509 in PEM>"}`.
    pub fn from_certificates(json: &[u8]) -> Option<Self> {
        let certificates: json::Texts = json::read(json).ok()?;
        let mut set = Self::default();
        for (id, pem) in certificates.0 {
            match Key::from_certificate(Some(id.clone()), pem.as_bytes()) {
                Ok(key) => set.add(Arc::new(key)),
                Err(refusal) => set.skip(Some(id), refusal),
            }
        }
        Some(set)
    }

    fn add(&mut self, key: Arc<Key>) {
        if let Some(id) = key.id() {
            self.by_id.entry(id.to_owned()).or_default().push(self.keys.len());
        }
        self.keys.push(key);
    }

    fn skip(&mut self, id: Option<String>, refusal: KeyRefusal) {
        let why = match refusal {
            KeyRefusal::Malformed => "malformed",
            KeyRefusal::Unsupported => "unsupported",
            KeyRefusal::Private => "private",
            KeyRefusal::NotForSignatures => "not_for_signatures",
            KeyRefusal::Algorithm => "algorithm",
            KeyRefusal::WeakRsa => "weak_rsa",
            KeyRefusal::Point => "point",
        };
        self.skipped.push((id, why));
    }

    /// The same set, in which every key that the older one has already is that one: what was prepared
    /// and proved with it stays good.
    #[must_use]
    pub fn reusing(mut self, older: &Self) -> Self {
        let known: HashMap<_, _> = older.keys.iter().map(|key| (key.whole(), key)).collect();
        for key in &mut self.keys {
            if let Some(same) = known.get(&key.whole()) {
                *key = Arc::clone(same);
            }
        }
        self
    }

    /// Whether the keys are the very ones of the older set, in whatever order: of use after
    /// [`reusing`](Self::reusing).
    pub(crate) fn has_only_keys_of(&self, older: &Self) -> bool {
        self.len() == older.len() && self.keys.iter().all(|key| older.holds(key))
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().map(AsRef::as_ref)
    }

    /// Keys that are not used, each with its `kid` and a stable code that says why.
    pub fn skipped(&self) -> &[(Option<String>, &'static str)] {
        &self.skipped
    }

    /// Whether there is a key for a token with this `kid`: any at all, where it has none.
    pub fn has(&self, kid: Option<&str>) -> bool {
        kid.map_or(!self.is_empty(), |kid| self.by_id.contains_key(kid))
    }

    /// Whether this very key is in the set.
    pub(crate) fn holds(&self, key: &Arc<Key>) -> bool {
        match key.id().map(|id| self.by_id.get(id)) {
            Some(Some(places)) => places.iter().any(|place| Arc::ptr_eq(&self.keys[*place], key)),
            Some(None) => false,
            None => self.keys.iter().any(|held| Arc::ptr_eq(held, key)),
        }
    }

    /// The keys to try, in turn.
    pub(crate) fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Arc<Key>> {
        let named = kid.map(|kid| self.by_id.get(kid).map_or(&[][..], Vec::as_slice));
        let by_id = named.unwrap_or_default().iter().map(|place| &self.keys[*place]);
        let all = if kid.is_none() { self.keys.as_slice() } else { &[] };
        by_id
            .chain(all)
            .filter(move |key| key.algorithms().any(|allowed| allowed == algorithm))
            .take(TRIED)
    }
}
