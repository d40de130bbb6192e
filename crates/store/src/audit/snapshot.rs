//! The log as it was at one moment, read a page at a time.
//!
//! Pages that are read one after the other are of different moments, and a chain that is read late may tell of
//! entries that one which was read early did not have yet. Who reads the database can look again; who only has
//! what was read could not.

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::read::{CHAINS, ENTRIES};
use super::{ChainRow, Row};
use crate::dialect::PATIENCE;
use crate::open::Backend;
use crate::{Store, StoreError};

/// It holds no locks, but keeps Postgres from clearing up behind it, and SQLite's log of what was written growing:
/// one whose reader has stopped must end. The reader may be slow, as somebody is who pages through it.
const BEGIN: [&str; 2] = [
    "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL idle_in_transaction_session_timeout = '10min'",
];

/// The moment is that of the first question about a table.
const NOW: &str = "SELECT count(*) FROM audit_chains WHERE number = 1";

/// The log as it was at one moment. To be dropped after an error: its connection may be in the midst of anything.
#[derive(Debug)]
pub struct Snapshot(Held);

/// A connection of its own, which does not go back to the pool.
#[derive(Debug)]
enum Held {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Runs `$body` on the connection, no longer than any statement is waited for.
macro_rules! within {
    ($held:expr, $conn:ident => $body:expr) => {{
        let done = match $held {
            Held::Postgres($conn) => {
                let work = async { Ok::<_, sqlx::Error>($body) };
                tokio::time::timeout(PATIENCE, work).await
            }
            Held::Sqlite($conn) => {
                let work = async { Ok::<_, sqlx::Error>($body) };
                tokio::time::timeout(PATIENCE, work).await
            }
        };
        done.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
    }};
}

impl Store {
    /// The log as it is now, whatever is written or taken away while it is read.
    pub async fn audit_snapshot(&self) -> Result<Snapshot, StoreError> {
        let (mut held, begin) = match self.backend() {
            Backend::Postgres(pool) => (Held::Postgres(pool.acquire().await?.detach()), &BEGIN[..]),
            Backend::Sqlite(sqlite) => {
                (Held::Sqlite(sqlite.readers.acquire().await?.detach()), &["BEGIN"][..])
            }
        };
        within!(&mut held, conn => {
            for text in begin.iter().copied().chain([NOW]) {
                sqlx::query(text).execute(&mut *conn).await?;
            }
        })?;
        Ok(Snapshot(held))
    }
}

impl Snapshot {
    /// The registered chains beyond this number, at most `limit`.
    pub async fn chains(&mut self, after: i64, limit: u32) -> Result<Vec<ChainRow>, StoreError> {
        Ok(within!(&mut self.0, conn =>
            sqlx::query_as(CHAINS).bind(after).bind(i64::from(limit)).fetch_all(&mut *conn).await?)?)
    }

    /// The entries of a chain beyond this one, at most `limit`.
    pub async fn entries(
        &mut self,
        chain: &[u8],
        after: i64,
        limit: u32,
    ) -> Result<Vec<Row>, StoreError> {
        Ok(within!(&mut self.0, conn =>
            sqlx::query_as(ENTRIES).bind(chain).bind(after).bind(i64::from(limit))
                .fetch_all(&mut *conn).await?)?)
    }

    /// Lets go of it. What was read is read, whatever the database says to that.
    pub async fn close(self) {
        let close = async {
            match self.0 {
                Held::Postgres(connection) => connection.close().await,
                Held::Sqlite(connection) => connection.close().await,
            }
        };
        drop(tokio::time::timeout(PATIENCE, close).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConnectOptions;

    #[tokio::test]
    async fn postgres_lets_its_reader_be_slow_but_not_for_ever() {
        let database = portcullis_test_support::postgres().await;
        let options = ConnectOptions { url: database.url().into(), max_connections: 2 };
        let store = Store::connect(&options).await.unwrap();
        let Snapshot(Held::Postgres(mut connection)) = store.audit_snapshot().await.unwrap() else {
            panic!("it is Postgres")
        };
        let limit = sqlx::query_scalar("SHOW idle_in_transaction_session_timeout");
        let limit: String = limit.fetch_one(&mut connection).await.unwrap();
        assert_eq!(limit, "10min");
        connection.close().await.unwrap();
        store.close().await;
    }
}
