//! Secrets as types: redacted in `Debug`, zeroized on drop, compared in constant time.

pub use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
pub use zeroize::{Zeroize, Zeroizing};

/// Whether two secrets are the same, in a time that tells neither where nor in length they differ:
/// their SHA-256 digests are what is compared.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    Sha256::digest(a).ct_eq(&Sha256::digest(b)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_means_equal() {
        assert!(same(b"a token", b"a token"));
        assert!(!same(b"a token", b"a tokem"));
        assert!(!same(b"a token", b"a token "));
        assert!(!same(b"", b"a"));
    }

    #[test]
    fn debug_shows_nothing() {
        assert!(!format!("{:?}", SecretString::from("hunter2")).contains("hunter2"));
    }
}
