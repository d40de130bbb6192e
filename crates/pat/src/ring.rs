//! The keys in use, and what can be done with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::{Digest, ParseError, Pat, RingError, SigningKey};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const VALUE: usize = 40;

/// 32 bytes in base64url without padding.
const SIGNATURE: usize = 43;

/// The longest text that is looked at. The origin bounds neither part; a value that we made has 40
/// characters, and nobody without a key can make another one pass.
const LONGEST: usize = 1024;

/// Signs with its first key and verifies with all: a new key is put in front, the old one taken
/// away when its tokens have expired.
#[derive(Debug, Clone)]
pub struct KeyRing {
    prefix: String,
    keys: Vec<SigningKey>,
}

impl KeyRing {
    /// A ring of at least one key, for tokens with this prefix.
    pub fn new(prefix: &str, keys: Vec<SigningKey>) -> Result<Self, RingError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if prefix.is_empty() || prefix.len() > 64 || !prefix.chars().all(plain) {
            return Err(RingError::BadPrefix);
        }
        if keys.is_empty() {
            return Err(RingError::NoKey);
        }
        Ok(Self { prefix: prefix.to_owned(), keys })
    }

    /// The prefix of this ring's tokens.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a text means to be one of this ring's tokens.
    pub fn has_prefix(&self, text: &str) -> bool {
        text.starts_with(&self.prefix)
    }

    /// A new token, signed with the first key.
    pub fn generate<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Pat {
        let value = Zeroizing::new(random_value(rng));
        // The constructor refuses an empty ring.
        let signature = self.keys[0].sign(&value);
        let mut text =
            Zeroizing::new(String::with_capacity(self.prefix.len() + SIGNATURE + 1 + VALUE));
        text.push_str(&self.prefix);
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        text.push('.');
        text.push_str(&value);
        Pat::new(text, Digest::of(&value))
    }

    /// The digest of a token that one of the keys made. Allocates nothing.
    pub fn verify(&self, text: &str) -> Result<Digest, ParseError> {
        let (signature, value) = self.split(text)?;
        // Every key is tried, so that the time does not tell which one made it.
        let made = self.keys.iter().fold(false, |made, key| key.made(&signature, value) | made);
        if made { Ok(Digest::of(value)) } else { Err(ParseError::Forged) }
    }

    /// A token that one of the keys made, taken over as a secret.
    pub fn parse(&self, text: &str) -> Result<Pat, ParseError> {
        let digest = self.verify(text)?;
        Ok(Pat::new(Zeroizing::new(text.to_owned()), digest))
    }

    /// The signature's bytes and the value, split at the first dot.
    fn split<'a>(&self, text: &'a str) -> Result<([u8; 32], &'a str), ParseError> {
        let rest = text.strip_prefix(&self.prefix).ok_or(ParseError::Prefix)?;
        if text.len() > LONGEST {
            return Err(ParseError::Shape);
        }
        let (signature, value) = rest.split_once('.').ok_or(ParseError::Shape)?;
        if signature.is_empty() || value.is_empty() {
            return Err(ParseError::Shape);
        }
        // Longer ones would not fit into the buffer; the engine refuses loose trailing bits.
        if signature.len() != SIGNATURE {
            return Err(ParseError::Signature);
        }
        let mut bytes = [0; 33];
        match URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes) {
            Ok(32) => Ok((std::array::from_fn(|at| bytes[at]), value)),
            _ => Err(ParseError::Signature),
        }
    }
}

/// 62 goes four times into 248: a byte beyond is thrown away, or the first eight characters would
/// come more often than the others.
fn random_value<R: CryptoRng + ?Sized>(rng: &mut R) -> String {
    let mut value = String::with_capacity(VALUE);
    let mut bytes = Zeroizing::new([0; 64]);
    while value.len() < VALUE {
        rng.fill_bytes(bytes.as_mut_slice());
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let letters = fair.map(|byte| char::from(ALPHABET[usize::from(*byte % 62)]));
        value.extend(letters.take(VALUE - value.len()));
    }
    value
}
