//! The digest: what stands for a token where the token must not be.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// SHA-256 of a token's value as 64 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 64]);

impl Digest {
    pub(crate) fn of(value: &str) -> Self {
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(Sha256::digest(value.as_bytes())) {
            pair[0] = hex_digit(byte >> 4);
            pair[1] = hex_digit(byte & 0x0f);
        }
        Self(hex)
    }

    /// The hex digits.
    pub fn as_str(&self) -> &str {
        // Only ever filled with hex digits.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Of a number below 16. Computed, not looked up: the compiler then does many at a time.
fn hex_digit(number: u8) -> u8 {
    number + if number < 10 { b'0' } else { b'a' - 10 }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}
