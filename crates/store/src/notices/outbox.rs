//! Notices that wait to be delivered.

use std::time::Duration;

use serde_json::json;

use crate::dialect::{Sql, on, sql};
use crate::issuances::millis;
use crate::{Fingerprint, Store, StoreError};

/// A notice under our lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The row of which it tells.
    pub fingerprint: Fingerprint,
    /// Which of its comings to rest.
    pub round: i64,
    /// What is to be told.
    pub payload: String,
    /// Attempts to deliver it, this one counted; also the number of the lease.
    pub attempts: i64,
    /// How long ago it was written, by the database's clock.
    pub age: Duration,
}

#[derive(sqlx::FromRow)]
struct NoticeRow {
    fingerprint: Vec<u8>,
    round: i64,
    payload: String,
    attempts: i64,
    age: i64,
}

const CLAIM: Sql = Sql {
    postgres: "WITH due AS MATERIALIZED (
            SELECT fingerprint, round FROM notices
            WHERE webhook = $1
                AND run_at <= (extract(epoch from statement_timestamp()) * 1000)::bigint
            ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )
        UPDATE notices AS n SET attempts = attempts + 1,
            run_at = (extract(epoch from statement_timestamp()) * 1000)::bigint + $3
        FROM due
        WHERE n.webhook = $1 AND n.fingerprint = due.fingerprint AND n.round = due.round
        RETURNING n.fingerprint, n.round, payload, attempts,
            (extract(epoch from statement_timestamp()) * 1000)::bigint - created_at AS age",
    sqlite: "UPDATE notices SET attempts = attempts + 1,
            run_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $3
        WHERE webhook = $1 AND (fingerprint, round) IN (
            SELECT fingerprint, round FROM notices
            WHERE webhook = $1 AND run_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
            ORDER BY run_at LIMIT $2)
        RETURNING fingerprint, round, payload, attempts,
            CAST(unixepoch('subsec') * 1000 AS INTEGER) - created_at AS age",
};

const DELETE: Sql = Sql {
    postgres: "DELETE FROM notices WHERE webhook = $1 AND (fingerprint, round) IN
        (SELECT decode(v ->> 0, 'hex'), (v ->> 1)::bigint
         FROM jsonb_array_elements($2::jsonb) AS v)",
    sqlite: "DELETE FROM notices WHERE webhook = $1 AND (fingerprint, round) IN
        (SELECT unhex(value ->> 0), value ->> 1 FROM json_each($2))",
};

/// Whoever has claimed a notice since keeps it.
const PUT_OFF: Sql = Sql {
    postgres: "UPDATE notices
        SET run_at = (extract(epoch from statement_timestamp()) * 1000)::bigint + $3
        WHERE webhook = $1 AND (fingerprint, round, attempts) IN
            (SELECT decode(v ->> 0, 'hex'), (v ->> 1)::bigint, (v ->> 2)::bigint
             FROM jsonb_array_elements($2::jsonb) AS v)",
    sqlite: "UPDATE notices SET run_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $3
        WHERE webhook = $1 AND (fingerprint, round, attempts) IN
            (SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each($2))",
};

impl Store {
    /// Takes up to `limit` notices for `webhook` that may be delivered now, the oldest first, under a lease:
    /// no other replica can take them before `lease` has passed.
    pub async fn claim_notices(
        &self,
        webhook: &str,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<Notice>, StoreError> {
        let claim = self.text(CLAIM);
        let rows: Vec<NoticeRow> = on!(write self, conn =>
            sqlx::query_as(claim).bind(webhook).bind(i64::from(limit)).bind(millis(lease))
                .fetch_all(&mut *conn).await?)?;
        let notices = rows.into_iter().map(Notice::try_from).collect::<Result<Vec<_>, _>>();
        let mut notices = notices?;
        notices.sort_by_key(|notice| (std::cmp::Reverse(notice.age), notice.fingerprint));
        Ok(notices)
    }

    /// Whether a notice for `webhook` may be delivered now.
    pub async fn notice_is_due(&self, webhook: &str) -> Result<bool, StoreError> {
        const DUE: Sql =
            sql!("SELECT 1 FROM notices WHERE webhook = $1 AND run_at <= " NOW " LIMIT 1");
        let due = self.text(DUE);
        let found: Option<i32> = on!(read self, conn =>
            sqlx::query_scalar(due).bind(webhook).fetch_optional(&mut *conn).await?)?;
        Ok(found.is_some())
    }

    /// Forgets notices that `webhook` has taken, or that are given up.
    pub async fn delete_notices(&self, webhook: &str, all: &[Notice]) -> Result<(), StoreError> {
        let (delete, names) = (self.text(DELETE), names(all));
        on!(write self, conn => {
            sqlx::query(delete).bind(webhook).bind(names).execute(&mut *conn).await?;
        })?;
        Ok(())
    }

    /// Plans another attempt for notices that `webhook` did not take. One whose lease has since passed to
    /// another stays with it.
    pub async fn put_off_notices(
        &self,
        webhook: &str,
        all: &[Notice],
        pause: Duration,
    ) -> Result<(), StoreError> {
        let (put_off, names) = (self.text(PUT_OFF), names(all));
        on!(write self, conn => {
            sqlx::query(put_off).bind(webhook).bind(names).bind(millis(pause))
                .execute(&mut *conn).await?;
        })?;
        Ok(())
    }

    /// Forgets at most `limit` notices for `webhook` that are older than `after`, and returns of which rows
    /// they were to tell.
    pub async fn give_up_notices(
        &self,
        webhook: &str,
        after: Duration,
        limit: u32,
    ) -> Result<Vec<Fingerprint>, StoreError> {
        const GIVE_UP: Sql = sql!(
            "DELETE FROM notices WHERE webhook = $1 AND (fingerprint, round) IN
                (SELECT fingerprint, round FROM notices
                 WHERE webhook = $1 AND created_at + $2 <= " NOW " LIMIT $3)
             RETURNING fingerprint"
        );
        let give_up = self.text(GIVE_UP);
        let rows: Vec<Vec<u8>> = on!(write self, conn =>
            sqlx::query_scalar(give_up).bind(webhook).bind(millis(after)).bind(i64::from(limit))
                .fetch_all(&mut *conn).await?)?;
        Ok(rows.into_iter().map(crate::queue::fingerprint).collect::<Result<_, _>>()?)
    }

    /// Forgets notices older than `after` for webhooks that are not among the `configured`: nobody else
    /// would. Returns how many.
    pub async fn forget_orphaned_notices(
        &self,
        after: Duration,
        configured: &[&str],
    ) -> Result<u64, StoreError> {
        const FORGET: Sql = Sql {
            postgres: "DELETE FROM notices WHERE webhook NOT IN
                    (SELECT jsonb_array_elements_text($2::jsonb))
                AND created_at + $1 <= (extract(epoch from statement_timestamp()) * 1000)::bigint",
            sqlite: "DELETE FROM notices WHERE webhook NOT IN (SELECT value FROM json_each($2))
                AND created_at + $1 <= CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        };
        let (forget, configured) = (self.text(FORGET), json!(configured).to_string());
        Ok(on!(write self, conn =>
            sqlx::query(forget).bind(millis(after)).bind(configured)
                .execute(&mut *conn).await?.rows_affected())?)
    }
}

fn names(all: &[Notice]) -> String {
    let names: Vec<_> =
        all.iter().map(|n| (hex::encode(n.fingerprint), n.round, n.attempts)).collect();
    json!(names).to_string()
}

impl TryFrom<NoticeRow> for Notice {
    type Error = sqlx::Error;

    fn try_from(row: NoticeRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            fingerprint: crate::queue::fingerprint(row.fingerprint)?,
            round: row.round,
            payload: row.payload,
            attempts: row.attempts,
            age: Duration::from_millis(u64::try_from(row.age).unwrap_or(0)),
        })
    }
}
