//! The MACs of the log, each with a domain of its own.

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_base::secret::Zeroizing;
use sha2::Sha256;

use super::ChainId;

/// How long a MAC is, in bytes.
pub const MAC: usize = 32;

/// HMAC-SHA256.
pub type Mac = [u8; MAC];

const ENTRY: &[u8] = b"portcullis audit entry v1\0";
const CHECKPOINT: &[u8] = b"portcullis audit checkpoint v1\0";
const DOCUMENT: &[u8] = b"portcullis audit document v1\0";

/// The key of the log: random, made once for a database.
#[derive(Clone)]
pub struct AuditKey(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuditKey([redacted])")
    }
}

/// A document whose MAC is made as it is written, or read.
pub struct Running(Hmac<Sha256>);

impl AuditKey {
    /// The key of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The MAC of an entry at its place. All but the entry is of a fixed length, and the entry comes last:
    /// no two entries or places give the same bytes.
    pub fn of_entry(&self, chain: &ChainId, seq: i64, at: i64, prev: &Mac, entry: &str) -> Mac {
        let (seq, at) = (seq.to_be_bytes(), at.to_be_bytes());
        self.over(&[ENTRY, chain, &seq, &at, prev, entry.as_bytes()])
    }

    /// The MAC of a checkpoint's bytes.
    pub(super) fn of_checkpoint(&self, bytes: &[u8]) -> Mac {
        self.over(&[CHECKPOINT, bytes])
    }

    /// Begins the MAC of a document of this kind; the kind has no NUL.
    pub fn document(&self, kind: &str) -> Running {
        let mut running = Running(self.hmac());
        for part in [DOCUMENT, kind.as_bytes(), b"\0"] {
            running.add(part);
        }
        running
    }

    fn over(&self, parts: &[&[u8]]) -> Mac {
        let mut running = Running(self.hmac());
        for part in parts {
            running.add(part);
        }
        running.end()
    }

    fn hmac(&self) -> Hmac<Sha256> {
        // HMAC takes keys of any length (RFC 2104).
        #[expect(clippy::expect_used, reason = "no length of a key is refused")]
        Hmac::new_from_slice(&self.0).expect("HMAC takes keys of any length")
    }
}

impl Running {
    /// More of the document.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The MAC of all that was added.
    pub fn end(self) -> Mac {
        self.0.finalize().into_bytes().into()
    }
}
