//! The queue's own moves: claim what is due under a lease, settle what came of it, give up.

pub(crate) mod ahead;
mod ends;
pub(crate) mod give_up;
mod settle;

use std::time::Duration;

use crate::dialect::{Sql, on, sql};
use crate::{Fingerprint, Store, StoreError};

pub use give_up::Erased;
pub use settle::{Outcome, Settlement};

/// Where a row stands. The waiting ones come first, then the ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// To be revoked when it is due.
    Pending,
    /// Waits for somebody to approve.
    Held,
    /// Dead by our hand.
    Revoked,
    /// Was dead before we came.
    Inactive,
    /// The vendor accepted the report and never tells what came of it.
    Submitted,
    /// Cannot or may not be revoked; the code says why.
    Refused,
    /// Only told to people (mode `notify`).
    Noted,
    /// Would have been revoked (mode `dry-run`).
    Simulated,
    /// An operator took it back.
    Cancelled,
    /// Given up.
    Failed,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Held,
        Self::Revoked,
        Self::Inactive,
        Self::Submitted,
        Self::Refused,
        Self::Noted,
        Self::Simulated,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The name in the database and in every answer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Revoked => "revoked",
            Self::Inactive => "inactive",
            Self::Submitted => "submitted",
            Self::Refused => "refused",
            Self::Noted => "noted",
            Self::Simulated => "simulated",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A row under our lease.
#[derive(Clone)]
pub struct Claimed {
    /// The identity of the row.
    pub fingerprint: Fingerprint,
    /// The lease; every end must name it.
    pub lease: i64,
    /// The type under which it is handled.
    pub token_type: String,
    /// The sealed secret.
    pub sealed: Vec<u8>,
    /// Which master key sealed it.
    pub key_version: i32,
    /// Attempts in this round, this one counted.
    pub attempts: i64,
    /// An earlier attempt of this round has an outcome that nobody heard.
    pub uncertain: bool,
    /// How long ago this round began, by the database's clock.
    pub age: Duration,
    /// How long ago it should have been dead.
    pub late: Duration,
}

impl std::fmt::Debug for Claimed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claimed")
            .field("fingerprint", &hex::encode(&self.fingerprint[..4]))
            .field("lease", &self.lease)
            .field("token_type", &self.token_type)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

const CLAIM: Sql = Sql {
    postgres: "WITH clock AS MATERIALIZED (
            SELECT (extract(epoch from statement_timestamp()) * 1000)::bigint AS ms
        ), runnable AS MATERIALIZED (
            SELECT fingerprint FROM revocations
            WHERE provider = $1 AND state = 'pending'
                AND run_at <= (extract(epoch from statement_timestamp()) * 1000)::bigint
            ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )
        UPDATE revocations r SET lease = r.lease + 1, leased_until = ms + $3, run_at = ms + $3,
            attempts = r.attempts + 1, uncertain = r.uncertain OR r.leased_until IS NOT NULL
        FROM runnable, clock WHERE r.fingerprint = runnable.fingerprint
        RETURNING r.fingerprint, r.lease, r.token_type, r.sealed, r.key_version, r.attempts,
            r.uncertain, ms - r.armed_at AS age, ms - r.due_at AS late",
    sqlite: "UPDATE revocations SET lease = lease + 1,
            leased_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $3,
            run_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + $3,
            attempts = attempts + 1, uncertain = uncertain OR leased_until IS NOT NULL
        WHERE fingerprint IN (SELECT fingerprint FROM revocations
            WHERE provider = $1 AND state = 'pending'
                AND run_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
            ORDER BY run_at LIMIT $2)
        RETURNING fingerprint, lease, token_type, sealed, key_version, attempts, uncertain,
            CAST(unixepoch('subsec') * 1000 AS INTEGER) - armed_at AS age,
            CAST(unixepoch('subsec') * 1000 AS INTEGER) - due_at AS late",
};

impl Store {
    /// Takes up to `limit` rows of `provider` that may run now, each under a lease of its own that
    /// no other replica can take before `lease` has passed. A row whose former lease was never
    /// settled comes back as `uncertain`.
    pub async fn claim(
        &self,
        provider: &str,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<Claimed>, StoreError> {
        let text = self.text(CLAIM);
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let rows: Vec<ClaimedRow> = on!(write self, conn =>
            sqlx::query_as(text)
                .bind(provider)
                .bind(i64::from(limit))
                .bind(lease)
                .fetch_all(&mut *conn)
                .await?)?;
        Ok(rows.into_iter().map(Claimed::try_from).collect::<Result<_, _>>()?)
    }

    /// How long until the next row of `provider` may run; zero where one may now, `None` where
    /// nothing waits.
    pub async fn next_run(&self, provider: &str) -> Result<Option<Duration>, StoreError> {
        const NEXT: Sql = sql!(
            "SELECT run_at - " NOW " FROM revocations
             WHERE provider = $1 AND state = 'pending' ORDER BY run_at LIMIT 1"
        );
        let text = self.text(NEXT);
        let wait: Option<i64> = on!(read self, conn =>
            sqlx::query_scalar(text).bind(provider).fetch_optional(&mut *conn).await?)?;
        Ok(wait.map(millis))
    }

    /// How many reported rows wait, counted up to `limit`. Lent tokens are no backlog: they wait for the time
    /// at which they are due.
    pub async fn waiting(&self, limit: u64) -> Result<u64, StoreError> {
        const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM revocations
            WHERE state = 'pending' AND provider <> 'impersonation' LIMIT $1) AS waiting";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let count: i64 = on!(read self, conn =>
            sqlx::query_scalar(COUNT).bind(limit).fetch_one(&mut *conn).await?)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// [`Claimed`] as the database returns it.
#[derive(sqlx::FromRow)]
struct ClaimedRow {
    fingerprint: Vec<u8>,
    lease: i64,
    token_type: String,
    sealed: Vec<u8>,
    key_version: i32,
    attempts: i64,
    uncertain: bool,
    age: i64,
    late: i64,
}

impl TryFrom<ClaimedRow> for Claimed {
    type Error = sqlx::Error;

    fn try_from(row: ClaimedRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            fingerprint: fingerprint(row.fingerprint)?,
            lease: row.lease,
            token_type: row.token_type,
            sealed: row.sealed,
            key_version: row.key_version,
            attempts: row.attempts,
            uncertain: row.uncertain,
            age: millis(row.age),
            late: millis(row.late),
        })
    }
}

/// The 32 bytes of a fingerprint column.
pub(crate) fn fingerprint(bytes: Vec<u8>) -> Result<Fingerprint, sqlx::Error> {
    bytes.try_into().map_err(|_| sqlx::Error::Decode("a fingerprint of another length".into()))
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
