//! Where the chains end, under a MAC: kept elsewhere, it tells of what was cut off later.

use portcullis_store::audit::{AuditKey, Head, MAC, Mac};
use portcullis_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the MAC is made for.
const KIND: &str = "head";

/// The document.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditHead)]
pub(crate) struct Heads {
    /// When it was made, in milliseconds since 1970-01-01T00:00:00Z.
    at: i64,
    chains: Vec<End>,
    mac: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditChainEnd)]
struct End {
    number: i64,
    chain: String,
    seq: i64,
    mac: String,
    closed: bool,
}

/// Why a document is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadHeads {
    /// Not the document that it is taken for.
    #[error("is not a head of an audit log")]
    Shape,
    /// Changed, or of another log.
    #[error("was changed, or belongs to the log of another database")]
    Mac,
}

impl Heads {
    /// The present ends of all chains, and an error where one of them is not ours.
    pub(crate) async fn of(store: &Store, key: &AuditKey, at: i64) -> Result<Self, StoreError> {
        let heads = store.audit_heads(key, 0, u32::try_from(i32::MAX).unwrap_or_default()).await?;
        let mac = hex::encode(mac(key, at, &heads));
        Ok(Self { at, chains: heads.into_iter().map(End::from).collect(), mac })
    }

    /// Reads a document, and proves it.
    pub(crate) fn open(key: &AuditKey, text: &[u8]) -> Result<Vec<Head>, BadHeads> {
        let read: Self = serde_json::from_slice(text).map_err(|_| BadHeads::Shape)?;
        let heads: Option<Vec<Head>> = read.chains.iter().map(End::head).collect();
        let heads = heads.ok_or(BadHeads::Shape)?;
        if hex::encode(mac(key, read.at, &heads)) == read.mac {
            Ok(heads)
        } else {
            Err(BadHeads::Mac)
        }
    }

    /// How many chains there are.
    pub(crate) fn len(&self) -> usize {
        self.chains.len()
    }
}

fn mac(key: &AuditKey, at: i64, heads: &[Head]) -> Mac {
    let mut document = key.document(KIND);
    document.add(&at.to_be_bytes());
    for head in heads {
        document.add(&head.number.to_be_bytes());
        document.add(&head.chain);
        document.add(&head.seq.to_be_bytes());
        document.add(&head.mac);
        document.add(&[u8::from(head.closed)]);
    }
    document.end()
}

impl From<Head> for End {
    fn from(head: Head) -> Self {
        let (chain, mac) = (hex::encode(head.chain), hex::encode(head.mac));
        Self { number: head.number, chain, seq: head.seq, mac, closed: head.closed }
    }
}

impl End {
    fn head(&self) -> Option<Head> {
        let (mut chain, mut mac) = ([0; 16], [0; MAC]);
        hex::decode_to_slice(&self.chain, &mut chain).ok()?;
        hex::decode_to_slice(&self.mac, &mut mac).ok()?;
        Some(Head { number: self.number, chain, seq: self.seq, mac, closed: self.closed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_believed_as_it_was_made_and_under_its_key() {
        let key = AuditKey::new(&[1; 32]);
        let head = Head { number: 1, chain: [2; 16], seq: 7, mac: [3; 32], closed: true };
        let (at, heads) = (5, vec![head]);
        let mac = hex::encode(mac(&key, at, &heads));
        let made = Heads { at, chains: heads.iter().cloned().map(End::from).collect(), mac };
        let text = serde_json::to_string(&made).unwrap();
        assert_eq!(Heads::open(&key, text.as_bytes()), Ok(heads));
        let other = AuditKey::new(&[9; 32]);
        assert_eq!(Heads::open(&other, text.as_bytes()), Err(BadHeads::Mac));
        for (from, to) in [("\"seq\":7", "\"seq\":6"), ("\"at\":5", "\"at\":6"), ("true", "false")]
        {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert_eq!(Heads::open(&key, changed.as_bytes()), Err(BadHeads::Mac), "{from}");
        }
        assert_eq!(Heads::open(&key, b"{}"), Err(BadHeads::Shape));
        assert_eq!(Heads::open(&key, &text.as_bytes()[1..]), Err(BadHeads::Shape));
    }
}
