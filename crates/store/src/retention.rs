//! Forgetting what ended long ago.

use std::time::Duration;

use sqlx::Connection as _;

use crate::dialect::{Sql, listed, on, sql};
use crate::issuances::ROWS;
use crate::queue::fingerprint;
use crate::{Fingerprint, Store, StoreError};

/// How many are forgotten at once: on SQLite nobody else writes meanwhile.
const AT_ONCE: usize = 1000;

/// How far it was gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    created_at: i64,
    fingerprint: Fingerprint,
    /// How many were forgotten.
    pub count: u64,
}

/// An end comes after the beginning, so the index by time leads to all that ended long ago. What is looked at and
/// kept is little: secrets that waited for long, or began anew. What still has its seal, or is still to be told
/// of, is kept. On Postgres a row that somebody reports this moment is left to the next time.
pub(crate) const FIND: Sql = Sql {
    postgres: "SELECT created_at, fingerprint FROM revocations
        WHERE created_at <= (extract(epoch from statement_timestamp()) * 1000)::bigint - $1
            AND ended_at <= (extract(epoch from statement_timestamp()) * 1000)::bigint - $1
            AND sealed IS NULL AND NOT tell AND (created_at, fingerprint) > ($2, $3)
        ORDER BY created_at, fingerprint LIMIT 1000 FOR UPDATE SKIP LOCKED",
    sqlite: sql!(
        "SELECT created_at, fingerprint FROM revocations
        WHERE created_at <= " NOW " - $1 AND ended_at <= " NOW " - $1
            AND sealed IS NULL AND NOT tell AND (created_at, fingerprint) > ($2, $3)
        ORDER BY created_at, fingerprint LIMIT 1000"
    )
    .sqlite,
};

impl Store {
    /// Forgets up to a thousand rows that ended longer ago than `keep`, with their sightings and attempts,
    /// beginning behind `after`. `None` where there are no more.
    pub async fn forget_ended(
        &self,
        keep: Duration,
        after: Option<Forgotten>,
    ) -> Result<Option<Forgotten>, StoreError> {
        let (find, rows) = (self.text(FIND), ROWS.map(|sql| self.text(sql)));
        let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX / 2);
        let (from, behind) = match after {
            Some(after) => (after.created_at, after.fingerprint.to_vec()),
            None => (i64::MIN, Vec::new()),
        };
        let found: Vec<(i64, Vec<u8>)> = on!(write self, conn => {
            let mut transaction = conn.begin().await?;
            let found: Vec<(i64, Vec<u8>)> = sqlx::query_as(find)
                .bind(keep).bind(from).bind(&behind).fetch_all(&mut *transaction).await?;
            let mut all = Vec::with_capacity(found.len());
            for (_, bytes) in &found {
                all.push(fingerprint(bytes.clone())?);
            }
            let named = listed(&all);
            for text in rows {
                sqlx::query(text).bind(&named).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            found
        })?;
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let Some((created_at, bytes)) = found.into_iter().next_back() else { return Ok(None) };
        Ok(Some(Forgotten { created_at, fingerprint: fingerprint(bytes)?, count }))
    }
}

impl Forgotten {
    /// Whether there may be more behind it.
    pub fn is_full(&self) -> bool {
        usize::try_from(self.count).is_ok_and(|count| count >= AT_ONCE)
    }
}
