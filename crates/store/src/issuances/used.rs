//! JWTs that may be used once, where nothing else is written with it.

use super::{Once, USE, millis};
use crate::dialect::{Sql, on};
use crate::{Store, StoreError};

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
}
