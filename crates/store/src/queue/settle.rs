//! What came of an attempt, written back under its lease.

use std::time::Duration;

use portcullis_base::fault::{Point, point};
use serde_json::{Value, json};

use super::{State, ends};
use crate::audit::Batch;
use crate::audit::append::recorded;
use crate::dialect::{PATIENCE, Sql, patiently};
use crate::open::Backend;
use crate::{Fingerprint, Store, StoreError};

/// What came of one attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The row.
    pub fingerprint: Fingerprint,
    /// The lease under which the attempt was made.
    pub lease: i64,
    /// What came of it.
    pub outcome: Outcome,
    /// A stable code for what the provider said.
    pub code: &'static str,
    /// The same for people; never a secret.
    pub reason: Option<String>,
    /// What the provider told of the credential, as JSON; kept where it told nothing new.
    pub about: Option<Value>,
}

/// The two ways on from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is over. Every end but [`State::Failed`] erases the secret in the same statement.
    End {
        /// Where it ends; not a waiting state.
        state: State,
        /// Of [`State::Inactive`]: the provider knew the secret and said that it is dead.
        confirmed: bool,
    },
    /// Again, after a pause.
    Retry {
        /// The pause.
        after: Duration,
        /// The attempt may have worked: nobody heard.
        uncertain: bool,
    },
}

/// On Postgres the rows are locked in the order in which a report locks them: otherwise the two would
/// stand in each other's way. The locked ones carry their settlement with them, since two lists without
/// an index would be joined row by row.
const SETTLE: Sql = Sql {
    postgres: "WITH clock AS MATERIALIZED (
            SELECT (extract(epoch from statement_timestamp()) * 1000)::bigint AS ms
        ), s AS MATERIALIZED (
            SELECT decode(v ->> 0, 'hex') AS fingerprint, (v ->> 1)::bigint AS lease,
                v ->> 2 AS state, v ->> 3 AS code, v ->> 4 AS reason, v ->> 5 AS about,
                (v ->> 6)::boolean AS confirmed, (v ->> 7)::boolean AS uncertain,
                (v ->> 8)::bigint AS pause
            FROM jsonb_array_elements($1::jsonb) AS v
        ), locked AS MATERIALIZED (
            SELECT s.* FROM revocations r JOIN s ON s.fingerprint = r.fingerprint
            ORDER BY r.fingerprint FOR UPDATE OF r
        ), settled AS (
            UPDATE revocations r SET state = s.state, code = s.code, reason = s.reason,
                about = COALESCE(s.about, r.about), confirmed = s.confirmed,
                uncertain = r.uncertain OR s.uncertain, leased_until = NULL,
                run_at = ms + s.pause,
                ended_at = CASE WHEN s.state = 'pending' THEN NULL ELSE ms END,
                sealed = CASE WHEN s.state IN ('pending', 'failed') THEN r.sealed END
            FROM locked s, clock
            WHERE r.fingerprint = s.fingerprint AND r.lease = s.lease AND r.state = 'pending'
            RETURNING r.fingerprint, r.lease, s.state, s.code, r.provider, ms
        ), written AS (
        INSERT INTO attempts (fingerprint, lease, at, outcome, code)
        SELECT fingerprint, lease, ms, CASE WHEN state = 'pending' THEN 'retry' ELSE state END, code
        FROM settled ON CONFLICT (fingerprint, lease) DO NOTHING
        RETURNING fingerprint
        )
        SELECT fingerprint, provider FROM written JOIN settled USING (fingerprint)",
    sqlite: "UPDATE revocations AS r SET state = s.value ->> 2, code = s.value ->> 3,
            reason = s.value ->> 4, about = COALESCE(s.value ->> 5, r.about),
            confirmed = s.value ->> 6, uncertain = r.uncertain OR s.value ->> 7,
            leased_until = NULL,
            run_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + (s.value ->> 8),
            ended_at = CASE WHEN s.value ->> 2 = 'pending' THEN NULL
                ELSE CAST(unixepoch('subsec') * 1000 AS INTEGER) END,
            sealed = CASE WHEN s.value ->> 2 IN ('pending', 'failed') THEN r.sealed END
        FROM json_each($1) AS s
        WHERE r.fingerprint = unhex(s.value ->> 0) AND r.lease = s.value ->> 1
            AND r.state = 'pending'
        RETURNING fingerprint, provider",
};

const ATTEMPTS: &str = "INSERT INTO attempts (fingerprint, lease, at, outcome, code)
    SELECT unhex(s.value ->> 0), s.value ->> 1, CAST(unixepoch('subsec') * 1000 AS INTEGER),
        CASE WHEN s.value ->> 2 = 'pending' THEN 'retry' ELSE s.value ->> 2 END, s.value ->> 3
    FROM json_each($1) AS s WHERE s.value ->> 0 IN (SELECT value FROM json_each($2))
    ON CONFLICT (fingerprint, lease) DO NOTHING";

impl Store {
    /// Writes back what came of attempts and returns the fingerprints that were written: one whose
    /// lease has since passed to another, or whose row has ended, is dropped.
    ///
    /// A batch names each row once.
    pub async fn settle(&self, batch: &[Settlement]) -> Result<Vec<Fingerprint>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Value::Array(batch.iter().map(row).collect()).to_string();
        let settle = self.text(SETTLE);
        let mut recorded = Batch::default();
        let settled: Vec<(Vec<u8>, String)> = match (self.backend(), self.chain()) {
            // Nobody records it: it needs no transaction around its one statement.
            (Backend::Postgres(pool), None) => patiently!(pool, PATIENCE, conn =>
                    sqlx::query_as(settle).bind(rows).fetch_all(conn).await?)?,
            _ => recorded!(self, conn, recorded => {
                let settled: Vec<(Vec<u8>, String)> =
                    sqlx::query_as(settle).bind(&rows).fetch_all(&mut *conn).await?;
                if !self.is_shared() {
                    let written: Vec<String> =
                        settled.iter().map(|(fingerprint, _)| hex::encode(fingerprint)).collect();
                    let written = json!(written).to_string();
                    sqlx::query(ATTEMPTS).bind(&rows).bind(written).execute(&mut *conn).await?;
                    point(Point::SettleWritten);
                }
                if let Some(chain) = self.chain() {
                    recorded.told = ends::told(chain, batch, &settled);
                }
                settled
            })?,
        };
        point(Point::Settled);
        let settled = settled.into_iter().map(|(row, _)| super::fingerprint(row));
        Ok(settled.collect::<Result<_, _>>()?)
    }
}

fn row(settlement: &Settlement) -> Value {
    let (state, confirmed, uncertain, pause) = match settlement.outcome {
        Outcome::End { state, confirmed } => (state, confirmed, false, Duration::ZERO),
        Outcome::Retry { after, uncertain } => (State::Pending, false, uncertain, after),
    };
    json!([
        hex::encode(settlement.fingerprint),
        settlement.lease,
        state.as_str(),
        settlement.code,
        // Postgres's JSON knows no NUL.
        settlement.reason.as_ref().map(|reason| reason.replace('\0', "\u{fffd}")),
        // As text within the text: it is kept as it is, never taken apart by the database.
        settlement.about.as_ref().map(Value::to_string),
        confirmed,
        uncertain,
        i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 2),
    ])
}
