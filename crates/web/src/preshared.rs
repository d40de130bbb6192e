//! Tokens that both sides know.

use std::fmt;

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

/// Who is meant by which token. Only digests are kept.
pub struct Preshared<T>(Vec<([u8; 32], T)>);

impl<T> Preshared<T> {
    /// Holders by their tokens. An empty token is nobody's.
    pub fn new(holders: impl IntoIterator<Item = (SecretString, T)>) -> Self {
        let given = holders.into_iter().filter(|(token, _)| !token.expose_secret().is_empty());
        Self(given.map(|(token, holder)| (digest(&token), holder)).collect())
    }

    /// Whose token was shown. All are compared, each in constant time by its SHA-256, so that the
    /// time tells neither where nor in length a wrong one differs.
    pub fn find(&self, shown: &SecretString) -> Option<&T> {
        let shown = digest(shown);
        let mut found = u64::MAX;
        for (at, (known, _)) in (0_u64..).zip(&self.0) {
            found.conditional_assign(&at, known.ct_eq(&shown));
        }
        let (_, holder) = self.0.get(usize::try_from(found).ok()?)?;
        Some(holder)
    }
}

impl<T> fmt::Debug for Preshared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Preshared({} holders)", self.0.len())
    }
}

fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_finds_its_holder_and_no_other_finds_any() {
        let known = Preshared::new([("one", 1), ("two", 2), ("", 3)].map(|(t, n)| (t.into(), n)));
        assert_eq!(known.find(&"one".into()), Some(&1));
        assert_eq!(known.find(&"two".into()), Some(&2));
        for wrong in ["", "on", "onee", "ONE", "one "] {
            assert_eq!(known.find(&wrong.into()), None, "{wrong}");
        }
    }

    #[test]
    fn with_no_holder_nobody_is_found() {
        assert_eq!(Preshared::<()>::new([]).find(&"".into()), None);
    }
}
