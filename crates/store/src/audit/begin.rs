//! The beginning of a chain, and its end.

use std::sync::Arc;

use portcullis_base::Clock;
use serde_json::{Map, Value, json};

use super::append::Chain;
use super::ends::{Ends, HEADS, HeadRow, Unproven};
use super::{AuditKey, Batch, CLOSE, ChainId, Checkpoint, Mac, NOTHING_BEFORE, OPEN, Told};
use crate::dialect::on;
use crate::{Store, StoreError};

/// Several replicas may begin at once, and one number is for one of them.
const ATTEMPTS: u32 = 50;

/// As many other chains are named as are likely to be alive, and many more.
const NAMED: u32 = 32;

impl Store {
    /// Begins this process's chain: from now on what this store does by itself is recorded, in the
    /// transaction that does it. `about` says who begins. Once for each open database.
    pub async fn begin_chain(
        &self,
        key: AuditKey,
        id: ChainId,
        clock: Arc<dyn Clock>,
        about: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        let mut attempts = 0;
        loop {
            match self.open_chain(&key, &id, clock.as_ref(), about).await {
                Ok((number, opening)) => {
                    self.set_chain(Chain::new(key, (number, id), clock, opening));
                    return Ok(());
                }
                // Somebody else has taken the number.
                Err(StoreError::Refused(sqlx::Error::Database(error)))
                    if error.is_unique_violation() && attempts < ATTEMPTS =>
                {
                    attempts += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn open_chain(
        &self,
        key: &AuditKey,
        id: &ChainId,
        clock: &dyn Clock,
        about: &Map<String, Value>,
    ) -> Result<(i64, Mac), StoreError> {
        // No chain of ours has a number beyond 2^62, so that the next one can always be counted, whatever somebody
        // else wrote there.
        const LAST: &str = "SELECT c.number, c.chain, c.checkpoint, e.mac FROM audit_chains c
             LEFT JOIN audit_entries e ON e.chain = c.chain AND e.seq = 0
             WHERE c.number < 4611686018427387904 ORDER BY c.number DESC LIMIT 1";
        const REGISTER: &str = "INSERT INTO audit_chains (number, chain) VALUES ($1, $2)";
        const FIRST: &str = "INSERT INTO audit_entries (chain, seq, at, entry, prev, mac)
            VALUES ($1, 0, $2, $3, $4, $5)";
        Ok(on!(write self, conn => {
            let mut transaction = sqlx::Connection::begin(conn).await?;
            let last: Option<Last> = sqlx::query_as(LAST).fetch_optional(&mut *transaction).await?;
            let heads: Vec<HeadRow> = sqlx::query_as(HEADS)
                .bind(0_i64).bind(i64::from(NAMED)).fetch_all(&mut *transaction).await?;
            let number = last.as_ref().map_or(1, |last| last.0 + 1);
            let mut members = about.clone();
            members.insert("number".to_owned(), number.into());
            members.insert("before".to_owned(), before(key, last));
            members.extend(named(key, heads, id));
            let Told { at, entry } = Told::new(clock.now_ms(), OPEN, &members);
            let mac = key.of_entry(id, 0, at, &NOTHING_BEFORE, &entry);
            sqlx::query(REGISTER)
                .bind(number).bind(id.as_slice()).execute(&mut *transaction).await?;
            sqlx::query(FIRST)
                .bind(id.as_slice()).bind(at).bind(entry)
                .bind(NOTHING_BEFORE.as_slice()).bind(mac.as_slice())
                .execute(&mut *transaction).await?;
            transaction.commit().await?;
            (number, mac)
        })?)
    }

    /// Names the present ends of the other chains in this one, so that nobody cuts them off unseen. `event` is
    /// [`HEADS`](super::HEADS), or [`CLOSE`] for the last entry of this process.
    pub async fn witness(&self, event: &str) -> Result<(), StoreError> {
        let Some(chain) = self.chain() else { return Ok(()) };
        let rows: Vec<HeadRow> = on!(read self, conn =>
            sqlx::query_as(HEADS).bind(0_i64).bind(i64::from(NAMED)).fetch_all(&mut *conn).await?)?;
        let members = named(&chain.key, rows, &chain.id);
        let nothing = |names: &Value| names.as_array().is_none_or(Vec::is_empty);
        if event != CLOSE && members.values().all(nothing) {
            return Ok(());
        }
        self.record(&mut Batch::new(vec![chain.tell(event, &members)])).await
    }
}

/// A chain's number, identity and checkpoint, and the MAC of its first entry.
type Last = (i64, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

/// The chain before, by the MAC of its first entry. It is null where somebody took that away.
fn before(key: &AuditKey, last: Option<Last>) -> Value {
    let Some((number, chain, checkpoint, opening)) = last else { return Value::Null };
    let removed = || {
        let id = ChainId::try_from(chain.as_slice()).ok()?;
        Some(Checkpoint::open(key, number, &id, checkpoint.as_deref()?)?.opening.to_vec())
    };
    let opening = opening.or_else(removed);
    json!({ "chain": hex::encode(&chain), "mac": opening.map(hex::encode) })
}

/// The ends of all chains but this one, and the chains that have none: to take away what hid the end does not
/// undo that we saw it.
fn named(key: &AuditKey, rows: Vec<HeadRow>, own: &ChainId) -> Map<String, Value> {
    let Ends { heads, unproven } = Ends::of(key, rows, (0, NAMED), None);
    let heads = heads.into_iter().filter(|head| head.chain != *own);
    let heads = heads.map(|head| json!([hex::encode(head.chain), head.seq])).collect();
    let mut members = Map::from_iter([("heads".to_owned(), heads)]);
    if let Some(first) = unproven.first() {
        tracing::error!(
            audit.number = first.number,
            "the audit log does not end here with what was written: `portcullis audit verify` tells more"
        );
        let unproven = unproven.iter().map(Unproven::named).collect();
        members.insert("unproven".to_owned(), unproven);
    }
    members
}
