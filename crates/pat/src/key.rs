//! One key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::KeyError;

/// RFC 2104 advises a key no shorter than the digest; the origin's installations have keys of 16.
const SHORTEST: usize = 16;

/// A key that signs and verifies. HMAC's two key blocks are hashed once, here, so that a
/// verification costs two compressions instead of four. Zeroized on drop.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Of these bytes, at least 16.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() < SHORTEST {
            return Err(KeyError::TooShort);
        }
        // HMAC takes a key of any length, so this is the same error.
        Hmac::new_from_slice(bytes).map(Self).map_err(|_| KeyError::TooShort)
    }

    /// Of base64url without padding (RFC 4648, section 5).
    pub fn from_base64url(text: &str) -> Result<Self, KeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::NotBase64Url)?;
        Self::new(&Zeroizing::new(bytes))
    }

    pub(crate) fn sign(&self, value: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn made(&self, signature: &[u8; 32], value: &str) -> bool {
        self.sign(value).ct_eq(signature).into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}
