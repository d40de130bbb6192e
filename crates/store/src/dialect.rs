//! Two databases, one text: where Postgres and SQLite understand the same SQL it is written once.

use std::time::Duration;

use crate::Fingerprint;
use crate::open::{Backend, Store};

/// One statement in both dialects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) postgres: &'static str,
    pub(crate) sqlite: &'static str,
}

impl Store {
    /// The statement in this store's dialect.
    pub(crate) fn text(&self, sql: Sql) -> &'static str {
        match self.backend() {
            Backend::Postgres(_) => sql.postgres,
            Backend::Sqlite(_) => sql.sqlite,
        }
    }
}

/// What `GIVEN` takes for its parameter.
pub(crate) fn listed(fingerprints: &[Fingerprint]) -> String {
    let named: Vec<String> = fingerprints.iter().map(hex::encode).collect();
    serde_json::json!(named).to_string()
}

/// Builds an [`Sql`]: literals are taken as they are, and `NOW` becomes the database's clock in
/// milliseconds. Postgres's is that of the statement, because only a stable expression may use an
/// index. `GIVEN` becomes the fingerprints that the first parameter lists as hex in a JSON array.
macro_rules! sql {
    ($($part:tt)*) => {
        $crate::dialect::Sql {
            postgres: concat!($($crate::dialect::sql_part!(postgres $part)),*),
            sqlite: concat!($($crate::dialect::sql_part!(sqlite $part)),*),
        }
    };
}

macro_rules! sql_part {
    (postgres NOW) => {
        "(extract(epoch from statement_timestamp()) * 1000)::bigint"
    };
    (sqlite NOW) => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
    (postgres GIVEN) => {
        "(SELECT decode(v, 'hex') FROM jsonb_array_elements_text($1::jsonb) AS v)"
    };
    (sqlite GIVEN) => {
        "(SELECT unhex(value) FROM json_each($1))"
    };
    ($dialect:ident $text:literal) => {
        $text
    };
}

/// Runs one expression with `$conn` bound to a connection of whichever database the store has: the
/// expression is compiled once for each. `write` takes SQLite's single writing connection. Gives a
/// `Result` with [`sqlx::Error`].
macro_rules! on {
    (read $store:expr, $conn:ident => $body:expr) => {
        match $store.backend() {
            $crate::open::Backend::Postgres(pool) => {
                $crate::dialect::patiently!(pool, $crate::dialect::PATIENCE, $conn => $body)
            }
            $crate::open::Backend::Sqlite(sqlite) => {
                let pool = &sqlite.readers;
                $crate::dialect::patiently!(pool, $crate::dialect::PATIENCE, $conn => $body)
            }
        }
    };
    (write $store:expr, $conn:ident => $body:expr) => {
        match $store.backend() {
            $crate::open::Backend::Postgres(pool) => {
                $crate::dialect::patiently!(pool, $crate::dialect::PATIENCE, $conn => $body)
            }
            $crate::open::Backend::Sqlite(sqlite) => {
                let pool = &sqlite.writer;
                $crate::dialect::patiently!(pool, $crate::dialect::PATIENCE, $conn => $body)
            }
        }
    };
}

/// How long a statement may take before its caller is told that the database is unavailable. A
/// server that went silent sends no error, and TCP alone would wait for a quarter of an hour.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The same for taking in a batch of so many, at most a minute: many take their time, and who reports a few
/// hears as soon as everybody else that the database is gone.
pub(crate) fn patience_for(items: usize) -> Duration {
    const EACH: Duration = Duration::from_millis(5);
    let more = EACH.saturating_mul(u32::try_from(items).unwrap_or(u32::MAX));
    PATIENCE.saturating_add(more).min(Duration::from_mins(1))
}

/// Runs `$body` on a connection of `$pool`. One that does not answer in time is thrown away, not
/// given back: giving back would wait for it again. So is one on which something failed: where the
/// disk is full SQLite ends the transaction by itself, and sqlx would count it as open for ever.
macro_rules! patiently {
    ($pool:expr, $patience:expr, $conn:ident => $body:expr) => {
        match $pool.acquire().await {
            Err(error) => Err(error),
            Ok(mut held) => {
                let work = tokio::time::timeout($patience, async {
                    let $conn = &mut *held;
                    Ok::<_, sqlx::Error>($body)
                });
                match work.await {
                    Ok(Ok(value)) => Ok(value),
                    Ok(Err(error)) => {
                        if !$crate::error::is_collision(&error) {
                            drop(held.detach());
                        }
                        Err(error)
                    }
                    Err(_) => {
                        drop(held.detach());
                        Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
                    }
                }
            }
        }
    };
}

pub(crate) use {on, patiently, sql, sql_part};
