//! Two databases, one text: where Postgres and SQLite understand the same SQL it is written once.

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

/// Builds an [`Sql`]: literals are taken as they are, and `NOW` becomes the database's clock in
/// milliseconds. Postgres's is that of the statement, because only a stable expression may use an
/// index.
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
    ($dialect:ident $text:literal) => {
        $text
    };
}

/// Runs one expression with `$pool` bound to whichever pool the store has: the expression is
/// compiled once for each database. `write` takes SQLite's single writing connection.
macro_rules! on {
    (read $store:expr, $pool:ident => $body:expr) => {
        match $store.backend() {
            $crate::open::Backend::Postgres($pool) => $body,
            $crate::open::Backend::Sqlite(sqlite) => {
                let $pool = &sqlite.readers;
                $body
            }
        }
    };
    (write $store:expr, $pool:ident => $body:expr) => {
        match $store.backend() {
            $crate::open::Backend::Postgres($pool) => $body,
            $crate::open::Backend::Sqlite(sqlite) => {
                let $pool = &sqlite.writer;
                $body
            }
        }
    };
}

pub(crate) use {on, sql, sql_part};
