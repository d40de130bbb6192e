//! What was planned by a clock that was ahead, after it was set back.

use std::time::Duration;

use serde_json::json;

use crate::dialect::{Sql, on, sql};
use crate::{Store, StoreError};

/// Rows that wait, and how far in the future what their time to run was counted from lies: more than five
/// seconds, a step that no clock makes that is kept right. A round, a report of it and an attempt were never later
/// than now, and no lease is longer than `$1`. A row that may run before its round began was planned anew since.
macro_rules! ahead {
    ($($where:tt)+) => {
        sql!(
            "SELECT fingerprint, lease, run_at, back FROM (
                SELECT fingerprint, lease, run_at, CASE
                    WHEN armed_at > " NOW " + 5000 THEN armed_at - " NOW "
                    WHEN leased_until IS NOT NULL THEN leased_until - " NOW " - $1
                    ELSE COALESCE((SELECT a.at FROM attempts a
                        WHERE a.fingerprint = r.fingerprint AND a.lease = r.lease), 0) - " NOW "
                    END AS back
                FROM revocations r WHERE state = 'pending' AND run_at >= armed_at AND " $($where)+
            ") AS planned WHERE back > 5000 LIMIT 1000"
        )
    };
}

/// New rows, lent ones among them, whose time to run is no sign of anything: mostly none is younger than now.
pub(crate) const NEW: Sql = ahead!("created_at > " NOW " + 5000");

/// Older ones, which began anew or were tried: only those that wait for longer than the longest pause are
/// looked at. The others run soon enough.
pub(crate) const TRIED: Sql = ahead!("provider = $2 AND run_at > " NOW " + $1");

/// The times of a row keep their distances. Where nobody holds it the lease is counted on, so that the former attempt
/// does not speak for the new time. Who was quicker has the last word. Rows are locked in the order in which a report
/// locks them.
const BACK: Sql = Sql {
    postgres: "WITH s AS MATERIALIZED (
            SELECT decode(v ->> 0, 'hex') AS fingerprint, (v ->> 1)::bigint AS lease,
                (v ->> 2)::bigint AS run_at, (v ->> 3)::bigint AS back
            FROM jsonb_array_elements($1::jsonb) AS v
        ), locked AS MATERIALIZED (
            SELECT s.* FROM revocations r JOIN s ON s.fingerprint = r.fingerprint
            ORDER BY r.fingerprint FOR UPDATE OF r
        )
        UPDATE revocations r SET run_at = r.run_at - back, leased_until = r.leased_until - back,
            lease = CASE WHEN r.leased_until IS NULL THEN r.lease + 1 ELSE r.lease END,
            due_at = CASE WHEN r.due_at >= r.armed_at AND r.armed_at >
                    (extract(epoch from statement_timestamp()) * 1000)::bigint
                THEN r.due_at - back ELSE r.due_at END,
            armed_at = LEAST(r.armed_at, (extract(epoch from statement_timestamp()) * 1000)::bigint)
        FROM locked s
        WHERE r.fingerprint = s.fingerprint AND r.lease = s.lease AND r.run_at = s.run_at
            AND r.state = 'pending'",
    sqlite: "UPDATE revocations AS r SET run_at = r.run_at - (s.value ->> 3),
            leased_until = r.leased_until - (s.value ->> 3),
            lease = CASE WHEN r.leased_until IS NULL THEN r.lease + 1 ELSE r.lease END,
            due_at = CASE WHEN r.due_at >= r.armed_at
                    AND r.armed_at > CAST(unixepoch('subsec') * 1000 AS INTEGER)
                THEN r.due_at - (s.value ->> 3) ELSE r.due_at END,
            armed_at = min(r.armed_at, CAST(unixepoch('subsec') * 1000 AS INTEGER))
        FROM json_each($1) AS s
        WHERE r.fingerprint = unhex(s.value ->> 0) AND r.lease = s.value ->> 1
            AND r.run_at = s.value ->> 2 AND r.state = 'pending'",
};

/// A row, its lease, when it may run, and how much earlier it shall.
type Planned = (Vec<u8>, i64, i64, i64);

impl Store {
    /// Plans anew what was planned by a database's clock that was ahead and was set back since: it would wait for
    /// the size of the step. `longest` is longer than any lease and than the ordinary pauses; what was tried
    /// before, or began anew, and runs sooner than that is left alone. A thousand new rows at the most, and a thousand
    /// of each provider. Returns how many; where it is any, there may be more.
    pub async fn bring_back(&self, longest: Duration) -> Result<u64, StoreError> {
        let (new, tried) = (self.text(NEW), self.text(TRIED));
        let longest = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX / 4);
        let found: Vec<Planned> = on!(read self, conn =>
            sqlx::query_as(new).bind(longest).fetch_all(&mut *conn).await?)?;
        let mut count = self.plan_back(&found).await?;
        for provider in self.waiting_providers().await? {
            let found: Vec<Planned> = on!(read self, conn =>
                sqlx::query_as(tried).bind(longest).bind(&provider).fetch_all(&mut *conn).await?)?;
            count += self.plan_back(&found).await?;
        }
        if count > 0 {
            self.tell_due().await?;
        }
        Ok(count)
    }

    async fn plan_back(&self, found: &[Planned]) -> Result<u64, StoreError> {
        if found.is_empty() {
            return Ok(0);
        }
        let text = self.text(BACK);
        let rows: Vec<_> = found
            .iter()
            .map(|(row, lease, run_at, back)| json!([hex::encode(row), lease, run_at, back]))
            .collect();
        let rows = json!(rows).to_string();
        Ok(on!(write self, conn =>
            sqlx::query(text).bind(&rows).execute(&mut *conn).await?.rows_affected())?)
    }
}
