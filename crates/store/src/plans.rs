//! How the databases plan what is asked of them, and that what is done for ever on tables that grow goes along
//! an index.

use portcullis_test_support::postgres;
use sqlx::{AssertSqlSafe, Row as _};

use crate::audit::append::LAST;
use crate::audit::ends::HEADS;
use crate::audit::read::{ENTRIES, NEXT};
use crate::audit::retain::TAKE;
use crate::dialect::{Sql, on};
use crate::open::Backend;
use crate::queue::ahead::{NEW, TRIED};
use crate::queue::give_up::{ERASE, FAILED, GIVE_UP};
use crate::{ConnectOptions, Store, retention};

/// The plan of a statement whose parameters are written out, since both databases plan by them.
pub(crate) async fn plan(store: &Store, text: &str) -> String {
    let explain = if store.is_shared() { "EXPLAIN" } else { "EXPLAIN QUERY PLAN" };
    let text = format!("{explain} {text}");
    let lines: Vec<String> = match store.backend() {
        Backend::Postgres(pool) => {
            let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        }
        Backend::Sqlite(sqlite) => {
            let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&sqlite.readers).await.unwrap();
            rows.iter().map(|row| row.get("detail")).collect()
        }
    };
    lines.join("\n")
}

/// Asserts that a plan goes along this index, and reads none of these tables from end to end.
pub(crate) fn goes_along(plan: &str, index: &str, tables: &[&str]) {
    assert!(plan.contains(index), "{index}: {plan}");
    for table in tables {
        // SQLite says `SCAN t USING INDEX i` of a walk along a partial index, which is what is wanted.
        let scan = |line: &&str| {
            line.contains(&format!("Seq Scan on {table}"))
                || line.contains(&format!("SCAN {table}"))
        };
        let scanned: Vec<_> =
            plan.lines().filter(scan).filter(|line| !line.contains(index)).collect();
        assert_eq!(scanned, Vec::<&str>::new(), "{plan}");
    }
}

/// Chains of a year, rows that ended, one of ten long ago, and a backlog of some that wait and some that failed.
const FILL: [Sql; 4] = [
    Sql {
        postgres: "INSERT INTO audit_chains (number, chain)
            SELECT n, sha256(n::text::bytea) FROM generate_series(1, 100) AS n",
        sqlite: "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100)
            INSERT INTO audit_chains (number, chain) SELECT n, unhex(printf('%032d', n)) FROM s",
    },
    Sql {
        postgres: "INSERT INTO audit_entries (chain, seq, at, entry, prev, mac)
            SELECT chain, n, n, '{\"event\":\"test\"}', chain, chain
            FROM audit_chains, generate_series(0, 299) AS n",
        sqlite: "WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 299)
            INSERT INTO audit_entries (chain, seq, at, entry, prev, mac)
            SELECT chain, n, n, '{\"event\":\"test\"}', chain, chain FROM audit_chains, s",
    },
    Sql {
        postgres: "INSERT INTO revocations (fingerprint, token_type, provider, mode, state,
                key_version, created_at, armed_at, due_at, run_at, ended_at)
            SELECT sha256(n::text::bytea), 't', 'p', 'revoke', 'revoked', 1, at, at, at, at, at
            FROM generate_series(1, 20000) AS n, LATERAL (SELECT CASE WHEN n % 10 = 0 THEN n
                ELSE (extract(epoch from now()) * 1000)::bigint END) AS a (at)",
        sqlite: "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
            INSERT INTO revocations (fingerprint, token_type, provider, mode, state, key_version,
                created_at, armed_at, due_at, run_at, ended_at)
            SELECT unhex(printf('%064d', n)), 't', 'p', 'revoke', 'revoked', 1, at, at, at, at, at
            FROM (SELECT n, iif(n % 10 = 0, n, unixepoch() * 1000) AS at FROM s)",
    },
    Sql {
        postgres: "INSERT INTO revocations (fingerprint, token_type, provider, mode, state, sealed,
                key_version, created_at, armed_at, due_at, run_at, ended_at)
            SELECT sha256(('w' || n)::bytea), 't', 'p' || (n % 3), 'revoke',
                CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'failed' END, '\\x00', 1, n, n, n, n,
                CASE WHEN n % 2 > 0 THEN n END
            FROM generate_series(1, 5000) AS n",
        sqlite: "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 5000)
            INSERT INTO revocations (fingerprint, token_type, provider, mode, state, sealed,
                key_version, created_at, armed_at, due_at, run_at, ended_at)
            SELECT unhex(printf('aa%062d', n)), 't', 'p' || (n % 3), 'revoke',
                CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'failed' END, x'00', 1, n, n, n, n,
                CASE WHEN n % 2 > 0 THEN n END
            FROM s",
    },
];

/// As the plans name them: Postgres by the table, SQLite by the alias. The register is short.
const TABLES: [&str; 4] = ["audit_entries", "e", "l", "revocations"];

async fn what_is_done_for_ever_goes_along_an_index(url: &str) {
    let options = ConnectOptions { url: url.into(), max_connections: 2 };
    let store = Store::connect(&options).await.unwrap();
    let fill = FILL.map(|sql| store.text(sql));
    on!(write store, conn => {
        for text in fill.into_iter().chain(["ANALYZE"]) {
            sqlx::query(text).execute(&mut *conn).await?;
        }
    })
    .unwrap();
    let shared = store.is_shared();
    let (entries, chain) =
        if shared { ("audit_entries_pkey", "sha256('7')") } else { ("PRIMARY KEY", "x'07'") };
    let row = if shared { "revocations_pkey" } else { "PRIMARY KEY" };
    let none = if shared { "''::bytea" } else { "x''" };
    for (text, index, parameters) in [
        (LAST, entries, [chain, "", ""]),
        (HEADS, entries, ["0", "32", ""]),
        (ENTRIES, entries, [chain, "5", "1000"]),
        (NEXT, entries, [chain, "", ""]),
        (TAKE, entries, [chain, "5", ""]),
        (store.text(NEW), "revocations_by_time", ["900000", "", ""]),
        (store.text(TRIED), "revocations_runnable", ["900000", "'p1'", ""]),
        (store.text(GIVE_UP), "revocations_runnable", ["'p1'", "86400000", "1000"]),
        (store.text(FAILED), "revocations_failed", ["2592000000", "5", none]),
        (store.text(ERASE), row, ["'[\"aa\"]'", "2592000000", ""]),
        (store.text(retention::FIND), "revocations_by_time", ["2592000000", "0", none]),
    ] {
        let written = (1..)
            .zip(parameters)
            .fold(text.to_owned(), |text, (n, value)| text.replace(&format!("${n}"), value));
        goes_along(&plan(&store, &written).await, index, &TABLES);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_it_does() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/p.db", directory.path().display());
    what_is_done_for_ever_goes_along_an_index(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_it_does() {
    let database = postgres().await;
    what_is_done_for_ever_goes_along_an_index(database.url()).await;
}
