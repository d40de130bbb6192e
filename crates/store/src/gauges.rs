//! How much waits, counted cheaply: for metrics, which are asked for every few seconds.
//!
//! Nothing here looks at a row that has ended but the failed ones of the last day. What is counted is counted
//! up to a limit along an index, so that a backlog of any size costs no more than that.

use std::time::Duration;

use crate::dialect::{Sql, on, sql};
use crate::open::Backend;
use crate::{Store, StoreError};

/// What waits of one provider. A row is counted in one of the three states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The provider, as rows name it.
    pub provider: String,
    /// Due later.
    pub planned: u64,
    /// Due, and nobody is calling the provider: not yet, or not again yet.
    pub due: u64,
    /// The provider is being called.
    pub leased: u64,
    /// For how long the oldest of all these has been due; zero where none is.
    pub oldest_overdue: Duration,
}

/// What waits for one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The webhook, as notices name it.
    pub webhook: String,
    /// Notices that it has not taken yet.
    pub waiting: u64,
    /// How old the oldest of them is.
    pub oldest: Duration,
}

/// What is not over yet of tokens that GitLab was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intents {
    /// Whose outcome nobody knows, or not yet.
    pub open: u64,
    /// For how long the oldest one has waited to be looked after; zero where none does.
    pub oldest_overdue: Duration,
}

/// The connections to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// `postgres`, or SQLite's `readers` and `writer`.
    pub name: &'static str,
    /// At the most.
    pub max: u32,
    /// Open ones.
    pub open: u32,
    /// Open ones that nobody uses.
    pub idle: u32,
}

/// The providers that have something waiting: from one to the next along the index, whatever lies between.
const PROVIDERS: &str = "WITH RECURSIVE found (provider) AS (
        SELECT * FROM (SELECT provider FROM revocations WHERE state = 'pending'
            ORDER BY provider LIMIT 1) AS first
        UNION ALL
        SELECT (SELECT r.provider FROM revocations r
            WHERE r.state = 'pending' AND r.provider > found.provider ORDER BY r.provider LIMIT 1)
        FROM found WHERE found.provider IS NOT NULL
    ) SELECT provider FROM found WHERE provider IS NOT NULL";

const DEPTH: Sql = sql!(
    "SELECT count(*), count(CASE WHEN leased_until > " NOW " THEN 1 END),
        count(CASE WHEN due_at > " NOW " AND (leased_until IS NULL OR leased_until <= " NOW ")
            THEN 1 END),
        CAST(COALESCE(" NOW " - min(due_at), 0) AS BIGINT)
     FROM (SELECT due_at, leased_until FROM revocations
        WHERE state = 'pending' AND provider = $1 ORDER BY run_at LIMIT $2) AS counted"
);

const FAILED: Sql = sql!(
    "SELECT count(*) FROM (SELECT 1 FROM revocations
        WHERE state = 'failed' AND ended_at > " NOW " - $1 LIMIT $2) AS counted"
);

const UNTOLD: Sql = sql!(
    "SELECT webhook, count(*), CAST(" NOW " - min(created_at) AS BIGINT)
     FROM (SELECT webhook, created_at FROM notices LIMIT $1) AS counted GROUP BY webhook"
);

const INTENTS: Sql = sql!(
    "SELECT count(*), CAST(COALESCE(" NOW " - min(sweep_at), 0) AS BIGINT)
     FROM (SELECT sweep_at FROM issuances WHERE state = 'open' ORDER BY sweep_at LIMIT $1) AS counted"
);

impl Store {
    /// The providers that have something waiting, configured or not.
    pub(crate) async fn waiting_providers(&self) -> Result<Vec<String>, StoreError> {
        Ok(on!(read self, conn => sqlx::query_scalar(PROVIDERS).fetch_all(&mut *conn).await?)?)
    }

    /// What waits in the queue, by provider: of each the `limit` rows that run next.
    pub async fn depths(&self, limit: u32) -> Result<Vec<Depth>, StoreError> {
        let providers = self.waiting_providers().await?;
        let text = self.text(DEPTH);
        let mut depths = Vec::with_capacity(providers.len());
        for provider in providers {
            let (all, leased, planned, late): (i64, i64, i64, i64) = on!(read self, conn =>
                sqlx::query_as(text)
                    .bind(&provider)
                    .bind(i64::from(limit))
                    .fetch_one(&mut *conn)
                    .await?)?;
            depths.push(Depth {
                provider,
                planned: number(planned),
                due: number(all - leased - planned),
                leased: number(leased),
                oldest_overdue: millis(late),
            });
        }
        Ok(depths)
    }

    /// How many secrets were given up within `past`, counted up to `limit`.
    pub async fn failed_within(&self, past: Duration, limit: u32) -> Result<u64, StoreError> {
        let text = self.text(FAILED);
        let past = i64::try_from(past.as_millis()).unwrap_or(i64::MAX / 2);
        let count: i64 = on!(read self, conn =>
            sqlx::query_scalar(text).bind(past).bind(i64::from(limit)).fetch_one(&mut *conn).await?)?;
        Ok(number(count))
    }

    /// What waits for each webhook, counted up to `limit` for all of them together.
    pub async fn untold(&self, limit: u32) -> Result<Vec<Untold>, StoreError> {
        let text = self.text(UNTOLD);
        let rows: Vec<(String, i64, i64)> = on!(read self, conn =>
            sqlx::query_as(text).bind(i64::from(limit)).fetch_all(&mut *conn).await?)?;
        let untold = |(webhook, waiting, oldest)| Untold {
            webhook,
            waiting: number(waiting),
            oldest: millis(oldest),
        };
        Ok(rows.into_iter().map(untold).collect())
    }

    /// What GitLab was asked for and nobody knows the outcome of, counted up to `limit`.
    pub async fn open_intents(&self, limit: u32) -> Result<Intents, StoreError> {
        let text = self.text(INTENTS);
        let (open, late): (i64, i64) = on!(read self, conn =>
            sqlx::query_as(text).bind(i64::from(limit)).fetch_one(&mut *conn).await?)?;
        Ok(Intents { open: number(open), oldest_overdue: millis(late) })
    }

    /// The connections of this process at this moment; nothing is asked of the database.
    pub fn pools(&self) -> Vec<Pool> {
        macro_rules! pool {
            ($name:literal, $pool:expr) => {
                Pool {
                    name: $name,
                    max: $pool.options().get_max_connections(),
                    open: $pool.size(),
                    idle: u32::try_from($pool.num_idle()).unwrap_or(u32::MAX),
                }
            };
        }
        match self.backend() {
            Backend::Postgres(pool) => vec![pool!("postgres", pool)],
            Backend::Sqlite(sqlite) => {
                vec![pool!("readers", sqlite.readers), pool!("writer", sqlite.writer)]
            }
        }
    }
}

fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(number(ms))
}

#[cfg(test)]
mod tests;
