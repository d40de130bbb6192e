//! The token.

use std::fmt;

use zeroize::Zeroizing;

use crate::Digest;

/// A token of ours, in the clear. Redacted in `Debug`, zeroized on drop, not to be cloned.
pub struct Pat {
    text: Zeroizing<String>,
    digest: Digest,
}

impl Pat {
    pub(crate) fn new(text: Zeroizing<String>, digest: Digest) -> Self {
        Self { text, digest }
    }

    /// The whole token, for the one it is meant for.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What a database may hold.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl fmt::Debug for Pat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pat([redacted])")
    }
}
