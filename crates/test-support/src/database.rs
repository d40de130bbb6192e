//! A database for one test.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use url::Url;

use crate::cluster::{self, Cluster};

/// The variable that names a server to use instead of a private cluster: the address of a database
/// on it that is there already, as a user who may make others.
const GIVEN: &str = "PORTCULLIS_TEST_DATABASE_URL";

/// Statics are never dropped, so this one lives until the end of the process ends its supervisor.
static SHARED: Mutex<Option<Cluster>> = Mutex::new(None);

const PATIENCE: Duration = Duration::from_secs(10);

/// A database for one test, gone when this is dropped: hold it as long as the database is needed.
/// Connections that are still open then are cut off.
#[derive(Debug)]
#[must_use = "the database is gone when this is dropped"]
pub struct PgDatabase {
    url: String,
    name: String,
    server: String,
}

impl PgDatabase {
    /// `postgres://…`
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A fresh, empty Postgres database with a name of its own.
///
/// # Panics
/// Where no Postgres can be started or reached.
pub async fn postgres() -> PgDatabase {
    let (server, url_of) =
        tokio::task::spawn_blocking(server).await.expect("starting the cluster did not panic");
    let name = unique();
    run(&server, format!("CREATE DATABASE {name}")).await.expect("a database can be made");
    PgDatabase { url: url_of(&name), name, server }
}

impl Drop for PgDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // In a thread of its own: this may run inside the test's runtime, or after it.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            runtime.block_on(async {
                let result = tokio::time::timeout(PATIENCE, run(&server, statement)).await;
                result.map_err(std::io::Error::other)?.map_err(std::io::Error::other)
            })
        });
        // A database that stays behind is no reason for a test to fail.
        drop(dropping.join());
    }
}

/// Runs statements on a database of either kind, as somebody would who has reached it.
///
/// # Panics
/// Where the database does not take them.
pub async fn execute(url: &str, sql: &'static str) {
    let done = if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.expect("the database opens");
        sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
    } else {
        let mut connection = PgConnection::connect(url).await.expect("the database opens");
        sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
    };
    done.expect("the statement is taken");
}

async fn run(server: &str, statement: String) -> Result<(), sqlx::Error> {
    let options: PgConnectOptions = server.parse()?;
    let mut connection = PgConnection::connect_with(&options).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}

type UrlOf = Box<dyn Fn(&str) -> String + Send>;

/// The address of a database that is always there, and the way from a database's name to its own.
fn server() -> (String, UrlOf) {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
    if let Ok(given) = std::env::var(GIVEN) {
        let parsed: Url = given.parse().expect("PORTCULLIS_TEST_DATABASE_URL is a URL");
        let of = move |name: &str| {
            let mut url = parsed.clone();
            url.set_path(name);
            url.into()
        };
        return (given, Box::new(of));
    }
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let port = shared.get_or_insert_with(Cluster::start).port();
    (cluster::url(port, "postgres"), Box::new(move |name| cluster::url(port, name)))
}

#[expect(clippy::disallowed_methods, reason = "a name that no other test has, nothing more")]
fn unique() -> String {
    format!("portcullis_test_{}", uuid::Uuid::new_v4().simple())
}
