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
