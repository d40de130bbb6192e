//! What nobody else ends or erases: rows of providers that are gone, seals that were kept long enough. A piece
//! at a time, so that any number of them is done some time and nobody waits for long meanwhile.

use std::time::Duration;

use super::{ends, fingerprint};
use crate::audit::Batch;
use crate::audit::append::recorded;
use crate::dialect::{Sql, listed, on, sql};
use crate::{Fingerprint, Store, StoreError};

/// How many are given up, or looked at, at once.
const AT_ONCE: usize = 1000;

/// Of the thousand that would be next those that are old enough: no row is due, or begins its round, after
/// the time at which it may run, so that those behind young ones are not much older. Without that bound all that
/// is not old enough would be read again every minute. On Postgres a row that somebody has locked is left to the
/// next time.
pub(crate) const GIVE_UP: Sql = Sql {
    postgres: "UPDATE revocations SET state = 'failed', code = 'no_provider',
            reason = 'its provider is not configured any more', leased_until = NULL,
            ended_at = (extract(epoch from statement_timestamp()) * 1000)::bigint
        WHERE fingerprint IN (SELECT fingerprint
            FROM (SELECT fingerprint, armed_at, due_at FROM revocations
                WHERE state = 'pending' AND provider = $1
                ORDER BY run_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS next
            WHERE armed_at <= (extract(epoch from statement_timestamp()) * 1000)::bigint - $2
                AND due_at <= (extract(epoch from statement_timestamp()) * 1000)::bigint - $2)
        RETURNING fingerprint",
    sqlite: sql!(
        "UPDATE revocations SET state = 'failed', code = 'no_provider',
            reason = 'its provider is not configured any more', leased_until = NULL,
            ended_at = " NOW "
        WHERE fingerprint IN (SELECT fingerprint
            FROM (SELECT fingerprint, armed_at, due_at FROM revocations
                WHERE state = 'pending' AND provider = $1
                ORDER BY run_at LIMIT $3) AS next
            WHERE armed_at <= " NOW " - $2 AND due_at <= " NOW " - $2)
        RETURNING fingerprint"
    )
    .sqlite,
};

/// Also those whose seal is erased already: an index knows no difference, and with them each piece is as short.
pub(crate) const FAILED: Sql = sql!(
    "SELECT ended_at, fingerprint, sealed IS NOT NULL FROM revocations
     WHERE state = 'failed' AND ended_at <= " NOW " - $1 AND (ended_at, fingerprint) > ($2, $3)
     ORDER BY ended_at, fingerprint LIMIT 1000"
);

/// What has begun anew meanwhile keeps its seal. Rows are locked in the order in which a report locks them.
pub(crate) const ERASE: Sql = Sql {
    postgres: "WITH locked AS MATERIALIZED (
            SELECT fingerprint FROM revocations
            WHERE fingerprint IN
                    (SELECT decode(v, 'hex') FROM jsonb_array_elements_text($1::jsonb) AS v)
                AND state = 'failed' AND sealed IS NOT NULL
                AND ended_at <= (extract(epoch from statement_timestamp()) * 1000)::bigint - $2
            ORDER BY fingerprint FOR UPDATE)
        UPDATE revocations r SET sealed = NULL FROM locked
        WHERE r.fingerprint = locked.fingerprint",
    sqlite: sql!(
        "UPDATE revocations SET sealed = NULL WHERE fingerprint IN " GIVEN
        " AND state = 'failed' AND sealed IS NOT NULL AND ended_at <= " NOW " - $2"
    )
    .sqlite,
};

/// How far erasing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    ended_at: i64,
    fingerprint: Fingerprint,
    looked_at: usize,
    /// How many seals were erased.
    pub count: u64,
}

impl Erased {
    /// Whether there may be more behind it.
    pub fn is_full(&self) -> bool {
        self.looked_at >= AT_ONCE
    }
}

impl Store {
    /// Ends as `failed` what has been due for longer than `after` and belongs to none of the
    /// `configured` providers: no worker asks for it, so nobody else would end it. A thousand at the most.
    /// Returns how many: where it is any, there may be more.
    pub async fn give_up_orphans(
        &self,
        after: Duration,
        configured: &[&str],
    ) -> Result<u64, StoreError> {
        let mut orphaned = self.waiting_providers().await?;
        orphaned.retain(|provider| !configured.contains(&provider.as_str()));
        if orphaned.is_empty() {
            return Ok(0);
        }
        let (text, after) = (self.text(GIVE_UP), millis(after));
        let mut recorded = Batch::default();
        Ok(recorded!(self, conn, recorded => {
            let mut given_up: Vec<Vec<u8>> = Vec::new();
            for provider in &orphaned {
                let left = i64::try_from(AT_ONCE.saturating_sub(given_up.len())).unwrap_or(0);
                let rows = sqlx::query_scalar(text).bind(provider).bind(after).bind(left);
                given_up.append(&mut rows.fetch_all(&mut *conn).await?);
            }
            if let Some(chain) = self.chain().filter(|_| !given_up.is_empty()) {
                recorded.told = vec![ends::given_up(chain, &given_up)];
            }
            given_up.len() as u64
        })?)
    }

    /// Looks at up to a thousand rows that failed longer ago than `keep`, beginning behind `after`, and erases
    /// their seals. `None` where there are no more.
    pub async fn erase_failed(
        &self,
        keep: Duration,
        after: Option<Erased>,
    ) -> Result<Option<Erased>, StoreError> {
        let (text, keep) = (self.text(FAILED), millis(keep));
        let (from, behind) = match after {
            Some(after) => (after.ended_at, after.fingerprint.to_vec()),
            None => (i64::MIN, Vec::new()),
        };
        let found: Vec<(i64, Vec<u8>, bool)> = on!(read self, conn => sqlx::query_as(text)
            .bind(keep).bind(from).bind(&behind).fetch_all(&mut *conn).await?)?;
        let Some((ended_at, last, _)) = found.last().cloned() else { return Ok(None) };
        let looked_at = found.len();
        let mut sealed = Vec::with_capacity(looked_at);
        for (_, bytes, _) in found.into_iter().filter(|(_, _, sealed)| *sealed) {
            sealed.push(fingerprint(bytes)?);
        }
        let count = if sealed.is_empty() { 0 } else { self.erase(&sealed, keep).await? };
        Ok(Some(Erased { ended_at, fingerprint: fingerprint(last)?, looked_at, count }))
    }

    async fn erase(&self, failed: &[Fingerprint], keep: i64) -> Result<u64, StoreError> {
        let (text, named) = (self.text(ERASE), listed(failed));
        let mut recorded = Batch::default();
        Ok(recorded!(self, conn, recorded => {
            let erased = sqlx::query(text).bind(&named).bind(keep);
            let erased = erased.execute(&mut *conn).await?.rows_affected();
            if let Some(chain) = self.chain().filter(|_| erased > 0) {
                recorded.told = vec![chain.tell_of_worker("revocation.erase", [("rows", erased.into())])];
            }
            erased
        })?)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}
