//! Tokens that a provider is asked to make: the intent before it is asked, and what came of it.
//!
//! An intent is `open` from its commit on. Whoever wrote it may turn it into an issued token for as long
//! as its lease runs ([`Store::issue`], which also puts the token's revocation into the queue); once the
//! lease has run out only the sweep may end it. So a token is handed out or swept, never both.

mod issue;
mod sweep;
mod used;

use std::collections::HashSet;
use std::time::Duration;

use crate::dialect::{Sql, listed, on, sql};
use crate::events::Event;
use crate::{Fingerprint, Store, StoreError};

pub use issue::{Due, NewIssue};
#[cfg(test)]
pub(crate) use sweep::BACK;
pub(crate) use sweep::ROWS;
pub use sweep::{Stage, Trace};

/// Stands for the issuer of a JWT and the job in it, or for the issuer and the JWT's `jti`: SHA-256.
pub type Digest = [u8; 32];

/// A token that is about to be asked for.
#[derive(Debug, Clone)]
pub struct NewIssuance {
    /// Unique; stands in the token's name.
    pub id: String,
    /// The address of the provider: its numbers mean nothing at another one.
    pub provider: String,
    /// The provider's number of the user.
    pub user_id: i64,
    /// For whom.
    pub job: Digest,
    /// How long the token may be handed out; a minute at the most.
    pub lease: Duration,
    /// How long anything that comes of it can be alive: the provider's own expiry.
    pub live: Duration,
    /// Where the JWT may be used once.
    pub once: Option<Once>,
}

/// A JWT that may be used once.
#[derive(Debug, Clone, Copy)]
pub struct Once {
    /// Of its issuer and `jti`.
    pub digest: Digest,
    /// How long it could be used again, were it not for this record.
    pub keep: Duration,
}

/// A token that was issued.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Issued {
    /// The address of the provider that made it.
    pub provider: String,
    /// Its number of the user.
    pub user_id: i64,
    /// Its number of the token.
    pub token_id: i64,
}

/// Whether an intent was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intended {
    /// It is open.
    Open,
    /// The JWT may be used once, and was.
    UsedBefore,
}

const OPEN: Sql = sql!(
    "INSERT INTO issuances
        (id, provider, user_id, job, state, created_at, lease_until, sweep_at, live_until)
     VALUES ($1, $6, $2, $3, 'open', " NOW ", " NOW " + $4, " NOW " + $4, " NOW " + $5)"
);
/// An expired record is as good as none: the JWT has expired with it.
const USE: Sql = sql!(
    "INSERT INTO used_tokens AS old (digest, issuance, valid_until) VALUES ($1, $2, " NOW " + $3)
     ON CONFLICT (digest) DO UPDATE SET issuance = excluded.issuance, valid_until = excluded.valid_until
     WHERE old.valid_until <= " NOW
);
const REFUSED: &str = "UPDATE issuances SET state = 'refused' WHERE id = $1 AND state = 'open'";
const UNUSED: &str = "DELETE FROM used_tokens WHERE issuance = $1";

impl Store {
    /// This installation's name among others that share a provider: `fresh`, unless there is one.
    pub async fn instance(&self, fresh: &str) -> Result<String, StoreError> {
        const PUT: &str =
            "INSERT INTO instance (one, id) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
        const GET: &str = "SELECT id FROM instance";
        Ok(on!(write self, conn => {
            sqlx::query(PUT).bind(fresh).execute(&mut *conn).await?;
            sqlx::query_scalar(GET).fetch_one(&mut *conn).await?
        })?)
    }

    /// Commits the intent, and in the same transaction that its JWT is used.
    pub async fn intend(&self, new: &NewIssuance) -> Result<Intended, StoreError> {
        let (open, used) = (self.text(OPEN), self.text(USE));
        let intended = on!(write self, conn => {
            let mut transaction = sqlx::Connection::begin(conn).await?;
            let fresh = match &new.once {
                None => true,
                Some(once) => {
                    sqlx::query(used)
                        .bind(once.digest.as_slice())
                        .bind(&new.id)
                        .bind(millis(once.keep))
                        .execute(&mut *transaction)
                        .await?
                        .rows_affected()
                        == 1
                }
            };
            if fresh {
                sqlx::query(open)
                    .bind(&new.id)
                    .bind(new.user_id)
                    .bind(new.job.as_slice())
                    .bind(millis(new.lease))
                    .bind(millis(new.live))
                    .bind(&new.provider)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                Intended::Open
            } else {
                transaction.rollback().await?;
                Intended::UsedBefore
            }
        })?;
        Ok(intended)
    }

    /// The provider made no token for this intent, and never will: its JWT may be used again.
    pub async fn refuse_issuance(&self, id: &str) -> Result<(), StoreError> {
        on!(write self, conn => {
            let mut transaction = sqlx::Connection::begin(conn).await?;
            sqlx::query(REFUSED).bind(id).execute(&mut *transaction).await?;
            sqlx::query(UNUSED).bind(id).execute(&mut *transaction).await?;
            transaction.commit().await?;
        })?;
        Ok(())
    }

    /// A JWT that may be used once brought no token: it may be used again.
    pub async fn unuse(&self, id: &str) -> Result<(), StoreError> {
        on!(write self, conn => {
            sqlx::query(UNUSED).bind(id).execute(&mut *conn).await?;
        })?;
        Ok(())
    }

    /// Everything that was issued for this job is due now, and what is being issued will not be handed
    /// out. Returns how many tokens that concerns.
    pub async fn end_job(&self, job: &Digest) -> Result<u64, StoreError> {
        const VOID: Sql = sql!(
            "UPDATE issuances SET lease_until = 0, sweep_at = " NOW
            " WHERE job = $1 AND state = 'open' AND lease_until > " NOW
        );
        /// Rows are locked in the order in which a report locks them.
        const NOW_DUE: Sql = Sql {
            postgres: "WITH locked AS MATERIALIZED (
                    SELECT fingerprint FROM revocations WHERE state = 'pending'
                        AND due_at > (extract(epoch from statement_timestamp()) * 1000)::bigint
                        AND fingerprint IN (SELECT fingerprint FROM issuances WHERE job = $1)
                    ORDER BY fingerprint FOR UPDATE)
                UPDATE revocations r
                SET due_at = (extract(epoch from statement_timestamp()) * 1000)::bigint,
                    run_at = (extract(epoch from statement_timestamp()) * 1000)::bigint
                FROM locked WHERE r.fingerprint = locked.fingerprint AND r.state = 'pending'",
            sqlite: "UPDATE revocations SET due_at = CAST(unixepoch('subsec') * 1000 AS INTEGER),
                    run_at = CAST(unixepoch('subsec') * 1000 AS INTEGER)
                WHERE state = 'pending' AND due_at > CAST(unixepoch('subsec') * 1000 AS INTEGER)
                    AND fingerprint IN (SELECT fingerprint FROM issuances WHERE job = $1)",
        };
        let (void, due) = (self.text(VOID), self.text(NOW_DUE));
        let count = on!(write self, conn => {
            // First, so that what is committed meanwhile is found by the second.
            let open = sqlx::query(void).bind(job.as_slice()).execute(&mut *conn).await?;
            let queued = sqlx::query(due).bind(job.as_slice()).execute(&mut *conn).await?;
            open.rows_affected() + queued.rows_affected()
        })?;
        if count > 0 {
            self.tell_due().await?;
        }
        Ok(count)
    }

    /// The token whose revocation is this row.
    pub async fn issued(&self, fingerprint: &Fingerprint) -> Result<Option<Issued>, StoreError> {
        const GET: &str =
            "SELECT provider, user_id, token_id FROM issuances WHERE fingerprint = $1";
        Ok(on!(read self, conn =>
            sqlx::query_as(GET).bind(fingerprint.as_slice()).fetch_optional(&mut *conn).await?)?)
    }

    /// Which of these rows are of tokens that were lent, whatever has become of them.
    pub async fn lent(
        &self,
        fingerprints: &[Fingerprint],
    ) -> Result<HashSet<Fingerprint>, StoreError> {
        const LENT: Sql = sql!(
            "SELECT fingerprint FROM revocations WHERE provider = 'impersonation'
                AND fingerprint IN " GIVEN
        );
        let text = self.text(LENT);
        let named = listed(fingerprints);
        let found: Vec<Vec<u8>> = on!(read self, conn =>
            sqlx::query_scalar(text).bind(&named).fetch_all(&mut *conn).await?)?;
        Ok(found.into_iter().map(crate::queue::fingerprint).collect::<Result<_, _>>()?)
    }

    /// How many lent tokens wait to be revoked, and how many intents are open.
    pub async fn outstanding(&self) -> Result<(i64, i64), StoreError> {
        const COUNT: &str = "SELECT (SELECT count(*) FROM revocations
                WHERE provider = 'impersonation' AND state = 'pending'),
            (SELECT count(*) FROM issuances WHERE state = 'open')";
        Ok(on!(read self, conn => sqlx::query_as(COUNT).fetch_one(&mut *conn).await?)?)
    }

    /// Tells every worker that something may be due, or due at another time.
    pub async fn tell_due(&self) -> Result<(), StoreError> {
        const NOTIFY: &str = "SELECT pg_notify('portcullis_due', '')";
        if self.is_shared() {
            on!(write self, conn => {
                // SQLite never comes here.
                sqlx::query(NOTIFY).execute(&mut *conn).await?;
            })?;
        }
        self.events().tell(Event::Due);
        Ok(())
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
