//! A database for one measurement, and bare statements on it.

use sqlx::{PgPool, SqlitePool};

/// A fresh one, gone when dropped.
pub(crate) enum Database {
    Sqlite(tempfile::TempDir),
    Postgres(portcullis_test_support::PgDatabase),
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(portcullis_test_support::scratch_dir())
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(portcullis_test_support::postgres().await)
    }

    /// As people call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "Postgres",
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}/p.db", folder.path().display()),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }

    /// Runs a statement that both databases understand. On SQLite nobody else may have it open.
    pub(crate) async fn execute(&self, statement: &'static str, numbers: &[i64]) {
        match self {
            Self::Sqlite(_) => {
                let pool = SqlitePool::connect(&self.url()).await.expect("a database");
                let query = numbers.iter().fold(sqlx::query(statement), |q, n| q.bind(*n));
                query.execute(&pool).await.expect("it is executed");
                pool.close().await;
            }
            Self::Postgres(_) => {
                let pool = PgPool::connect(&self.url()).await.expect("a database");
                let query = numbers.iter().fold(sqlx::query(statement), |q, n| q.bind(*n));
                query.execute(&pool).await.expect("it is executed");
                pool.close().await;
            }
        }
    }

    /// The one column of numbers that a statement gives.
    pub(crate) async fn numbers(&self, statement: &'static str) -> Vec<i64> {
        match self {
            Self::Sqlite(_) => {
                let pool = SqlitePool::connect(&self.url()).await.expect("a database");
                let numbers = sqlx::query_scalar(statement).fetch_all(&pool).await;
                pool.close().await;
                numbers.expect("numbers")
            }
            Self::Postgres(_) => {
                let pool = PgPool::connect(&self.url()).await.expect("a database");
                let numbers = sqlx::query_scalar(statement).fetch_all(&pool).await;
                pool.close().await;
                numbers.expect("numbers")
            }
        }
    }
}
