//! Our own long-lived keys, wrapped by the master key.

use portcullis_base::fault::{Point, point};

use crate::dialect::{Sql, on, sql};
use crate::{Store, StoreError};

impl Store {
    /// The wrapped key of this name, where there is one.
    pub async fn key(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        const GET: &str = "SELECT wrapped FROM keys WHERE name = $1";
        Ok(on!(read self, conn =>
            sqlx::query_scalar(GET).bind(name).fetch_optional(&mut *conn).await?)?)
    }

    /// All of them, by name.
    pub async fn keys(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        const ALL: &str = "SELECT name, wrapped FROM keys ORDER BY name";
        Ok(on!(read self, conn => sqlx::query_as(ALL).fetch_all(&mut *conn).await?)?)
    }

    /// Puts `new` in the place of `old`; `false` where something else stands there by now.
    pub async fn replace_key(
        &self,
        name: &str,
        old: &[u8],
        new: &[u8],
    ) -> Result<bool, StoreError> {
        const REPLACE: &str = "UPDATE keys SET wrapped = $3 WHERE name = $1 AND wrapped = $2";
        let replaced = on!(write self, conn =>
            sqlx::query(REPLACE).bind(name).bind(old).bind(new).execute(&mut *conn).await?.rows_affected())?;
        Ok(replaced == 1)
    }

    /// Forgets a key, where it is still `wrapped`.
    pub async fn forget_key(&self, name: &str, wrapped: &[u8]) -> Result<(), StoreError> {
        const FORGET: &str = "DELETE FROM keys WHERE name = $1 AND wrapped = $2";
        on!(write self, conn => {
            sqlx::query(FORGET).bind(name).bind(wrapped).execute(&mut *conn).await?;
        })?;
        Ok(())
    }

    /// Keeps `wrapped` under `name` unless there is one already, and returns the one that is kept:
    /// of two replicas that start at once, both get the key of the first.
    pub async fn keep_key(&self, name: &str, wrapped: &[u8]) -> Result<Vec<u8>, StoreError> {
        const PUT: Sql = sql!(
            "INSERT INTO keys (name, wrapped, created_at) VALUES ($1, $2, " NOW ")
             ON CONFLICT (name) DO NOTHING"
        );
        let put = self.text(PUT);
        on!(write self, conn => {
            sqlx::query(put).bind(name).bind(wrapped).execute(&mut *conn).await?;
        })?;
        point(Point::KeyKept);
        self.key(name).await?.ok_or(StoreError::Corrupt("a key that was just kept is gone"))
    }
}
