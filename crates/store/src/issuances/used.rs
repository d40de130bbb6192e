//! JWTs that may be used once, where nothing else is written with it.

use std::time::Duration;

use super::{Digest, Once, USE, millis};
use crate::dialect::{Sql, on, sql};
use crate::{Store, StoreError};

/// What `by` says of a token that is refused because it, or what was made of it, leaked.
const LEAKED: &str = "leaked";

/// Whatever it was used for before, from now on it is refused, and no shorter than before.
const LEAK: Sql = sql!(
    "INSERT INTO used_tokens AS old (digest, issuance, valid_until) VALUES ($1, $2, " NOW " + $3)
     ON CONFLICT (digest) DO UPDATE SET issuance = excluded.issuance,
        valid_until = CASE WHEN old.valid_until > excluded.valid_until
            THEN old.valid_until ELSE excluded.valid_until END"
);
const ALL_LEAKED: Sql = sql!(
    "SELECT digest, valid_until - " NOW " FROM used_tokens
     WHERE issuance = $1 AND valid_until > " NOW
);

/// Some of what has expired goes with each that comes, so that there are never many more than live ones.
/// Nobody waits here for anybody else.
const FORGET_SOME: Sql = Sql {
    postgres: "DELETE FROM used_tokens WHERE digest IN (
            SELECT digest FROM used_tokens
            WHERE valid_until <= (extract(epoch from statement_timestamp()) * 1000)::bigint
            ORDER BY valid_until LIMIT 10 FOR UPDATE SKIP LOCKED)",
    sqlite: "DELETE FROM used_tokens WHERE digest IN (
            SELECT digest FROM used_tokens
            WHERE valid_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER)
            ORDER BY valid_until LIMIT 10)",
};

impl Store {
    /// Whether this JWT was not used before; from now on it was. `by` says what it was used for.
    pub async fn use_once(&self, once: &Once, by: &str) -> Result<bool, StoreError> {
        let (used, forget) = (self.text(USE), self.text(FORGET_SOME));
        Ok(on!(write self, conn => {
            let fresh = sqlx::query(used)
                .bind(once.digest.as_slice())
                .bind(by)
                .bind(millis(once.keep))
                .execute(&mut *conn)
                .await?
                .rows_affected()
                == 1;
            sqlx::query(forget).execute(&mut *conn).await?;
            fresh
        })?)
    }

    /// These JWTs are refused from now on, all of them or, after an error, perhaps none. A JWT that was used
    /// before counts as leaked too.
    pub async fn leak(&self, all: &[Once]) -> Result<(), StoreError> {
        let (leak, forget) = (self.text(LEAK), self.text(FORGET_SOME));
        // In one order, whoever else writes some of them.
        let mut all = all.to_vec();
        all.sort_by_key(|once| once.digest);
        Ok(on!(write self, conn => {
            let mut transaction = sqlx::Connection::begin(conn).await?;
            for once in &all {
                sqlx::query(leak)
                    .bind(once.digest.as_slice())
                    .bind(LEAKED)
                    .bind(millis(once.keep))
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query(forget).execute(&mut *transaction).await?;
            transaction.commit().await?;
        })?)
    }

    /// All that [`Self::leak`] was told and that has not expired, each with how long it is still kept.
    pub async fn leaked(&self) -> Result<Vec<Once>, StoreError> {
        let all = self.text(ALL_LEAKED);
        let rows: Vec<(Vec<u8>, i64)> =
            on!(read self, conn => sqlx::query_as(all).bind(LEAKED).fetch_all(&mut *conn).await?)?;
        let once = |(digest, left): (Vec<u8>, i64)| {
            let keep = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            Some(Once { digest: Digest::try_from(digest).ok()?, keep })
        };
        Ok(rows.into_iter().filter_map(once).collect())
    }
}
