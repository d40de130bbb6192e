//! What stands for a token where the token itself must not be.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

const HEX_LEN: usize = 64;
const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The lowercase hex SHA-256 of a token's value: the only form in which a database holds a token.
///
/// Made only from a token whose signature was good, or that was just generated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; HEX_LEN]);

impl Digest {
    pub(crate) fn of(value: &str) -> Self {
        let mut text = [0; HEX_LEN];
        for (pair, byte) in text.chunks_exact_mut(2).zip(Sha256::digest(value)) {
            pair[0] = HEX_DIGITS[usize::from(byte >> 4)];
            pair[1] = HEX_DIGITS[usize::from(byte & 0xf)];
        }
        Self(text)
    }

    /// The 64 digits.
    #[expect(clippy::expect_used, reason = "the field holds HEX_DIGITS only, which are ASCII")]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex is ASCII")
    }
}

impl AsRef<str> for Digest {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A digest does not lead back to its token, so it may be seen.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4's own example "abc".
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn it_is_lowercase_hex_everywhere() {
        let digest = Digest::of("abc");
        assert_eq!(digest.as_str(), ABC);
        assert_eq!(digest.to_string(), ABC);
        assert_eq!(serde_json::to_value(digest).unwrap(), ABC);
        assert_eq!(format!("{digest:?}"), format!("Digest({ABC})"));
    }
}
