//! The signature over a body: which key is said to have made it, and whether it did.

use std::fmt;

use actix_web::http::header::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::sign::Verifier;

/// No signature of P-256 is longer: 72 bytes of DER are 96 characters.
const LONGEST: usize = 96;

/// The names of a programme's two headers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) identifier: &'static str,
    pub(crate) signature: &'static str,
}

/// What the two headers say. Nothing of it is proven.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claimed<'a> {
    pub(super) identifier: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Claimed<'a> {
    /// The first header that is not there exactly once, in visible characters, is the error.
    pub(super) fn read(headers: &'a HeaderMap, names: Names) -> Result<Self, &'static str> {
        let read = |name: &'static str| {
            let mut all = headers.get_all(name);
            let only = all.next().filter(|_| all.next().is_none());
            let text = only.and_then(|value| value.to_str().ok());
            text.filter(|text| !text.is_empty()).ok_or(name)
        };
        Ok(Self { identifier: read(names.identifier)?, signature: read(names.signature)? })
    }
}

/// A public key of P-256.
#[derive(Clone)]
pub(super) struct PublicKey(PKey<Public>);

impl PublicKey {
    /// Reads PEM (`BEGIN PUBLIC KEY`); `None` where that is no key of P-256.
    pub(super) fn from_pem(pem: &str) -> Option<Self> {
        let key = PKey::public_key_from_pem(pem.as_bytes()).ok()?;
        let ec = key.ec_key().ok()?;
        ec.check_key().ok()?;
        let fits = ec.group().curve_name() == Some(Nid::X9_62_PRIME256V1);
        fits.then_some(Self(key))
    }

    /// Whether `signature`, in standard base64, is an ECDSA signature (DER) of this key's over the
    /// SHA-256 of `signed`. The library takes no other form of DER than the one that it writes itself.
    pub(super) fn made(&self, signature: &str, signed: &[u8]) -> bool {
        if signature.len() > LONGEST {
            return false;
        }
        let Ok(der) = STANDARD.decode(signature) else { return false };
        self.verify(&der, signed).unwrap_or(false)
    }

    fn verify(&self, der: &[u8], signed: &[u8]) -> Result<bool, ErrorStack> {
        Verifier::new(MessageDigest::sha256(), &self.0)?.verify_oneshot(der, signed)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(P-256)")
    }
}
