//! Bringing a database to this program's version, and bearing with one that is ahead of it.
//!
//! While replicas are upgraded one after another, two versions work on one database, and a replica of the older
//! one may have to start again on what the newer one has migrated. So a migration adds what older programs do
//! not notice. One that takes something away says in its name which migration a program must know to do without
//! it: `0009_needs_0007_drop_old_column.sql`. sqlx keeps that name beside what was applied, so also a program that
//! was written before the migration can read it there.

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::StoreError;

static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How a description begins that says what it needs. sqlx makes spaces of a file name's underscores.
const NEEDS: &str = "needs ";

/// The table in which sqlx keeps what was applied; it is not there before the first migration.
const POSTGRES_HAS: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
const SQLITE_HAS: &str =
    "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
const APPLIED: &str = "SELECT version, description FROM _sqlx_migrations ORDER BY version";

/// A migration that was applied to a database, or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its number: the later the higher.
    pub version: i64,
    /// What it does, as its file is named.
    pub description: String,
}

/// Where a database stands.
#[derive(Debug)]
pub struct Standing {
    /// What this program would apply.
    pub pending: Vec<Migration>,
    /// What a newer program has applied, which this one does not know and can live with.
    pub ahead: Vec<Migration>,
}

/// Applies to Postgres what is missing. sqlx holds an advisory lock meanwhile: replicas may start at once.
pub(crate) async fn run_on_postgres(pool: &PgPool) -> Result<(), StoreError> {
    standing(&POSTGRES, &on_postgres(&mut *pool.acquire().await?).await?)?;
    bearing(&POSTGRES).run(pool).await.map_err(StoreError::Migration)?;
    // A newer replica may have gone on while this one waited for the lock.
    tell(&standing(&POSTGRES, &on_postgres(&mut *pool.acquire().await?).await?)?);
    Ok(())
}

/// Applies to SQLite what is missing. sqlx locks nothing there: the lock file is taken before.
pub(crate) async fn run_on_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    tell(&standing(&SQLITE, &on_sqlite(&mut *pool.acquire().await?).await?)?);
    bearing(&SQLITE).run(pool).await.map_err(StoreError::Migration)
}

/// Where this Postgres stands; changes nothing.
pub(crate) async fn of_postgres(connect: &PgConnectOptions) -> Result<Standing, StoreError> {
    let mut connection = connect.connect().await?;
    let applied = on_postgres(&mut connection).await?;
    connection.close().await?;
    standing(&POSTGRES, &applied)
}

/// Where this SQLite stands; changes nothing, and makes no file where there is none.
pub(crate) async fn of_sqlite(connect: SqliteConnectOptions) -> Result<Standing, StoreError> {
    if !connect.get_filename().exists() {
        return standing(&SQLITE, &[]);
    }
    let mut connection = connect.read_only(true).connect().await?;
    let applied = on_sqlite(&mut connection).await?;
    connection.close().await?;
    standing(&SQLITE, &applied)
}

async fn on_postgres(connection: &mut sqlx::PgConnection) -> Result<Vec<Migration>, sqlx::Error> {
    if !sqlx::query_scalar::<_, bool>(POSTGRES_HAS).fetch_one(&mut *connection).await? {
        return Ok(Vec::new());
    }
    Ok(named(sqlx::query_as(APPLIED).fetch_all(connection).await?))
}

async fn on_sqlite(connection: &mut sqlx::SqliteConnection) -> Result<Vec<Migration>, sqlx::Error> {
    if !sqlx::query_scalar::<_, bool>(SQLITE_HAS).fetch_one(&mut *connection).await? {
        return Ok(Vec::new());
    }
    Ok(named(sqlx::query_as(APPLIED).fetch_all(connection).await?))
}

fn named(rows: Vec<(i64, String)>) -> Vec<Migration> {
    rows.into_iter().map(|(version, description)| Migration { version, description }).collect()
}

/// A program's migrations, for a database that may have more of them.
fn bearing(ours: &Migrator) -> Migrator {
    let mut ours = Migrator::with_migrations(ours.iter().cloned().collect());
    ours.set_ignore_missing(true);
    ours
}

/// What is to be applied and what is not known, or why this program must keep off.
fn standing(ours: &Migrator, applied: &[Migration]) -> Result<Standing, StoreError> {
    let known = ours.iter().map(|one| one.version).max().unwrap_or(0);
    let mut ahead = Vec::new();
    for one in applied.iter().filter(|one| !ours.version_exists(one.version)) {
        // Every version has all migrations of the former ones: this is the work of another program.
        if one.version < known {
            return Err(StoreError::ForeignMigration(one.version));
        }
        let needs = needs(one);
        if needs > known {
            return Err(StoreError::TooNew { at: one.version, needs, known });
        }
        ahead.push(one.clone());
    }
    let is_pending = |version| applied.iter().all(|one| one.version != version);
    let pending = ours
        .iter()
        .filter(|one| is_pending(one.version))
        .map(|one| Migration { version: one.version, description: one.description.to_string() });
    Ok(Standing { pending: pending.collect(), ahead })
}

/// The migration that a program must know to work on a database that has this one. What cannot be read is
/// taken for the strictest: to know this one itself.
fn needs(migration: &Migration) -> i64 {
    let Some(rest) = migration.description.strip_prefix(NEEDS) else { return 0 };
    rest.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(migration.version)
}

fn tell(standing: &Standing) {
    if let Some(last) = standing.ahead.last() {
        tracing::warn!(
            database.version = last.version,
            "the database is of a newer version; working on it as an upgrade is under way"
        );
    }
}

#[cfg(test)]
mod tests;
