//! The secret that signs tokens.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;
use zeroize::Zeroizing;

/// The fewest bytes a key may have.
///
/// 128 bits cannot be searched through. 32 random bytes are what the hash can make use of
/// (RFC 2104 section 3); shorter keys are taken because keys of the origin may be shorter.
pub const MIN_KEY_BYTES: usize = 16;

/// A secret key for HMAC-SHA256. Random bytes, please: nothing here makes a passphrase safe.
pub struct SigningKey(Zeroizing<Vec<u8>>);

/// Why something is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Fewer than [`MIN_KEY_BYTES`].
    #[error("the signing key has fewer than {MIN_KEY_BYTES} bytes")]
    TooShort,
    /// Not base64url (RFC 4648 section 5) without padding and without loose bits at the end.
    #[error("the signing key is not base64url without padding")]
    Encoding,
}

impl KeyError {
    /// A name that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort => "signing_key_too_short",
            Self::Encoding => "signing_key_encoding",
        }
    }
}

impl SigningKey {
    /// A key of these bytes, as they are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::checked(Zeroizing::new(bytes.to_vec()))
    }

    /// A key written in base64url without padding.
    pub fn from_base64url(text: &str) -> Result<Self, KeyError> {
        // Room for all from the start: a buffer that grows leaves copies of the key behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
        URL_SAFE_NO_PAD.decode_vec(text, &mut bytes).map_err(|_| KeyError::Encoding)?;
        Self::checked(bytes)
    }

    fn checked(bytes: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        if bytes.len() < MIN_KEY_BYTES { Err(KeyError::TooShort) } else { Ok(Self(bytes)) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_same_key() {
        let written = SigningKey::from_base64url("__79_Pv6-fj39vX08_Lx8A").unwrap();
        let bytes: Vec<u8> = (0xf0..=0xff).rev().collect();
        assert_eq!(written.as_bytes(), SigningKey::from_bytes(&bytes).unwrap().as_bytes());
    }

    #[test]
    fn short_keys_are_refused() {
        assert_eq!(SigningKey::from_bytes(&[7; 15]).unwrap_err(), KeyError::TooShort);
        assert_eq!(SigningKey::from_base64url("").unwrap_err(), KeyError::TooShort);
        assert!(SigningKey::from_bytes(&[7; 16]).is_ok());
    }

    #[test]
    fn other_encodings_are_refused() {
        for text in [
            "//79/Pv6+fj39vX08/Lx8A",   // the alphabet of plain base64
            "__79_Pv6-fj39vX08_Lx8A==", // padded
            "__79_Pv6-fj39vX08_Lx8B",   // loose bits at the end
            "__79_Pv6-fj39vX08_Lx8A\n",
            "__79_Pv6-fj39vX08_Lx8AAAA ",
        ] {
            assert_eq!(SigningKey::from_base64url(text).unwrap_err(), KeyError::Encoding, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_byte_of_it() {
        let key = SigningKey::from_bytes(b"0123456789abcdef").unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey([redacted])");
    }
}
