//! The keys, and all that is done with them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Digest, MAX_TOKEN_LEN, ParseError, Pat, SigningKey, VALUE_LEN};

/// The longest prefix, in bytes: with it a token is still far shorter than [`MAX_TOKEN_LEN`].
pub const MAX_PREFIX_LEN: usize = 64;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const MAC_LEN: usize = 32;
const SIGNATURE_LEN: usize = 43;

/// Keys of which the first signs and all verify, and the prefix that all their tokens begin with.
#[derive(Clone)]
pub struct KeyRing {
    prefix: String,
    // Each with its key already taken in, ready to be cloned: that saves two of the four blocks
    // that an HMAC of a short text hashes. They overwrite themselves when dropped.
    keys: Vec<Hmac<Sha256>>,
}

/// Why there is no key ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRingError {
    /// No key.
    #[error("there is no signing key")]
    Empty,
    /// Empty, too long, or with a character that has a meaning in a header, a URL or the token.
    #[error("the prefix is not 1 to {MAX_PREFIX_LEN} characters of [0-9A-Za-z_-]")]
    Prefix,
}

impl KeyRingError {
    /// A name that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "no_signing_key",
            Self::Prefix => "pat_prefix_invalid",
        }
    }
}

impl KeyRing {
    /// A ring of `keys`, the first of which signs, for tokens that begin with `prefix`: 1 to
    /// [`MAX_PREFIX_LEN`] characters of `[0-9A-Za-z_-]`.
    pub fn new(prefix: &str, keys: Vec<SigningKey>) -> Result<Self, KeyRingError> {
        let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        if prefix.is_empty() || prefix.len() > MAX_PREFIX_LEN || !prefix.bytes().all(plain) {
            return Err(KeyRingError::Prefix);
        }
        if keys.is_empty() {
            return Err(KeyRingError::Empty);
        }
        Ok(Self { prefix: prefix.to_owned(), keys: keys.iter().map(prepared).collect() })
    }

    /// The prefix of all its tokens.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a text claims to be one of our tokens. Says nothing about its signature.
    pub fn has_prefix(&self, text: &str) -> bool {
        text.starts_with(&self.prefix)
    }

    /// A new token, signed with the first key.
    pub fn generate<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Pat {
        let mut value = Zeroizing::new(String::with_capacity(VALUE_LEN));
        random_value(rng, &mut value);
        let mac = mac(&self.keys[0], &value);
        // Room for all from the start: a string that grows leaves copies of itself behind.
        let value_at = self.prefix.len() + SIGNATURE_LEN + 1;
        let mut token = String::with_capacity(value_at + VALUE_LEN);
        token.push_str(&self.prefix);
        URL_SAFE_NO_PAD.encode_string(mac, &mut token);
        token.push('.');
        token.push_str(&value);
        Pat::new(token, value_at)
    }

    /// The token that a text is, if a key of this ring signed it.
    pub fn parse(&self, text: &str) -> Result<Pat, ParseError> {
        let value = self.signed_value(text)?;
        Ok(Pat::new(text.to_owned(), text.len() - value.len()))
    }

    /// The digest of the token that a text is, if a key of this ring signed it. As
    /// [`Self::parse`], but allocates nothing.
    pub fn verify(&self, text: &str) -> Result<Digest, ParseError> {
        self.signed_value(text).map(Digest::of)
    }

    fn signed_value<'a>(&self, text: &'a str) -> Result<&'a str, ParseError> {
        if text.len() > MAX_TOKEN_LEN {
            return Err(ParseError::TooLong);
        }
        let rest = text.strip_prefix(self.prefix.as_str()).ok_or(ParseError::Prefix)?;
        let (signature, value) = rest.split_once('.').ok_or(ParseError::NoDot)?;
        if signature.is_empty() {
            return Err(ParseError::NoSignature);
        }
        if value.is_empty() {
            return Err(ParseError::NoValue);
        }
        let claimed = decode(signature).ok_or(ParseError::Signature)?;
        let good = |key: &Hmac<Sha256>| bool::from(mac(key, value).ct_eq(&claimed));
        if self.keys.iter().any(good) { Ok(value) } else { Err(ParseError::Signature) }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({:?}, {} keys)", self.prefix, self.keys.len())
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 section 2)")]
fn prepared(key: &SigningKey) -> Hmac<Sha256> {
    Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes any key")
}

fn mac(key: &Hmac<Sha256>, value: &str) -> [u8; MAC_LEN] {
    key.clone().chain_update(value).finalize().into_bytes().into()
}

fn decode(signature: &str) -> Option<[u8; MAC_LEN]> {
    // The length decides before the decoder looks: so it can neither overflow nor fall short.
    if signature.len() != SIGNATURE_LEN {
        return None;
    }
    let mut bytes = [0; MAC_LEN];
    URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()?;
    Some(bytes)
}

/// Appends [`VALUE_LEN`] characters. Six random bits that point behind the alphabet are thrown away
/// rather than folded back, so that every character is as likely as every other.
fn random_value<R: CryptoRng + ?Sized>(rng: &mut R, value: &mut String) {
    let mut bytes = [0; 64];
    while value.len() < VALUE_LEN {
        rng.fill_bytes(&mut bytes);
        let characters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 0x3f)));
        let missing = VALUE_LEN - value.len();
        value.extend(characters.take(missing).map(|&byte| char::from(byte)));
    }
    bytes.zeroize();
}
