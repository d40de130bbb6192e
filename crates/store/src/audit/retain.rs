//! Taking old entries away, and leaving a checkpoint for them.

use super::append::recorded;
use super::walk::Walk;
use super::{AuditKey, Batch, ChainId, ChainRow, Checkpoint, Row};
use crate::{Store, StoreError};

/// Entries that go in one commit.
const PAGE: u32 = 1000;

pub(crate) const TAKE: &str = "DELETE FROM audit_entries WHERE chain = $1 AND seq <= $2";

/// What came of taking old entries away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Entries that went.
    pub removed: u64,
    /// Chains of which nothing goes any more, since what would go is not whole.
    pub kept_as_evidence: u64,
}

impl Store {
    /// Takes away what is older than `before` (milliseconds since 1970-01-01T00:00:00Z), from the beginnings of
    /// the chains on. Each entry is proven first: whoever made one look old must not have us vouch for its
    /// absence. For one replica at a time.
    pub async fn retain_audit(&self, key: &AuditKey, before: i64) -> Result<Retained, StoreError> {
        let mut retained = Retained::default();
        let mut after = 0;
        loop {
            let chains = self.audit_chains(after, PAGE).await?;
            let Some(last) = chains.last() else { return Ok(retained) };
            after = last.number;
            for chain in &chains {
                self.retain_chain(key, chain, before, &mut retained).await?;
            }
        }
    }

    async fn retain_chain(
        &self,
        key: &AuditKey,
        row: &ChainRow,
        before: i64,
        retained: &mut Retained,
    ) -> Result<(), StoreError> {
        let Ok(chain) = ChainId::try_from(row.chain.as_slice()) else { return Ok(()) };
        let sealed = row.checkpoint.as_ref();
        let left = sealed.map(|sealed| Checkpoint::open(key, row.number, &chain, sealed));
        if left == Some(None) {
            retained.kept_as_evidence += 1;
            return Ok(());
        }
        let left = left.flatten();
        let mut before_it = row.checkpoint.clone();
        let mut walk = Walk::new(chain, left.as_ref(), false);
        loop {
            let rows = self.audit_entries(&chain, walk.last(), PAGE).await?;
            let (old, whole) = pass(key, &mut walk, &rows, before);
            if !whole {
                retained.kept_as_evidence += 1;
                tracing::error!(
                    audit.chain = hex::encode(chain),
                    audit.seq = walk.last(),
                    "the audit log is not whole here; nothing of this chain is taken away"
                );
            }
            if old > 0
                && let (Some(mac), Some(opening)) = (walk.mac().filter(|_| whole), walk.opening())
            {
                let at = self.chain().map_or(before, |own| own.clock.now_ms());
                let (seq, closed) = (walk.last(), walk.is_closed());
                let left = Checkpoint { seq, mac, opening, closed, at };
                let sealed = left.sealed(key, row.number, &chain);
                if !self.take_away(row.number, &chain, &left, (&sealed, before_it.as_ref())).await?
                {
                    return Ok(());
                }
                before_it = Some(sealed);
                retained.removed += old as u64;
            }
            // What this adds to our own chain is not for this time.
            if !whole || old < PAGE as usize {
                return Ok(());
            }
        }
    }

    /// Whether it did. Not where the checkpoint is another one by now than `before_it`: somebody else has gone
    /// further, and ours would vouch for less than is gone.
    async fn take_away(
        &self,
        number: i64,
        chain: &ChainId,
        left: &Checkpoint,
        (sealed, before_it): (&[u8], Option<&Vec<u8>>),
    ) -> Result<bool, StoreError> {
        const LEAVE: &str = "UPDATE audit_chains SET checkpoint = $1
            WHERE number = $2 AND checkpoint IS NOT DISTINCT FROM $3";
        let mut batch = Batch::default();
        Ok(recorded!(self, conn, batch => {
            let leave = sqlx::query(LEAVE).bind(sealed).bind(number).bind(before_it);
            let ours = leave.execute(&mut *conn).await?.rows_affected() == 1;
            let taken = sqlx::query(TAKE).bind(chain.as_slice()).bind(left.seq);
            let taken = if ours { taken.execute(&mut *conn).await?.rows_affected() } else { 0 };
            let members = serde_json::json!({
                "chain": hex::encode(chain), "upto": left.seq, "entries": taken,
            });
            if let (true, Some(own), Some(members)) = (ours, self.chain(), members.as_object()) {
                batch.told.push(own.tell("audit.retention", members));
            }
            ours
        })?)
    }
}

/// Passes the old ones among these. How many they are, and whether they are whole; where they are not
/// the walk stands at the first that is not.
fn pass(key: &AuditKey, walk: &mut Walk, rows: &[Row], before: i64) -> (usize, bool) {
    let mut found = Vec::new();
    for (count, row) in rows.iter().enumerate() {
        if row.at >= before {
            return (count, true);
        }
        if !walk.step(key, row, &mut found) || !found.is_empty() {
            return (count, false);
        }
    }
    (rows.len(), true)
}
