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

/// The end of the chain as the database has it.
pub(crate) const LAST: &str =
    "SELECT seq, mac FROM audit_entries WHERE chain = $1 ORDER BY seq DESC LIMIT 1";

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
    /// What each attempt would have made the end of the chain.
    tried: Vec<Mac>,
}

impl Batch {
    /// These entries.
    pub fn new(told: Vec<Told>) -> Self {
        Self { told, tried: Vec::new() }
    }
}

/// This process's chain.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) key: AuditKey,
    pub(crate) id: ChainId,
    pub(crate) clock: Arc<dyn Clock>,
    end: Arc<Mutex<End>>,
    written: AtomicU64,
}

#[derive(Debug)]
struct End {
    seq: i64,
    mac: Mac,
    /// Ends that may or may not be committed, all of them linked to this one: also what was tried before the
    /// last attempt, since a commit that was given up may still arrive.
    tried: Vec<(i64, Mac)>,
    /// What was found committed after nobody had heard of it, the last of them.
    found: VecDeque<Mac>,
}

/// Whoever may try again does so before so many others were not heard of.
const FOUND: usize = 64;

/// The end of the chain in one writer's hands.
pub(crate) struct Link {
    end: OwnedMutexGuard<End>,
    next: Option<(i64, Mac)>,
    count: u64,
}

impl Chain {
    /// One whose first entry is committed, with this MAC.
    pub(super) fn new(key: AuditKey, id: ChainId, clock: Arc<dyn Clock>, opening: Mac) -> Self {
        let end = End { seq: 0, mac: opening, tried: Vec::new(), found: VecDeque::new() };
        Self { key, id, clock, end: Arc::new(Mutex::new(end)), written: AtomicU64::new(1) }
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
    /// Whether the database has to be asked where the chain ends.
    pub(crate) fn is_unsure(&self) -> bool {
        !self.end.tried.is_empty()
    }

    /// The database's answer.
    pub(crate) fn learn(&mut self, last: Option<(i64, Vec<u8>)>) {
        let Some((last, last_mac)) = last else { return };
        let end = &mut *self.end;
        let is_last =
            |(seq, mac): &&(i64, Mac)| (last, last_mac.as_slice()) == (*seq, mac.as_slice());
        if let Some((seq, mac)) = end.tried.iter().find(is_last).copied() {
            (end.seq, end.mac) = (seq, mac);
            end.tried.clear();
            end.found.truncate(FOUND - 1);
            end.found.push_front(mac);
        } else if last > end.seq {
            tracing::error!(audit.seq = last, "the audit log has entries that nobody here wrote");
            // Beyond them, and linked to our own: `audit verify` tells which ones they are.
            end.seq = last;
            end.tried.clear();
        }
    }

    /// Whether these were committed by an attempt of which nobody heard.
    pub(crate) fn has(&self, batch: &Batch) -> bool {
        batch.tried.iter().any(|tried| self.end.found.contains(tried))
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
        // The same attempt again is the same MAC.
        if !batch.tried.contains(&prev) {
            batch.tried.push(prev);
        }
        if !self.end.tried.contains(&(seq, prev)) {
            self.end.tried.push((seq, prev));
        }
        self.next = Some((seq, prev));
        self.count = rows.len() as u64;
        Value::Array(rows).to_string()
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
                sqlx::query($store.text($crate::audit::append::APPEND))
                    .bind(chain.id.as_slice())
                    .bind(rows)
                    .execute(&mut *transaction)
                    .await?;
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
    use super::*;
    use portcullis_base::SystemClock;

    fn batch(n: i64) -> Batch {
        Batch::new(vec![Told::new(n, "test.event", &Map::new())])
    }

    /// Writes without hearing of the commit.
    async fn unheard(chain: &Chain, batch: &mut Batch) -> (i64, Vec<u8>) {
        let mut link = chain.hold().await;
        link.rows(chain, batch);
        let (seq, mac) = link.next.unwrap();
        (seq, mac.to_vec())
    }

    #[tokio::test]
    async fn of_commits_in_a_row_that_nobody_heard_of_none_is_written_twice() {
        let key = AuditKey::new(&[7; 32]);
        let chain = Chain::new(key, [1; 16], Arc::new(SystemClock), [0; 32]);
        let mut all = Vec::new();
        for n in 0..3 {
            let mut one = batch(n);
            let last = unheard(&chain, &mut one).await;
            let mut link = chain.hold().await;
            assert!(link.is_unsure());
            link.learn(Some(last));
            assert!(!link.is_unsure());
            all.push(one);
        }
        let link = chain.hold().await;
        assert!(all.iter().all(|one| link.has(one)));
        assert!(!link.has(&batch(0)), "another of the same content is another");
        assert_eq!(link.end.seq, 3);
    }

    #[tokio::test]
    async fn what_is_not_there_yet_may_still_come() {
        let key = AuditKey::new(&[7; 32]);
        let chain = Chain::new(key, [1; 16], Arc::new(SystemClock), [0; 32]);
        let (mut first, mut second) = (batch(1), batch(2));
        let late = unheard(&chain, &mut first).await;
        let mut link = chain.hold().await;
        link.learn(Some((0, vec![0; 32])));
        link.rows(&chain, &mut second);
        drop(link);
        let mut link = chain.hold().await;
        link.learn(Some(late));
        assert!(link.has(&first) && !link.has(&second));
        assert_eq!(link.end.seq, 1);
    }
}
