//! How the databases plan what is asked of them here.

use portcullis_test_support::{PgDatabase, postgres};

use super::*;
use crate::ConnectOptions;
use crate::plans::{goes_along, plan};

/// A table that has grown old: many rows that ended, few that wait.
const ROWS: Sql = Sql {
    postgres: "INSERT INTO revocations (fingerprint, token_type, provider, mode, state, sealed,
            key_version, created_at, armed_at, due_at, run_at, ended_at)
        SELECT sha256(n::text::bytea), 't', 'p' || (n % 5), 'revoke',
            CASE WHEN n % 400 = 0 THEN 'pending' WHEN n % 400 = 1 THEN 'failed' ELSE 'revoked' END,
            CASE WHEN n % 400 = 0 THEN '\\x00'::bytea END, 1, n, n, n, n,
            CASE WHEN n % 400 > 0 THEN n END
        FROM generate_series(1, 20000) AS n",
    sqlite: "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
        INSERT INTO revocations (fingerprint, token_type, provider, mode, state, sealed,
            key_version, created_at, armed_at, due_at, run_at, ended_at)
        SELECT unhex(printf('%064d', n)), 't', 'p' || (n % 5), 'revoke',
            CASE WHEN n % 400 = 0 THEN 'pending' WHEN n % 400 = 1 THEN 'failed' ELSE 'revoked' END,
            CASE WHEN n % 400 = 0 THEN x'00' END, 1, n, n, n, n,
            CASE WHEN n % 400 > 0 THEN n END
        FROM s",
};

const ISSUANCES: Sql = Sql {
    postgres: "INSERT INTO issuances (id, provider, user_id, job, state, created_at, lease_until,
            sweep_at, live_until)
        SELECT n::text, 'g', 1, '\\x00', CASE WHEN n % 400 = 0 THEN 'open' ELSE 'expired' END,
            n, n, n, n
        FROM generate_series(1, 20000) AS n",
    sqlite: "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
        INSERT INTO issuances (id, provider, user_id, job, state, created_at, lease_until,
            sweep_at, live_until)
        SELECT n, 'g', 1, x'00', CASE WHEN n % 400 = 0 THEN 'open' ELSE 'expired' END, n, n, n, n
        FROM s",
};

/// Each statement, and the index along which it goes.
fn statements(store: &Store) -> [(&'static str, &'static str); 5] {
    [
        (PROVIDERS, "revocations_runnable"),
        (store.text(DEPTH), "revocations_runnable"),
        (store.text(FAILED), "revocations_failed"),
        (store.text(INTENTS), "issuances_open"),
        (store.text(crate::issuances::BACK), "issuances_open"),
    ]
}

async fn no_table_is_read_from_end_to_end(url: &str) {
    let options = ConnectOptions { url: url.into(), max_connections: 2 };
    let store = Store::connect(&options).await.unwrap();
    let fill = [store.text(ROWS), store.text(ISSUANCES), "ANALYZE"];
    on!(write store, conn => {
        for text in fill {
            sqlx::query(text).execute(&mut *conn).await?;
        }
    })
    .unwrap();
    for (text, index) in statements(&store) {
        let first = if text == store.text(DEPTH) { "'p0'" } else { "1000" };
        let text = text.replace("$1", first).replace("$2", "1000");
        goes_along(&plan(&store, &text).await, index, &["revocations", "issuances"]);
    }
    let depths = store.depths(1000).await.unwrap();
    assert_eq!(depths.len(), 1, "every 400th row is of one provider");
    assert_eq!((depths[0].provider.as_str(), depths[0].due), ("p0", 50));
    assert_eq!(store.depths(7).await.unwrap()[0].due, 7, "no more than is asked for");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_no_table_is_scanned() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/p.db", directory.path().display());
    no_table_is_read_from_end_to_end(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_no_table_is_scanned() {
    let database: PgDatabase = postgres().await;
    no_table_is_read_from_end_to_end(database.url()).await;
}
