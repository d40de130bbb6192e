#![doc = include_str!("../README.md")]

mod cluster;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use sqlx::{Connection as _, Executor as _, PgConnection};

pub use cluster::Cluster;

/// The variable that names a server to use instead of a private cluster.
const GIVEN: &str = "PORTCULLIS_TEST_DATABASE_URL";

static SHARED: Mutex<Option<Cluster>> = Mutex::new(None);

/// An empty database for one test. On a private cluster it is gone with the process; on a given
/// server it stays, named `portcullis_test_…`.
#[derive(Debug)]
pub struct PgDatabase {
    url: String,
}

impl PgDatabase {
    /// `postgres://…`
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A fresh, empty Postgres database.
///
/// # Panics
/// Where no Postgres can be started or reached.
pub async fn postgres() -> PgDatabase {
    let server = tokio::task::spawn_blocking(server).await.expect("the cluster starts");
    let name = format!("portcullis_test_{}", unique());
    let mut connection =
        PgConnection::connect(&server("postgres")).await.expect("the test server answers");
    let create = format!("CREATE DATABASE {name}");
    connection.execute(sqlx::AssertSqlSafe(create)).await.expect("a database can be made");
    connection.close().await.expect("the connection closes");
    PgDatabase { url: server(&name) }
}

/// From the name of a database to its address on the server of this process.
fn server() -> Box<dyn Fn(&str) -> String + Send> {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration")]
    if let Ok(given) = std::env::var(GIVEN) {
        let (base, _) = given.rsplit_once('/').expect("the given address names a database");
        let base = base.to_owned();
        return Box::new(move |name| format!("{base}/{name}"));
    }
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let port = shared.get_or_insert_with(Cluster::start).port();
    Box::new(move |name| cluster::url(port, name))
}

#[expect(clippy::disallowed_methods, reason = "a name that no other test has, nothing more")]
fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// A folder that is removed when dropped.
///
/// # Panics
/// Where none can be made.
pub fn scratch_dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch folder")
}

/// A port of loopback that was free a moment ago.
///
/// # Panics
/// Where there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
