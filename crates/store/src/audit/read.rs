//! Reading the log, a page at a time: it may be long, and it grows meanwhile.

use super::{AuditKey, ChainId, Checkpoint, Mac};
use crate::dialect::on;
use crate::{Store, StoreError};

/// An entry as it lies there; nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    /// Its number in its chain.
    pub seq: i64,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// What: JSON.
    pub entry: String,
    /// The MAC of the entry before.
    pub prev: Vec<u8>,
    /// Its own.
    pub mac: Vec<u8>,
}

impl Row {
    /// Whether it is ours, as it is, at this place.
    pub fn is_of(&self, key: &AuditKey, chain: &ChainId, seq: i64) -> bool {
        let Ok(prev) = <&Mac>::try_from(self.prev.as_slice()) else { return false };
        key.of_entry(chain, seq, self.at, prev, &self.entry) == self.mac.as_slice()
    }
}

/// A chain as it is registered; nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ChainRow {
    /// Its number, from 1 and without a gap.
    pub number: i64,
    /// Its identity.
    pub chain: Vec<u8>,
    /// What retention left, sealed.
    pub checkpoint: Option<Vec<u8>>,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The chain's number.
    pub number: i64,
    /// The chain.
    pub chain: ChainId,
    /// Its last entry.
    pub seq: i64,
    /// That entry's MAC.
    pub mac: Mac,
    /// Whether its process was stopped in order.
    pub closed: bool,
}

#[derive(sqlx::FromRow)]
pub(super) struct HeadRow {
    number: i64,
    chain: Vec<u8>,
    checkpoint: Option<Vec<u8>>,
    seq: Option<i64>,
    mac: Option<Vec<u8>>,
    beginning: Option<String>,
}

/// As long as what a closing entry begins with.
pub(crate) const HEADS: &str =
    "SELECT c.number, c.chain, c.checkpoint, e.seq, e.mac, substr(e.entry, 1, 22) AS beginning
     FROM audit_chains c LEFT JOIN audit_entries e ON e.chain = c.chain
         AND e.seq = (SELECT max(l.seq) FROM audit_entries l WHERE l.chain = c.chain)
     WHERE c.number > $1 ORDER BY c.number DESC LIMIT $2";

pub(crate) const ENTRIES: &str = "SELECT seq, at, entry, prev, mac FROM audit_entries
    WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3";

pub(crate) const NEXT: &str =
    "SELECT chain FROM audit_entries WHERE chain > $1 ORDER BY chain LIMIT 1";

const CLOSING: &str = r#"{"event":"audit.close""#;

impl HeadRow {
    /// `None` where the chain has nothing that could be its end.
    pub(super) fn head(self, key: &AuditKey) -> Option<Head> {
        let chain = self.chain.try_into().ok()?;
        let (seq, mac, closed) = if let (Some(seq), Some(mac)) = (self.seq, self.mac) {
            (seq, mac.try_into().ok()?, self.beginning.as_deref() == Some(CLOSING))
        } else {
            let left = Checkpoint::open(key, self.number, &chain, &self.checkpoint?)?;
            (left.seq, left.mac, left.closed)
        };
        Some(Head { number: self.number, chain, seq, mac, closed })
    }
}

impl Store {
    /// Where the chains end that are beyond this number, the youngest `limit` of them, in their order. Of our
    /// own chain we know better than a database from which somebody may have cut.
    pub async fn audit_heads(
        &self,
        key: &AuditKey,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Head>, StoreError> {
        let rows: Vec<HeadRow> = on!(read self, conn =>
            sqlx::query_as(HEADS).bind(after).bind(i64::from(limit)).fetch_all(&mut *conn).await?)?;
        let mut heads: Vec<Head> = rows.into_iter().rev().filter_map(|row| row.head(key)).collect();
        let Some(own) = self.chain().filter(|own| own.number > after) else { return Ok(heads) };
        let (seq, mac) = own.hold().await.committed_last();
        if !heads.iter().any(|head| (head.chain, head.seq, head.mac) == (own.id, seq, mac)) {
            heads.retain(|head| head.chain != own.id);
            heads.push(Head { number: own.number, chain: own.id, seq, mac, closed: false });
            heads.sort_by_key(|head| head.number);
        }
        Ok(heads)
    }

    /// The registered chains beyond this number, at most `limit`.
    pub async fn audit_chains(&self, after: i64, limit: u32) -> Result<Vec<ChainRow>, StoreError> {
        const CHAINS: &str = "SELECT number, chain, checkpoint FROM audit_chains
            WHERE number > $1 ORDER BY number LIMIT $2";
        Ok(on!(read self, conn =>
            sqlx::query_as(CHAINS).bind(after).bind(i64::from(limit)).fetch_all(&mut *conn).await?)?)
    }

    /// The entries of a chain beyond this one, at most `limit`.
    pub async fn audit_entries(
        &self,
        chain: &[u8],
        after: i64,
        limit: u32,
    ) -> Result<Vec<Row>, StoreError> {
        Ok(on!(read self, conn =>
            sqlx::query_as(ENTRIES).bind(chain).bind(after).bind(i64::from(limit))
                .fetch_all(&mut *conn).await?)?)
    }

    /// The chain of any entry beyond this chain, in the order of their identities.
    pub async fn next_audited_chain(&self, after: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(on!(read self, conn =>
            sqlx::query_scalar(NEXT).bind(after).fetch_optional(&mut *conn).await?)?)
    }
}
