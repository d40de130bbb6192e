//! Looking at the queue, and an operator's hand in it.

use std::ops::RangeInclusive;

use crate::dialect::{Sql, listed, on, sql};
use crate::events::Event;
use crate::queue::State;
use crate::{Fingerprint, Store, StoreError};

/// A row as an operator may see it: everything but the secret. Times are milliseconds since 1970.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Revocation {
    /// The identity of the row, 32 bytes.
    pub fingerprint: Vec<u8>,
    /// The type under which it is handled.
    pub token_type: String,
    /// The provider that is asked.
    pub provider: String,
    /// `revoke`, `approve`, `notify` or `dry-run`.
    pub mode: String,
    /// A name of [`State`].
    pub state: String,
    /// Why, a stable code.
    pub code: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// Of `inactive`: the provider knew the secret.
    pub confirmed: bool,
    /// What the provider told of the credential, JSON.
    pub about: Option<String>,
    /// First report.
    pub created_at: i64,
    /// When it shall be dead.
    pub due_at: i64,
    /// When the next attempt may begin.
    pub run_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Attempts in the present round.
    pub attempts: i64,
    /// All sightings, also those not kept in full.
    pub sightings: i64,
    /// How long ago it should have been dead, by the database's clock, in milliseconds; less than nothing
    /// where it is due later.
    pub late: i64,
}

/// Where, as what and by whom a secret was seen.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KeptSighting {
    /// The type that the reporter gave.
    pub token_type: String,
    /// Who reported.
    pub reporter: String,
    /// Where, where it was said.
    pub location: Option<String>,
    /// How often.
    pub times: i64,
    /// First, in milliseconds since 1970.
    pub first_seen_at: i64,
    /// Last, in milliseconds since 1970.
    pub last_seen_at: i64,
}

/// What came of one lease.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Attempt {
    /// The number of the lease.
    pub lease: i64,
    /// When it was settled, in milliseconds since 1970.
    pub at: i64,
    /// `retry` or the name of the end.
    pub outcome: String,
    /// What the provider said, a stable code.
    pub code: Option<String>,
}

/// A row with all that belongs to it.
#[derive(Debug, Clone)]
pub struct Detail {
    /// The row.
    pub revocation: Revocation,
    /// Its sightings that were kept, the first one first.
    pub sightings: Vec<KeptSighting>,
    /// Its last hundred attempts, the first one first.
    pub attempts: Vec<Attempt>,
}

/// What an operator may do to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// `held` → `pending`.
    Approve,
    /// `pending` or `held` → `cancelled`; an attempt under way may still succeed, unheard. Not of a token
    /// that we lent: nothing else would end it in time.
    Cancel,
    /// `failed` that still has its seal → `pending`.
    Retry,
}

/// Rows as [`Revocation`] has them, with what follows of the statement.
macro_rules! rows {
    ($($rest:tt)+) => {
        sql!(
            "SELECT fingerprint, token_type, provider, mode, state, code, reason, confirmed, about,
                created_at, due_at, run_at, ended_at, attempts, sightings, " NOW " - due_at AS late
             FROM revocations" $($rest)+
        )
    };
}

const APPROVE: Sql = sql!(
    "UPDATE revocations SET state = 'pending', code = NULL, lease = lease + 1, due_at = " NOW
    ", run_at = " NOW ", armed_at = " NOW ", tell = tell OR $2 WHERE fingerprint = $1 AND state = 'held'"
);
const CANCEL: Sql = sql!(
    "UPDATE revocations SET state = 'cancelled', code = 'operator', reason = NULL, sealed = NULL,
        lease = lease + 1, leased_until = NULL, tell = tell OR $2, ended_at = " NOW
    " WHERE fingerprint = $1 AND state IN ('pending', 'held') AND provider <> 'impersonation'"
);
const RETRY: Sql = sql!(
    "UPDATE revocations SET state = 'pending', code = NULL, reason = NULL, ended_at = NULL,
        lease = lease + 1, attempts = 0, run_at = " NOW ", armed_at = " NOW
    ", tell = tell OR $2 WHERE fingerprint = $1 AND state = 'failed' AND sealed IS NOT NULL"
);

impl Store {
    /// Rows in the order of their first report, at most `limit`, after the one named by `after`;
    /// with `state`, only those in it.
    pub async fn revocations(
        &self,
        state: Option<State>,
        after: Option<(i64, Fingerprint)>,
        limit: u32,
    ) -> Result<Vec<Revocation>, StoreError> {
        const LIST: Sql = rows!(
            " WHERE ($1 IS NULL OR state = $1) AND (created_at, fingerprint) > ($2, $3)
              ORDER BY created_at, fingerprint LIMIT $4"
        );
        let (at, fingerprint) = after.map_or((i64::MIN, Vec::new()), |(at, f)| (at, f.to_vec()));
        let (list, state) = (self.text(LIST), state.map(State::as_str));
        Ok(on!(read self, conn =>
            sqlx::query_as(list)
                .bind(state)
                .bind(at)
                .bind(fingerprint)
                .bind(i64::from(limit))
                .fetch_all(&mut *conn)
                .await?)?)
    }

    /// Rows whose fingerprint lies in `range`, in the order of their fingerprints, at most `limit`,
    /// after the fingerprint `after`; with `state`, only those in it.
    pub async fn revocations_between(
        &self,
        range: &RangeInclusive<Fingerprint>,
        state: Option<State>,
        after: Option<Fingerprint>,
        limit: u32,
    ) -> Result<Vec<Revocation>, StoreError> {
        const BETWEEN: Sql = rows!(
            " WHERE fingerprint >= $1 AND fingerprint <= $2 AND fingerprint > $3
                AND ($4 IS NULL OR state = $4) ORDER BY fingerprint LIMIT $5"
        );
        // No bytes at all come before every fingerprint.
        let after = after.map_or(Vec::new(), |fingerprint| fingerprint.to_vec());
        let (between, state) = (self.text(BETWEEN), state.map(State::as_str));
        Ok(on!(read self, conn =>
            sqlx::query_as(between)
                .bind(range.start().as_slice())
                .bind(range.end().as_slice())
                .bind(after)
                .bind(state)
                .bind(i64::from(limit))
                .fetch_all(&mut *conn)
                .await?)?)
    }

    /// The rows of these fingerprints, in no order; what is not there is left out.
    pub async fn revocations_of(
        &self,
        fingerprints: &[Fingerprint],
    ) -> Result<Vec<Revocation>, StoreError> {
        const OF: Sql = rows!(" WHERE fingerprint IN " GIVEN);
        let (of, named) = (self.text(OF), listed(fingerprints));
        Ok(on!(read self, conn =>
            sqlx::query_as(of).bind(&named).fetch_all(&mut *conn).await?)?)
    }

    /// One row with its sightings and attempts.
    pub async fn revocation(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Detail>, StoreError> {
        const ONE: Sql = rows!(" WHERE fingerprint = $1");
        const SIGHTINGS: &str = "SELECT token_type, reporter, location, times, first_seen_at,
            last_seen_at FROM sightings WHERE fingerprint = $1 ORDER BY first_seen_at, digest";
        const ATTEMPTS: &str = "SELECT lease, at, outcome, code FROM attempts
            WHERE fingerprint = $1 ORDER BY lease DESC LIMIT 100";
        let (one, key) = (self.text(ONE), fingerprint.as_slice());
        let found = on!(read self, conn => {
            match sqlx::query_as(one).bind(key).fetch_optional(&mut *conn).await? {
                None => None,
                Some(revocation) => Some(Detail {
                    revocation,
                    sightings: sqlx::query_as(SIGHTINGS).bind(key).fetch_all(&mut *conn).await?,
                    attempts: {
                        let mut last: Vec<Attempt> =
                            sqlx::query_as(ATTEMPTS).bind(key).fetch_all(&mut *conn).await?;
                        last.reverse();
                        last
                    },
                }),
            }
        })?;
        Ok(found)
    }

    /// Where a reported secret was seen first, as its reporter put it; `None` where nobody ever said.
    pub async fn first_location(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<String>, StoreError> {
        const FIRST: &str = "SELECT location FROM sightings
            WHERE fingerprint = $1 AND location IS NOT NULL
            ORDER BY first_seen_at, digest LIMIT 1";
        let key = fingerprint.as_slice();
        Ok(on!(read self, conn =>
            sqlx::query_scalar(FIRST).bind(key).fetch_optional(&mut *conn).await?)?)
    }

    /// Does what an operator asked; `false` where the row is not in a state that allows it.
    pub async fn operate(&self, fingerprint: &Fingerprint, act: Move) -> Result<bool, StoreError> {
        let text = self.text(match act {
            Move::Approve => APPROVE,
            Move::Cancel => CANCEL,
            Move::Retry => RETRY,
        });
        let rows = on!(write self, conn =>
            sqlx::query(text).bind(fingerprint.as_slice()).bind(self.tells())
                .execute(&mut *conn).await?.rows_affected())?;
        // Here only: other replicas find it at their next poll, which an operator can wait for.
        self.events().tell(Event::Due);
        Ok(rows == 1)
    }

    /// How many rows are in each state that has any.
    pub async fn count_by_state(&self) -> Result<Vec<(String, i64)>, StoreError> {
        const COUNT: &str = "SELECT state, count(*) FROM revocations GROUP BY state ORDER BY state";
        Ok(on!(read self, conn => sqlx::query_as(COUNT).fetch_all(&mut *conn).await?)?)
    }
}
