//! Where the chains end, as far as the key proves it.
//!
//! Whoever reaches the database can put a row of his own behind a chain's last entry. We must neither vouch for
//! it, nor leave the chain out without a word of what we vouch for: its end could be cut off later, unseen.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{AuditKey, CLOSING, ChainId, Checkpoint, Mac, Row};
use crate::dialect::on;
use crate::{Store, StoreError};

/// No chain of ours has this number, or one beyond.
const BEYOND_OURS: i64 = 1 << 62;

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

/// Chains of which nobody can tell where they end: one whose last row is not ours, or those that the register
/// does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// The number of the first.
    pub number: i64,
    /// The number of the last.
    pub to: i64,
    /// The chain, where it is registered.
    pub chain: Option<Vec<u8>>,
}

/// Where chains end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    /// The ends that are proven, in the order of the chains.
    pub heads: Vec<Head>,
    /// The chains that have none.
    pub unproven: Vec<Unproven>,
}

#[derive(sqlx::FromRow)]
pub(super) struct HeadRow {
    number: i64,
    chain: Vec<u8>,
    checkpoint: Option<Vec<u8>>,
    seq: Option<i64>,
    at: Option<i64>,
    entry: Option<String>,
    prev: Option<Vec<u8>>,
    mac: Option<Vec<u8>>,
}

pub(crate) const HEADS: &str =
    "SELECT c.number, c.chain, c.checkpoint, e.seq, e.at, e.entry, e.prev, e.mac
     FROM audit_chains c LEFT JOIN audit_entries e ON e.chain = c.chain
         AND e.seq = (SELECT max(l.seq) FROM audit_entries l WHERE l.chain = c.chain)
     WHERE c.number > $1 ORDER BY c.number DESC LIMIT $2";

impl HeadRow {
    /// `None` where what is at its end is not ours. A chain is registered with its first entry, and what
    /// retention took has left a checkpoint: there is always one or the other.
    fn head(&self, key: &AuditKey) -> Option<Head> {
        let chain = ChainId::try_from(self.chain.as_slice()).ok()?;
        let sealed = self.checkpoint.as_ref();
        let left = match sealed.map(|sealed| Checkpoint::open(key, self.number, &chain, sealed)) {
            None => None,
            Some(opened) => Some(opened?),
        };
        let (seq, mac, closed) = match (self.last(), left) {
            // What was taken away may have been put back, to have us forget what came behind it.
            (Some(row), left) if left.as_ref().is_none_or(|left| left.seq < row.seq) => {
                let ours = row.is_of(key, &chain, row.seq);
                let mac = Mac::try_from(row.mac).ok().filter(|_| ours)?;
                (row.seq, mac, row.entry.starts_with(CLOSING))
            }
            (_, left) => left.map(|left| (left.seq, left.mac, left.closed))?,
        };
        Some(Head { number: self.number, chain, seq, mac, closed })
    }

    fn last(&self) -> Option<Row> {
        Some(Row {
            seq: self.seq?,
            at: self.at?,
            entry: self.entry.clone()?,
            prev: self.prev.clone()?,
            mac: self.mac.clone()?,
        })
    }
}

/// Chains by their numbers, each with its end where that is ours.
type Chains = BTreeMap<i64, (Vec<u8>, Option<Head>)>;

/// With our own as we know it.
fn chains(key: &AuditKey, rows: Vec<HeadRow>, own: Option<Head>) -> Chains {
    let proven = |row: HeadRow| {
        let head = row.head(key);
        (row.number, (row.chain, head))
    };
    let mut chains: Chains = rows.into_iter().map(proven).collect();
    let Some(own) = own else { return chains };
    let same = |head: &Head| (head.chain, head.seq, head.mac) == (own.chain, own.seq, own.mac);
    if !chains.values().any(|(_, head)| head.as_ref().is_some_and(same)) {
        chains.retain(|_, (chain, _)| *chain != own.chain);
        chains.insert(own.number, (own.chain.to_vec(), Some(own)));
    }
    chains
}

impl Ends {
    /// Of what [`HEADS`] found beyond the chain `after`, and of our own.
    pub(super) fn of(
        key: &AuditKey,
        rows: Vec<HeadRow>,
        (after, limit): (i64, u32),
        own: Option<Head>,
    ) -> Self {
        let oldest = if rows.len() < limit as usize { None } else { rows.last() };
        let mut next = oldest.map_or(after.saturating_add(1), |row| row.number);
        let mut ends = Self::default();
        for (number, (chain, head)) in chains(key, rows, own) {
            // One that is none of ours says nothing of how many there are.
            if next < number && number < BEYOND_OURS {
                ends.unproven.push(Unproven { number: next, to: number - 1, chain: None });
            }
            next = next.max(number.saturating_add(1));
            match head {
                Some(head) => ends.heads.push(head),
                None => ends.unproven.push(Unproven { number, to: number, chain: Some(chain) }),
            }
        }
        ends
    }
}

impl Unproven {
    /// As an entry has it.
    pub(super) fn named(&self) -> Value {
        let chain = self.chain.as_ref().map(hex::encode);
        json!({ "number": self.number, "to": self.to, "chain": chain })
    }
}

impl Store {
    /// Where the chains end that are beyond this number, the youngest `limit` of them, in their order.
    ///
    /// # Errors
    /// [`StoreError::UnprovenEnd`] where that of one of them is not ours.
    pub async fn audit_heads(
        &self,
        key: &AuditKey,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Head>, StoreError> {
        let Ends { heads, unproven } = self.audit_ends(key, after, limit).await?;
        match unproven.first() {
            None => Ok(heads),
            Some(first) => Err(StoreError::UnprovenEnd(first.number)),
        }
    }

    /// The same, with those of which nobody can tell. Of our own chain we know better than a database from
    /// which somebody may have cut.
    pub async fn audit_ends(
        &self,
        key: &AuditKey,
        after: i64,
        limit: u32,
    ) -> Result<Ends, StoreError> {
        let rows: Vec<HeadRow> = on!(read self, conn =>
            sqlx::query_as(HEADS).bind(after).bind(i64::from(limit)).fetch_all(&mut *conn).await?)?;
        let own = match self.chain().filter(|own| own.number > after) {
            None => None,
            Some(own) => {
                let (seq, mac) = own.hold().await.committed_last();
                Some(Head { number: own.number, chain: own.id, seq, mac, closed: false })
            }
        };
        Ok(Ends::of(key, rows, (after, limit), own))
    }
}
