//! The verifier.

use std::sync::Arc;

use portcullis_base::Clock;

use crate::builder::{Builder, Unset};
use crate::cache::{Name, TokenCache};
use crate::keys::{Key, KeySet};
use crate::policy::Policy;
use crate::sources::{Health, KeyError, KeySource};
use crate::stats::{Counts, Stats};
use crate::token::{MAX_TOKEN, Unverified};
use crate::{Algorithm, Error, VerifiedClaims};

/// Proves tokens of one issuer. Made by [`Verifier::builder`], shared by reference.
#[derive(Debug)]
pub struct Verifier {
    pub(crate) keys: Arc<dyn KeySource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: Policy,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) key_id_required: bool,
    pub(crate) cache: Option<TokenCache>,
    pub(crate) counts: Counts,
}

impl Verifier {
    /// Begins one that trusts these keys. Issuer and audience have to be chosen before it can be
    /// built; what cannot be chosen away is in the crate's README.
    pub fn builder(keys: impl Into<Arc<dyn KeySource>>) -> Builder<Unset, Unset> {
        Builder::new(keys.into())
    }

    /// What `iss` may be; `None` where it may be anything.
    pub fn issuers(&self) -> Option<&[String]> {
        self.policy.issuers.as_deref()
    }

    /// How the keys are doing.
    pub fn health(&self) -> Health {
        self.keys.health()
    }

    /// What came of the tokens that [`Self::verify`] was asked about so far.
    pub fn stats(&self) -> Stats {
        self.counts.stats()
    }

    /// Fetches keys where none are known yet: at start-up, so that the first caller need not wait.
    pub async fn warm_up(&self) -> Result<(), KeyError> {
        match self.keys.known() {
            Some(_) => Ok(()),
            None => self.keys.find(None).await.map(drop),
        }
    }

    /// The claims of a token in JWS compact serialization.
    ///
    /// The signature is checked before any claim is acted on: an error about a claim is one about a
    /// token that the issuer made.
    pub async fn verify(&self, token: &str) -> Result<VerifiedClaims, Error> {
        let judged = self.judge(token).await;
        self.counts.judged(judged.as_ref().err());
        judged
    }

    async fn judge(&self, token: &str) -> Result<VerifiedClaims, Error> {
        if token.len() > MAX_TOKEN {
            return Err(Error::TooLong);
        }
        let name = self.cache.as_ref().map(|_| TokenCache::name(token));
        if let Some(claims) = self.remembered(name.as_ref()) {
            self.check(&claims)?;
            return Ok(claims);
        }
        let token = Unverified::parse(token)?;
        let key = self.prove(&token).await?;
        let claims = self.claims(token, key)?;
        if let (Some(cache), Some(name)) = (&self.cache, name) {
            cache.put(name, &claims);
        }
        Ok(claims)
    }

    /// The claims of a token, as by [`Self::verify`], but by the keys that may be used this moment alone: for
    /// whoever cannot wait. A key that would have to be fetched is unknown. Remembers nothing.
    pub fn verify_now(&self, token: &str) -> Result<VerifiedClaims, Error> {
        let token = Unverified::parse(token)?;
        self.check_header(&token)?;
        let known = self.keys.known().ok_or(Error::KeyUnknown)?;
        let key = prove_by(&known, &token)?;
        self.claims(token, key)
    }

    /// The payload of any JWS in compact serialization, whatever it is: signature and header are
    /// checked, and nothing else. Not for deciding who somebody is.
    pub async fn verify_payload(&self, token: &str) -> Result<Vec<u8>, Error> {
        let token = Unverified::parse(token)?;
        self.prove(&token).await?;
        Ok(token.payload)
    }

    fn remembered(&self, name: Option<&Name>) -> Option<VerifiedClaims> {
        let found = self.cache.as_ref()?.get(name?, self.keys.known().as_ref());
        self.counts.looked_up(found.is_some());
        found
    }

    fn check(&self, claims: &VerifiedClaims) -> Result<(), Error> {
        self.policy.check(&claims.proved().registered, self.clock.now_ms())
    }

    /// The claims of a token with the signature of this key.
    fn claims(&self, token: Unverified<'_>, key: Arc<Key>) -> Result<VerifiedClaims, Error> {
        let header = token.header().clone();
        let claims = VerifiedClaims::new(header, key, token.into_claims()?);
        self.check(&claims)?;
        Ok(claims)
    }

    fn check_header(&self, token: &Unverified<'_>) -> Result<(), Error> {
        if !self.algorithms.contains(&token.header().algorithm()) {
            return Err(Error::AlgorithmNotAllowed);
        }
        if token.header().key_id().is_none() && self.key_id_required {
            return Err(Error::KeyIdMissing);
        }
        Ok(())
    }

    /// The key whose signature the token bears.
    async fn prove(&self, token: &Unverified<'_>) -> Result<Arc<Key>, Error> {
        self.check_header(token)?;
        let kid = token.header().key_id();
        let known = self.keys.known();
        if let Some(known) = known.as_ref().filter(|known| known.has(kid)) {
            let proved = prove_by(known, token);
            // A token without a `kid` may be of a key that came after the known ones.
            if proved.is_ok() || kid.is_some() {
                return proved;
            }
        }
        let found = self.keys.find(kid).await?;
        prove_by(&found, token)
    }
}

pub(crate) fn prove_by(keys: &KeySet, token: &Unverified<'_>) -> Result<Arc<Key>, Error> {
    let (algorithm, kid) = (token.header().algorithm(), token.header().key_id());
    let mut refusal = if keys.has(kid) { Error::KeyMismatch } else { Error::KeyUnknown };
    for key in keys.candidates(kid, algorithm) {
        match key.verify(algorithm, token.signed.as_bytes(), &token.signature) {
            Some(true) => return Ok(Arc::clone(key)),
            Some(false) => refusal = Error::Signature,
            None => {}
        }
    }
    Err(refusal)
}
