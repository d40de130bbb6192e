//! Writing into this process's chain.
//!
//! Whoever writes holds the end of the chain from before its rows are linked until they are committed, and
//! takes it last, after its connection and its locks: so nobody who holds it waits for anybody.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_base::Clock;
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{AuditKey, ChainId, Mac, Told};
use crate::dialect::Sql;
use crate::{Store, StoreError};

/// The end of the chain as the database has it. No entry of ours has a number beyond 2^62, so that the next
/// one can always be counted, whatever somebody else wrote there.
pub(crate) const LAST: &str = "SELECT seq, mac FROM audit_entries
    WHERE chain = $1 AND seq < 4611686018427387904 ORDER BY seq DESC LIMIT 1";

/// Attempts of which nobody heard that are remembered; more than can be under way at a time.
const REMEMBERED: usize = 64;

pub(crate) const APPEND: Sql = Sql {
    postgres: "INSERT INTO audit_entries (chain, seq, at, entry, prev, mac)
        SELECT $1, (v ->> 0)::bigint, (v ->> 1)::bigint, v ->> 2, decode(v ->> 3, 'hex'),
            decode(v ->> 4, 'hex')
        FROM jsonb_array_elements($2::jsonb) AS v",
    sqlite: "INSERT INTO audit_entries (chain, seq, at, entry, prev, mac)
        SELECT $1, s.value ->> 0, s.value ->> 1, s.value ->> 2, unhex(s.value ->> 3),
            unhex(s.value ->> 4)
        FROM json_each($2) AS s",
};

/// Entries that are written together, and may be tried again until they are.
#[derive(Debug, Default)]
pub struct Batch {
    /// The entries, in their order.
    pub told: Vec<Told>,
    /// What the last attempt would have made the end of the chain.
    tried: Option<Mac>,
}

impl Batch {
    /// These entries.
    pub fn new(told: Vec<Told>) -> Self {
        Self { told, tried: None }
    }
}

/// This process's chain.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) key: AuditKey,
    pub(crate) number: i64,
    pub(crate) id: ChainId,
    pub(crate) clock: Arc<dyn Clock>,
    end: Arc<Mutex<End>>,
    written: AtomicU64,
}

#[derive(Debug)]
struct End {
    seq: i64,
    mac: Mac,
    /// Attempts of which nobody has heard. One of them may be committed, or will be: a database that was slow
    /// to answer may commit after the next one was tried. All begin behind the same entry, so no second one can.
    tried: VecDeque<(i64, Mac)>,
    /// What was found committed after nobody had heard of it.
    found: VecDeque<Mac>,
}

/// The end of the chain in one writer's hands.
pub(crate) struct Link {
    end: OwnedMutexGuard<End>,
    next: Option<(i64, Mac)>,
    count: u64,
}

impl Chain {
    /// One of this number, whose first entry is committed, with this MAC.
    pub(super) fn new(
        key: AuditKey,
        (number, id): (i64, ChainId),
        clock: Arc<dyn Clock>,
        opening: Mac,
    ) -> Self {
        let (tried, found) = (VecDeque::new(), VecDeque::new());
        let end = End { seq: 0, mac: opening, tried, found };
        Self { key, number, id, clock, end: Arc::new(Mutex::new(end)), written: AtomicU64::new(1) }
    }

    pub(crate) async fn hold(&self) -> Link {
        Link { end: Arc::clone(&self.end).lock_owned().await, next: None, count: 0 }
    }

    /// An event that happens now.
    pub(crate) fn tell(&self, event: &str, members: &Map<String, Value>) -> Told {
        Told::new(self.clock.now_ms(), event, members)
    }

    /// Something that nobody asked for: what is due is done.
    pub(crate) fn tell_of_worker<const N: usize>(
        &self,
        event: &str,
        members: [(&str, Value); N],
    ) -> Told {
        let by = ("by".to_owned(), json!({ "method": "worker" }));
        let members = members.map(|(name, value)| (name.to_owned(), value));
        self.tell(event, &members.into_iter().chain([by]).collect())
    }
}

impl Link {
    /// The last entry that is known to be committed.
    pub(super) fn committed_last(&self) -> (i64, Mac) {
        (self.end.seq, self.end.mac)
    }

    /// Whether the database has to be asked where the chain ends.
    pub(crate) fn is_unsure(&self) -> bool {
        !self.end.tried.is_empty()
    }

    /// The database's answer.
    pub(crate) fn learn(&mut self, last: Option<(i64, Vec<u8>)>) {
        let Some((last, last_mac)) = last else { return };
        let is_last = |(seq, mac): &&(i64, Mac)| (*seq, mac.as_slice()) == (last, &last_mac);
        if let Some((seq, mac)) = self.end.tried.iter().find(is_last).copied() {
            (self.end.seq, self.end.mac) = (seq, mac);
            self.end.tried.clear();
            push(&mut self.end.found, mac);
        } else if last > self.end.seq {
            tracing::error!(audit.seq = last, "the audit log has entries that nobody here wrote");
            // Beyond them, and linked to our own: `audit verify` tells which ones they are.
            self.end.seq = last;
            self.end.tried.clear();
        }
    }

    /// Whether these were committed by an attempt of which nobody heard.
    pub(crate) fn has(&self, batch: &Batch) -> bool {
        batch.tried.is_some_and(|tried| self.end.found.contains(&tried))
    }

    /// The rows of these entries, as [`APPEND`] takes them.
    pub(crate) fn rows(&mut self, chain: &Chain, batch: &mut Batch) -> String {
        let (mut seq, mut prev) = (self.end.seq, self.end.mac);
        let mut rows = Vec::with_capacity(batch.told.len());
        for told in &batch.told {
            seq += 1;
            let mac = chain.key.of_entry(&chain.id, seq, told.at, &prev, &told.entry);
            rows.push(json!([seq, told.at, told.entry, hex::encode(prev), hex::encode(mac)]));
            prev = mac;
        }
        if !self.end.tried.contains(&(seq, prev)) {
            push(&mut self.end.tried, (seq, prev));
        }
        self.next = Some((seq, prev));
        self.count = rows.len() as u64;
        batch.tried = Some(prev);
        Value::Array(rows).to_string()
    }

    /// So many rows were taken by the database. One that drops some without an error, by a trigger or a rule,
    /// must not have us answer that they are there.
    pub(crate) fn all_taken(&self, rows: u64) -> Result<(), sqlx::Error> {
        if rows == self.count {
            return Ok(());
        }
        Err(sqlx::Error::Protocol("the database drops entries of the audit log".into()))
    }

    /// The rows are committed.
    pub(crate) fn committed(mut self, chain: &Chain) {
        if let Some((seq, mac)) = self.next {
            (self.end.seq, self.end.mac) = (seq, mac);
            self.end.tried.clear();
            chain.written.fetch_add(self.count, Ordering::Relaxed);
        }
    }
}

fn push<T>(remembered: &mut VecDeque<T>, one: T) {
    if remembered.len() == REMEMBERED {
        remembered.pop_front();
    }
    remembered.push_back(one);
}

/// Runs `$body` in a transaction, and in the same one writes what it has put into `$batch` into the chain,
/// where there is one. `$conn` is the transaction's connection. Gives a `Result` with [`sqlx::Error`].
macro_rules! recorded {
    ($store:expr, $conn:ident, $batch:expr => $body:expr) => {
        match $store.backend() {
            $crate::open::Backend::Postgres(pool) => {
                $crate::dialect::patiently!(pool, $crate::dialect::PATIENCE, held =>
                    $crate::audit::append::recorded!(within $store, held, $conn, $batch => $body))
            }
            $crate::open::Backend::Sqlite(sqlite) => {
                let writer = &sqlite.writer;
                $crate::dialect::patiently!(writer, $crate::dialect::PATIENCE, held =>
                    $crate::audit::append::recorded!(within $store, held, $conn, $batch => $body))
            }
        }
    };
    (within $store:expr, $held:ident, $conn:ident, $batch:expr => $body:expr) => {{
        let mut transaction = sqlx::Connection::begin($held).await?;
        let value = {
            let $conn = &mut *transaction;
            $body
        };
        let chain = $store.chain().filter(|_| !$batch.told.is_empty());
        let mut link = None;
        if let Some(chain) = chain {
            let mut end = chain.hold().await;
            if end.is_unsure() {
                let last = sqlx::query_as($crate::audit::append::LAST).bind(chain.id.as_slice());
                end.learn(last.fetch_optional(&mut *transaction).await?);
            }
            if !end.has(&$batch) {
                let rows = end.rows(chain, &mut $batch);
                let taken = sqlx::query($store.text($crate::audit::append::APPEND))
                    .bind(chain.id.as_slice())
                    .bind(rows)
                    .execute(&mut *transaction)
                    .await?;
                end.all_taken(taken.rows_affected())?;
            }
            link = Some((end, chain));
        }
        transaction.commit().await?;
        if let Some((end, chain)) = link {
            end.committed(chain);
        }
        value
    }};
}

pub(crate) use recorded;

impl Store {
    /// Writes entries into this process's chain, in one commit; nothing where no chain was begun. After an
    /// error the same batch may be tried again: it is in the chain once, whatever became of the first attempt.
    pub async fn record(&self, batch: &mut Batch) -> Result<(), StoreError> {
        Ok(recorded!(self, _conn, *batch => ())?)
    }

    /// How many entries this process has written.
    pub fn entries_written(&self) -> u64 {
        self.chain().map_or(0, |chain| chain.written.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use portcullis_base::SystemClock;

    use super::*;

    fn batch(n: i64) -> Batch {
        Batch::new(vec![Told { at: n, entry: "{}".to_owned() }])
    }

    /// One whose answer never came.
    async fn try_unheard(chain: &Chain, batch: &mut Batch, last: Option<(i64, Vec<u8>)>) {
        let mut link = chain.hold().await;
        if link.is_unsure() {
            link.learn(last);
        }
        assert!(!link.has(batch));
        link.rows(chain, batch);
    }

    #[tokio::test]
    async fn one_that_is_committed_late_is_known_after_others_were_tried() {
        let opening = [1; 32];
        let chain =
            Chain::new(AuditKey::new(&[7; 32]), (1, [2; 16]), Arc::new(SystemClock), opening);
        let (mut late, mut other) = (batch(1), batch(2));
        try_unheard(&chain, &mut late, None).await;
        // The database does not have it yet, and stops the next one, since it is about to have it.
        try_unheard(&chain, &mut other, Some((0, opening.to_vec()))).await;
        let mac = late.tried.unwrap();
        let mut link = chain.hold().await;
        assert!(link.is_unsure());
        link.learn(Some((1, mac.to_vec())));
        assert!(link.has(&late) && !link.has(&other));
        assert_eq!((link.end.seq, link.end.mac), (1, mac));
        link.rows(&chain, &mut other);
        link.committed(&chain);
        let link = chain.hold().await;
        assert!(link.has(&late) && !link.is_unsure());
        assert_eq!(link.end.seq, 2);
    }

    #[tokio::test]
    async fn what_is_remembered_of_attempts_is_bounded() {
        let chain =
            Chain::new(AuditKey::new(&[7; 32]), (1, [2; 16]), Arc::new(SystemClock), [1; 32]);
        for n in 0..1000 {
            try_unheard(&chain, &mut batch(n), None).await;
        }
        assert_eq!(chain.hold().await.end.tried.len(), REMEMBERED);
    }
}
