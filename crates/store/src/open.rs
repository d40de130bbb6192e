//! Opening a database: pools, pragmas, migrations, the lock.

use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::StoreError;
use crate::audit::append::Chain;
use crate::dialect::{PATIENCE, on, sql};
use crate::events::{Events, PostgresListener};
use crate::lock::{self, LockFile};
use crate::migrations::{self, Standing};

/// How long a caller waits for a connection before it is told that the database is unavailable.
const ACQUIRE: Duration = Duration::from_secs(3);

/// A transaction whose client says nothing for so long is ended by Postgres, and its locks with it: we give a
/// connection up without a word where the way to the server is silent, and then the server alone can end what
/// was begun on it. Until then nobody gets past the rows that it holds, and this process's audit log not past
/// its last entry. No longer than any statement is waited for: who tries again then must not wait for what it
/// gave up itself.
const LET_GO: &str = "SELECT set_config('idle_in_transaction_session_timeout', $1, false)";

/// KiB of pages that each reader keeps to itself (negative: not pages). They look rows up one by one, and the
/// system keeps the file's pages once for all of them; SQLite's own 2 MiB for each would be most of the memory
/// of an idle gateway.
const READERS_CACHE: &str = "-512";

/// Which database, and how much of it.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `sqlite://path/to/file` or `postgres://user:password@host/name`.
    pub url: secrecy::SecretString,
    /// Connections kept at the most (on SQLite: readers; there is one writer).
    pub max_connections: u32,
}

/// An open database, at the version of this program. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Backend,
    events: Events,
    /// See [`Store::tell_people`].
    telling: AtomicBool,
    /// See [`Store::begin_chain`].
    chain: OnceLock<Chain>,
}

impl Inner {
    fn new(backend: Backend, events: Events) -> Self {
        Self { backend, events, telling: AtomicBool::new(false), chain: OnceLock::new() }
    }
}

/// The pools of the database at hand.
#[derive(Debug)]
pub(crate) enum Backend {
    Postgres(PgPool),
    Sqlite(Sqlite),
}

/// SQLite knows one writer at a time: a pool of one makes writers queue in the program, fairly,
/// instead of failing busy in the database.
#[derive(Debug)]
pub(crate) struct Sqlite {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
    lock: Option<LockFile>,
}

impl Store {
    /// Opens the database, brings it to this program's version, and on SQLite voids the leases of
    /// the predecessor, whose death the lock file proves.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, StoreError> {
        use secrecy::ExposeSecret as _;
        let url = options.url.expose_secret();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::connect_postgres(url, options.max_connections).await
        } else if url.starts_with("sqlite:") {
            Self::connect_sqlite(url, options.max_connections).await
        } else {
            Err(StoreError::Address)
        }
    }

    /// Whether a Postgres takes us: a connection and a question, and nothing is made or changed. Of SQLite
    /// nothing is asked, since opening it would make it.
    pub async fn reach(url: &secrecy::SecretString) -> Result<(), StoreError> {
        use secrecy::ExposeSecret as _;
        use sqlx::{Connection as _, PgConnection};
        let url = url.expose_secret();
        if url.starts_with("sqlite:") {
            return Ok(());
        }
        let connect = PgConnectOptions::from_str(url).map_err(|_| StoreError::Address)?;
        let connect = connect.application_name("portcullis");
        let mut connection = PgConnection::connect_with(&connect).await?;
        sqlx::query("SELECT 1").execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    /// What would be applied to the database at this address, and what a newer version has applied. Changes
    /// nothing and takes no lock; refuses a database that [`Self::connect`] would refuse for its version.
    pub async fn standing(url: &secrecy::SecretString) -> Result<Standing, StoreError> {
        use secrecy::ExposeSecret as _;
        let url = url.expose_secret();
        if url.starts_with("sqlite:") {
            let connect = SqliteConnectOptions::from_str(url).map_err(|_| StoreError::Address)?;
            return migrations::of_sqlite(connect).await;
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(StoreError::Address);
        }
        let connect = PgConnectOptions::from_str(url).map_err(|_| StoreError::Address)?;
        migrations::of_postgres(&connect.application_name("portcullis")).await
    }

    async fn connect_postgres(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let connect = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Address)?
            .application_name("portcullis");
        let pool = PgPoolOptions::new()
            .max_connections(max_connections.max(1))
            .acquire_timeout(ACQUIRE)
            // A dead connection is noticed by the statement itself, which the caller may repeat;
            // asking first would cost a round trip each time.
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async {
                    let limit = format!("{}s", PATIENCE.as_secs());
                    sqlx::query(LET_GO).bind(limit).execute(connection).await.map(drop)
                })
            })
            .connect_with(connect.clone())
            .await?;
        let encoding: String = sqlx::query_scalar("SHOW server_encoding").fetch_one(&pool).await?;
        if encoding != "UTF8" {
            return Err(StoreError::Encoding(encoding));
        }
        migrations::run_on_postgres(&pool).await?;
        let events = Events::default();
        PostgresListener::spawn(pool.clone(), connect, &events);
        Ok(Self(Arc::new(Inner::new(Backend::Postgres(pool), events))))
    }

    async fn connect_sqlite(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let connect = SqliteConnectOptions::from_str(url)
            .map_err(|_| StoreError::Address)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(ACQUIRE);
        // Before the first connection: sqlx locks nothing while it migrates SQLite.
        let file = absolute(connect.get_filename())?;
        let lock = LockFile::take(&file)?;
        lock::make_private(&file)?;
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE)
            .connect_with(connect.clone())
            .await?;
        migrations::run_on_sqlite(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(ACQUIRE)
            .connect_with(connect.pragma("cache_size", READERS_CACHE))
            .await?;
        let sqlite = Sqlite { writer, readers, lock: Some(lock) };
        let store = Self(Arc::new(Inner::new(Backend::Sqlite(sqlite), Events::default())));
        store.void_leases().await?;
        Ok(store)
    }

    /// Opens the database as it is, beside whoever uses it: nothing is made, migrated or locked. What writes
    /// is refused by SQLite, and not to be called.
    pub async fn connect_to_read(options: &ConnectOptions) -> Result<Self, StoreError> {
        use secrecy::ExposeSecret as _;
        let url = options.url.expose_secret();
        let backend = if url.starts_with("sqlite:") {
            let connect = SqliteConnectOptions::from_str(url)
                .map_err(|_| StoreError::Address)?
                .read_only(true)
                .busy_timeout(ACQUIRE);
            let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE).max_connections(2);
            let readers = pool.connect_with(connect).await?;
            Backend::Sqlite(Sqlite { writer: readers.clone(), readers, lock: None })
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let connect = PgConnectOptions::from_str(url).map_err(|_| StoreError::Address)?;
            let pool = PgPoolOptions::new().acquire_timeout(ACQUIRE).max_connections(2);
            Backend::Postgres(pool.connect_with(connect.application_name("portcullis")).await?)
        } else {
            return Err(StoreError::Address);
        };
        Ok(Self(Arc::new(Inner::new(backend, Events::default()))))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        on!(read self, conn => {
            sqlx::query("SELECT 1").execute(&mut *conn).await?;
        })?;
        Ok(())
    }

    /// Closes every connection, after what is under way.
    pub async fn close(&self) {
        match self.backend() {
            Backend::Postgres(pool) => pool.close().await,
            Backend::Sqlite(sqlite) => {
                sqlite.readers.close().await;
                sqlite.writer.close().await;
                // Not only when the last handle is dropped: a task that was told to end may have one yet, and the next to
                // open the database would be refused.
                sqlite.lock.iter().for_each(LockFile::release);
            }
        }
    }

    /// Gives up the connections that nobody uses now; whoever needs one opens another. A connection works for as
    /// long as the runtime on which it was opened, and whoever ends a runtime calls this. On SQLite they belong
    /// to no runtime.
    pub fn let_idle_go(&self) {
        if let Backend::Postgres(pool) = self.backend() {
            let idle = (0..pool.size()).map_while(|_| pool.try_acquire());
            idle.for_each(|idle| drop(idle.detach()));
        }
    }

    /// Whether this is Postgres, which replicas may share.
    pub fn is_shared(&self) -> bool {
        matches!(self.backend(), Backend::Postgres(_))
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0.backend
    }

    pub(crate) fn chain(&self) -> Option<&Chain> {
        self.0.chain.get()
    }

    pub(crate) fn set_chain(&self, chain: Chain) {
        // Begun once at the start of a process; a second one would only leave the first without its end.
        drop(self.0.chain.set(chain));
    }

    pub(crate) fn telling(&self) -> &AtomicBool {
        &self.0.telling
    }

    /// What happens in the database, as it happens.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    /// The attempts under way when the predecessor died have an outcome that nobody heard, and so have the
    /// tokens that it was asking for.
    async fn void_leases(&self) -> Result<(), StoreError> {
        const VOID: crate::dialect::Sql = sql!(
            "UPDATE revocations SET leased_until = NULL, uncertain = TRUE, run_at = " NOW
            " WHERE state = 'pending' AND leased_until IS NOT NULL"
        );
        const VOID_INTENTS: crate::dialect::Sql = sql!(
            "UPDATE issuances SET lease_until = 0, sweep_at = " NOW " WHERE state = 'open'"
        );
        const VOID_DUTIES: &str = "DELETE FROM duties";
        // What is due already keeps its place in the line.
        const VOID_NOTICES: crate::dialect::Sql =
            sql!("UPDATE notices SET run_at = " NOW " WHERE run_at > " NOW);
        on!(write self, conn => {
            for text in [self.text(VOID), self.text(VOID_INTENTS), VOID_DUTIES, self.text(VOID_NOTICES)] {
                sqlx::query(text).execute(&mut *conn).await?;
            }
        })?;
        Ok(())
    }
}

/// The lock must be the same file however the database is named, also through a link.
fn absolute(database: &Path) -> Result<std::path::PathBuf, StoreError> {
    database
        .canonicalize()
        .or_else(|_| std::path::absolute(database))
        .map_err(|source| StoreError::File { path: database.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn postgres_ends_what_a_silent_client_began() {
        let database = portcullis_test_support::postgres().await;
        let options = ConnectOptions { url: database.url().into(), max_connections: 2 };
        let store = Store::connect(&options).await.unwrap();
        let Backend::Postgres(pool) = store.backend() else { panic!("it is Postgres") };
        for _ in 0..2 {
            let mut connection = pool.acquire().await.unwrap();
            let limit = sqlx::query_scalar("SHOW idle_in_transaction_session_timeout");
            let limit: String = limit.fetch_one(&mut *connection).await.unwrap();
            assert_eq!(limit, "5s");
            drop(connection);
            // All go back to the pool in their own time, also those that brought the database to its version.
            while pool.num_idle() < pool.size() as usize {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // The next one is another.
            store.let_idle_go();
            assert_eq!(pool.size(), 0);
        }
        store.close().await;
    }
}
