//! The gateway over HTTP, on SQLite and on Postgres with the same tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "http/leak.rs"]
mod leak;
mod support;

/// Each test twice: the output counts them as `on_sqlite::…` and `on_postgres::…`.
macro_rules! on_both_databases {
    ($($module:ident :: $test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$module::$test(super::support::Database::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$module::$test(super::support::Database::postgres().await).await;
            })*
        }
    };
}

on_both_databases![leak::a_leaked_pat_is_dead_at_the_204,];
