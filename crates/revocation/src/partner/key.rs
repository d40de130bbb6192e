//! Our keys at vendors: ECDSA over P-256, each told from others by a hash of what is published of it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, EcKeyRef, EcPoint, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, Private};
use openssl::sign::Signer;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Why a text is no key of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// There is none that could sign.
    #[error("must hold a private key in PEM (PKCS#8 or SEC1) without a passphrase")]
    NoPrivateKey,
    /// There is none at all.
    #[error("must hold a public or a private key in PEM, without a passphrase")]
    NoKey,
    /// Another kind of key.
    #[error("must be an EC key on the curve P-256 (prime256v1)")]
    Curve,
    /// Its halves do not belong together, or its point is not on the curve.
    #[error("is damaged: what it says of itself does not fit together")]
    Damaged,
}

/// What we sign with.
#[derive(Clone)]
pub struct SigningKey {
    key: PKey<Private>,
    public: PublicKey,
}

/// A key as vendors see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    identifier: String,
    pem: String,
}

impl SigningKey {
    /// Reads a private key in PEM: PKCS#8 (RFC 5958) or SEC1 (RFC 5915).
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        // Without the callback OpenSSL would ask whoever sits at the terminal for a passphrase.
        let key = PKey::private_key_from_pem_callback(pem, |_| Ok(0));
        let key = key.map_err(|_| KeyError::NoPrivateKey)?;
        let ec = key.ec_key().map_err(|_| KeyError::Curve)?;
        let public = PublicKey::of(&ec)?;
        ec.check_key().map_err(|_| KeyError::Damaged)?;
        Ok(Self { key, public })
    }

    /// What is published of it.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of these bytes: ECDSA with SHA-256, ASN.1 DER, in standard base64.
    pub(super) fn sign(&self, bytes: &[u8]) -> Result<String, ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        Ok(STANDARD.encode(signer.sign_oneshot_to_vec(bytes)?))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public.identifier).finish()
    }
}

impl PublicKey {
    /// Reads a public key in PEM, or what is public of a private one.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        match SigningKey::from_pem(pem) {
            Ok(key) => return Ok(key.public),
            Err(KeyError::NoPrivateKey) => {}
            Err(error) => return Err(error),
        }
        let block = public_block(pem).ok_or(KeyError::NoKey)?;
        let key = PKey::public_key_from_pem(block).map_err(|_| KeyError::NoKey)?;
        Self::of(&*key.ec_key().map_err(|_| KeyError::Curve)?)
    }

    /// Lowercase hex of the SHA-256 of its `SubjectPublicKeyInfo` in DER.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// However a key is written (compressed, with its curve spelt out), it is published in one form, so
    /// that it has one identifier.
    fn of<T: HasPublic>(key: &EcKeyRef<T>) -> Result<Self, KeyError> {
        if key.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
            return Err(KeyError::Curve);
        }
        Self::in_one_form(key).map_err(|_| KeyError::Damaged)
    }

    fn in_one_form<T: HasPublic>(key: &EcKeyRef<T>) -> Result<Self, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let mut context = BigNumContext::new()?;
        let form = PointConversionForm::UNCOMPRESSED;
        let point = key.public_key().to_bytes(key.group(), form, &mut context)?;
        let point = EcPoint::from_bytes(&group, &point, &mut context)?;
        let key = EcKey::from_public_key(&group, &point)?;
        key.check_key()?;
        let key = PKey::from_ec_key(key)?;
        let pem = String::from_utf8_lossy(&key.public_key_to_pem()?).into_owned();
        Ok(Self { identifier: hex::encode(Sha256::digest(key.public_key_to_der()?)), pem })
    }
}

/// The first public key of a PEM file. OpenSSL, given a locked private one instead, would ask whoever sits at
/// the terminal for its passphrase.
fn public_block(pem: &[u8]) -> Option<&[u8]> {
    const END: &str = "-----END PUBLIC KEY-----";
    let text = std::str::from_utf8(pem).ok()?;
    let block = &text[text.find("-----BEGIN PUBLIC KEY-----")?..];
    let end = block.find(END)? + END.len();
    Some(&block.as_bytes()[..end])
}

#[derive(Serialize)]
struct Document<'a> {
    public_keys: Vec<Published<'a>>,
}

#[derive(Serialize)]
struct Published<'a> {
    key_identifier: &'a str,
    key: &'a str,
    is_current: bool,
}

/// The document that vendors fetch, as JSON: each key once, with whether anything is signed by it today;
/// those in front.
pub fn document<'a>(keys: impl IntoIterator<Item = (&'a PublicKey, bool)>) -> String {
    let mut all: Vec<Published<'_>> = Vec::new();
    for (key, is_current) in keys {
        match all.iter_mut().find(|known| known.key_identifier == key.identifier) {
            Some(known) => known.is_current |= is_current,
            None => {
                all.push(Published { key_identifier: &key.identifier, key: &key.pem, is_current });
            }
        }
    }
    all.sort_by_key(|key| !key.is_current);
    // Texts and truths in a list: nothing of it can fail.
    serde_json::to_string(&Document { public_keys: all }).unwrap_or_default()
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
