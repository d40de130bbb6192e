//! One key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};
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
        same(&self.sign(value), signature)
    }
}

/// In constant time, eight bytes at a time: `subtle` keeps the compiler from looking at each piece
/// by itself, and thirty-two such pieces cost a sixth of the HMAC.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let (a, _) = a.as_chunks::<8>();
    let (b, _) = b.as_chunks::<8>();
    let words = a.iter().zip(b).map(|(a, b)| u64::from_ne_bytes(*a).ct_eq(&u64::from_ne_bytes(*b)));
    words.fold(Choice::from(1), |all, word| all & word).into()
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}
