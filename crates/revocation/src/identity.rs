//! The identity of a secret: HMAC-SHA256 (RFC 2104) under a random key of this installation, so
//! that whoever reads the database cannot try guesses against it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_store::Fingerprint;
use sha2::Sha256;

/// Turns secrets into fingerprints.
#[derive(Clone)]
pub struct Fingerprinter(Hmac<Sha256>);

impl Fingerprinter {
    /// Under this key, of any length.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "HMAC takes a key of any length (RFC 2104, section 2)"
    )]
    pub fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("a key of any length"))
    }

    /// The fingerprint of the secret alone: neither its type nor who reported it counts.
    pub fn of(&self, secret: &SecretString) -> Fingerprint {
        let mut mac = self.0.clone();
        mac.update(secret.expose_secret().as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprinter([redacted])")
    }
}

/// What people and logs see of a fingerprint: its first 8 hex digits.
pub fn short(fingerprint: &Fingerprint) -> String {
    hex::encode(&fingerprint[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_sha256_of_the_secret() {
        // RFC 4231, test case 2.
        let fingerprint =
            Fingerprinter::new(b"Jefe").of(&SecretString::from("what do ya want for nothing?"));
        assert_eq!(
            hex::encode(fingerprint),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(short(&fingerprint), "5bdcc146");
    }

    #[test]
    fn other_secrets_and_other_keys_give_other_fingerprints() {
        let (one, two) = (SecretString::from("one"), SecretString::from("two"));
        let (a, b) = (Fingerprinter::new(b"a"), Fingerprinter::new(b"b"));
        assert_eq!(a.of(&one), a.of(&one));
        assert_ne!(a.of(&one), a.of(&two));
        assert_ne!(a.of(&one), b.of(&one));
    }
}
