//! Reading the log, a page at a time: it may be long, and it grows meanwhile.

use super::{AuditKey, ChainId, Mac};
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

pub(super) const CHAINS: &str = "SELECT number, chain, checkpoint FROM audit_chains
    WHERE number > $1 ORDER BY number LIMIT $2";

pub(crate) const ENTRIES: &str = "SELECT seq, at, entry, prev, mac FROM audit_entries
    WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3";

pub(crate) const NEXT: &str =
    "SELECT chain FROM audit_entries WHERE chain > $1 ORDER BY chain LIMIT 1";

impl Store {
    /// The registered chains beyond this number, at most `limit`.
    pub async fn audit_chains(&self, after: i64, limit: u32) -> Result<Vec<ChainRow>, StoreError> {
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
