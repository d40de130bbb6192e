//! Sealing under a master key: AES-256-GCM (NIST SP 800-38D) with keys from HKDF-SHA256 (RFC 5869).
//!
//! Two uses, two keys: *wrapping* keeps our own long-lived keys in the database, *sealing* keeps
//! the secrets that wait to be revoked. A sealed value is `nonce (12) ‖ ciphertext ‖ tag (16)`; the
//! associated data binds it to what it belongs to, so that a value moved to another row does not
//! open.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use sha2::Sha256;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Randomness;

const KEY: usize = 32;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Why something did not seal or open.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum SealError {
    /// The value is not of our making, was changed, or belongs to another key or place.
    #[error("the sealed value does not open under this key")]
    DoesNotOpen,
    /// The cryptographic library refused, which it does only when it is broken.
    #[error("the cryptographic library refused to seal")]
    Library,
    /// The text is not 32 bytes in base64url without padding.
    #[error("not 32 bytes in base64url without padding")]
    NotAKey,
}

/// The key that everything at rest hangs on: 32 random bytes, held outside the database.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; KEY]);

impl MasterKey {
    /// A fresh key.
    pub fn generate(random: &dyn Randomness) -> Self {
        let mut bytes = [0; KEY];
        random.fill(&mut bytes);
        Self(bytes)
    }

    /// Reads base64url without padding (RFC 4648 section 5), exactly 32 bytes.
    pub fn from_base64url(text: &str) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::NotAKey)?);
        Ok(Self(bytes.as_slice().try_into().map_err(|_| SealError::NotAKey)?))
    }

    /// The key as [`Self::from_base64url`] reads it.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0))
    }

    /// Wraps a key of ours for the database; `name` is bound to it.
    pub fn wrap(
        &self,
        name: &str,
        key: &[u8],
        random: &dyn Randomness,
    ) -> Result<Vec<u8>, SealError> {
        self.derive("portcullis wrap v1")?.seal(name.as_bytes(), key, random)
    }

    /// Opens what [`Self::wrap`] made for the same `name`.
    pub fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.derive("portcullis wrap v1")?.open(name.as_bytes(), wrapped)
    }

    /// The key that seals secrets waiting to be revoked.
    pub fn sealing_key(&self) -> Result<SealingKey, SealError> {
        self.derive("portcullis seal v1")
    }

    fn derive(&self, purpose: &str) -> Result<SealingKey, SealError> {
        let mut key = [0; KEY];
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(purpose.as_bytes(), &mut key)
            .map_err(|_| SealError::Library)?;
        Ok(SealingKey(key))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

/// The master key, and those whose place it takes while it is changed.
#[derive(Debug, Clone)]
pub struct MasterKeys(Vec<MasterKey>);

/// What was wrapped, behind the place of the master key that did it.
pub type Unwrapped = (usize, Zeroizing<Vec<u8>>);

impl MasterKeys {
    /// `current` in the place of each of `previous`.
    pub fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        let mut keys = vec![current];
        keys.extend(previous);
        Self(keys)
    }

    /// All of them, the current one first. Never empty.
    pub fn all(&self) -> &[MasterKey] {
        &self.0
    }

    /// What was wrapped under `name`, and which of them did it, by its place in [`Self::all`]; `None` where
    /// none did.
    pub fn unwrap(&self, name: &str, wrapped: &[u8]) -> Result<Option<Unwrapped>, SealError> {
        for (at, key) in self.0.iter().enumerate() {
            match key.unwrap(name, wrapped) {
                Ok(plain) => return Ok(Some((at, plain))),
                Err(SealError::DoesNotOpen) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

impl From<&MasterKey> for MasterKeys {
    fn from(key: &MasterKey) -> Self {
        Self(vec![key.clone()])
    }
}

impl From<&Self> for MasterKeys {
    fn from(keys: &Self) -> Self {
        keys.clone()
    }
}

/// A derived key that seals and opens.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SealingKey([u8; KEY]);

impl SealingKey {
    /// Seals `secret`; `associated` must be given again to open it.
    pub fn seal(
        &self,
        associated: &[u8],
        secret: &[u8],
        random: &dyn Randomness,
    ) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let mut tag = [0; TAG];
        let body = encrypt_aead(
            Cipher::aes_256_gcm(),
            &self.0,
            Some(&nonce),
            associated,
            secret,
            &mut tag,
        )
        .map_err(|_| SealError::Library)?;
        Ok([nonce.as_slice(), &body, &tag].concat())
    }

    /// Opens what [`Self::seal`] made with the same associated data.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, rest) = sealed.split_at_checked(NONCE).ok_or(SealError::DoesNotOpen)?;
        let at = rest.len().checked_sub(TAG).ok_or(SealError::DoesNotOpen)?;
        let (body, tag) = rest.split_at(at);
        decrypt_aead(Cipher::aes_256_gcm(), &self.0, Some(nonce), associated, body, tag)
            .map(Zeroizing::new)
            .map_err(|_| SealError::DoesNotOpen)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandomness;

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let key = MasterKey::generate(&SystemRandomness).sealing_key().unwrap();
        let sealed = key.seal(b"row 1", b"glpat-x", &SystemRandomness).unwrap();
        assert_eq!(key.open(b"row 1", &sealed).unwrap().as_slice(), b"glpat-x");
        assert_eq!(key.open(b"row 2", &sealed), Err(SealError::DoesNotOpen));
        let other = MasterKey::generate(&SystemRandomness).sealing_key().unwrap();
        assert_eq!(other.open(b"row 1", &sealed), Err(SealError::DoesNotOpen));
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let key = MasterKey::generate(&SystemRandomness).sealing_key().unwrap();
        let sealed = key.seal(b"", b"a secret", &SystemRandomness).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(b"", &changed), Err(SealError::DoesNotOpen));
            assert_eq!(key.open(b"", &sealed[..at]), Err(SealError::DoesNotOpen));
        }
    }

    #[test]
    fn of_several_master_keys_the_one_that_wrapped_is_found() {
        let keys = [(); 3].map(|()| MasterKey::generate(&SystemRandomness));
        let ring = MasterKeys::new(keys[0].clone(), vec![keys[1].clone()]);
        for (key, at) in keys.iter().zip([Some(0), Some(1), None]) {
            let wrapped = key.wrap("pat", b"k", &SystemRandomness).unwrap();
            let found = at.map(|at| (at, Zeroizing::new(b"k".to_vec())));
            assert_eq!(ring.unwrap("pat", &wrapped), Ok(found));
            assert_eq!(ring.unwrap("audit", &wrapped), Ok(None));
        }
    }

    #[test]
    fn two_seals_of_one_secret_differ() {
        let key = MasterKey::generate(&SystemRandomness).sealing_key().unwrap();
        let one = key.seal(b"", b"same", &SystemRandomness).unwrap();
        assert_ne!(one, key.seal(b"", b"same", &SystemRandomness).unwrap());
    }

    #[test]
    fn a_master_key_survives_its_text_and_nothing_else_is_one() {
        let key = MasterKey::generate(&SystemRandomness);
        let again = MasterKey::from_base64url(&key.to_base64url()).unwrap();
        let wrapped = key.wrap("pat", b"k", &SystemRandomness).unwrap();
        assert_eq!(again.unwrap("pat", &wrapped).unwrap().as_slice(), b"k");
        assert_eq!(again.unwrap("audit", &wrapped), Err(SealError::DoesNotOpen));
        for bad in ["", "c2hvcnQ", "!!!!", &format!("{}=", *key.to_base64url())] {
            assert_eq!(MasterKey::from_base64url(bad).err(), Some(SealError::NotAKey));
        }
        assert!(!format!("{key:?}").contains(key.to_base64url().as_str()));
    }
}
