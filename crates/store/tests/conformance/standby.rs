use portcullis_test_support::postgres;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use portcullis_store::{ConnectOptions, Store, StoreError};

use super::support::item;

/// Has every new session read alone, as on a standby, or not; and ends all there are.
async fn only_reads(url: &str, on: bool) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let name = url.rsplit('/').next().unwrap();
    let set = format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = {on}");
    for sql in [
        "SET default_transaction_read_only = off",
        &set,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    ] {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// Asked until the sessions that were ended are used up: each fails once.
async fn reported(store: &Store) -> Result<(), StoreError> {
    for _ in 0..10 {
        match store.report(&[item(1)]).await {
            Err(StoreError::Unavailable(sqlx::Error::Database(error)))
                if error.code().as_deref() == Some("57P01") => {}
            Err(StoreError::Unavailable(sqlx::Error::Io(_))) => {}
            other => return other.map(drop),
        }
    }
    panic!("no new session")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_to_a_standby_it_waits_for_a_server_that_writes() {
    let database = postgres().await;
    let options = ConnectOptions { url: database.url().into(), max_connections: 2 };
    let store = Store::connect(&options).await.unwrap();
    only_reads(database.url(), true).await;
    let refused = reported(&store).await.unwrap_err();
    assert!(refused.is_unavailable(), "asking again may help: {refused:?}");
    store.ping().await.unwrap();
    only_reads(database.url(), false).await;
    reported(&store).await.unwrap();
}
