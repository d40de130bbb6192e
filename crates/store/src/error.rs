//! What can go wrong between us and the database.

use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// Why the store could not do what it was asked. Nothing was committed, except where the
/// connection was lost at the commit itself: then nobody knows, and asking again is safe.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be reached, is full, or is busy: asking again later may help.
    #[error("the database cannot do this now")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused; asking again will not help.
    #[error("the database refused")]
    Refused(#[source] sqlx::Error),
    /// The address of the database is neither `sqlite://…` nor `postgres://…`.
    #[error("the database's address is neither sqlite:// nor postgres://, or cannot be read")]
    Address,
    /// Another process holds this SQLite database.
    #[error("another process uses this database (lock file {0})")]
    Locked(String),
    /// The database's file or its lock file cannot be opened.
    #[error("{path} cannot be opened: {source}")]
    File {
        /// The file.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A newer version has migrated the database to what this one cannot work on.
    #[error(
        "the database is of a newer version: its migration {at} needs a program that knows migration {needs}, \
         and this one knows them up to {known}; start a newer version"
    )]
    TooNew {
        /// The migration that was applied.
        at: i64,
        /// What a program must know to live with it.
        needs: i64,
        /// What this one knows.
        known: i64,
    },
    /// The database has a migration that no version of ours has.
    #[error("the database has a migration {0} that this program's line of versions does not have")]
    ForeignMigration(i64),
    /// A migration failed, or one that was applied is not the one of this version.
    #[error("the database could not be brought to this version: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The database does not keep text as UTF-8: a character that it cannot hold would keep a whole
    /// batch out.
    #[error("the database's encoding is {0}; it must be UTF8")]
    Encoding(String),
    /// A row holds what no version of ours writes.
    #[error("the database holds a row that cannot be read: {0}")]
    Corrupt(&'static str),
    /// The chain of this number in the audit log has an end that is not ours, or none at all.
    #[error(
        "chain {0} of the audit log does not end with what was written: `portcullis audit verify` tells more"
    )]
    UnprovenEnd(i64),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// What databases have failed at in this process, by a stable code, since it started.
static ERRORS: [(&str, AtomicU64); 3] = [
    ("pool_timeout", AtomicU64::new(0)),
    ("unavailable", AtomicU64::new(0)),
    ("refused", AtomicU64::new(0)),
];

/// How often databases failed in this process: no connection became free in time (`pool_timeout`), the
/// database could not do it then (`unavailable`), or refused for good (`refused`).
pub fn errors() -> [(&'static str, u64); 3] {
    ERRORS.each_ref().map(|(code, count)| (*code, count.load(Ordering::Relaxed)))
}

fn count(error: &sqlx::Error) {
    let place = match error {
        sqlx::Error::PoolTimedOut => 0,
        error if may_pass(error) => 1,
        _ => 2,
    };
    ERRORS[place].1.fetch_add(1, Ordering::Relaxed);
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        count(&error);
        if may_pass(&error) { Self::Unavailable(error) } else { Self::Refused(error) }
    }
}

/// Whether two transactions stood in each other's way and one was chosen to try again.
pub(crate) fn is_collision(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| matches!(code.as_str(), "40001" | "40P01"))
}

fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        // A connection in an unknown state, which is thrown away: the next one is in order.
        | sqlx::Error::InvalidSavePointStatement
        | sqlx::Error::BeginFailed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(_) => code(error).is_some_and(|code| is_passing_code(&code)),
        _ => false,
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Postgres: connection (08), authorization (28: a password being changed), catalogue (3D: the database
/// being restored), rollback (40), resources (53), limits (54: the queue of notifications is full),
/// not in the needed state (55), operator intervention (57), system (58), read-only after a failover
/// (25006). SQLite, primary codes: BUSY 5, LOCKED 6, NOMEM 7, READONLY 8, IOERR 10,
/// FULL 13, CANTOPEN 14; extended codes carry the primary one in their low byte.
fn is_passing_code(code: &str) -> bool {
    if code.len() == 5 && code.is_ascii() && !code.starts_with('-') {
        return matches!(&code[..2], "08" | "28" | "3D" | "40" | "53" | "54" | "55" | "57" | "58")
            || code == "25006";
    }
    code.parse::<i64>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_faults_are_told_from_lasting_ones() {
        for passing in ["08006", "53300", "57P01", "40P01", "25006", "5", "13", "10", "522", "778"]
        {
            assert!(is_passing_code(passing), "{passing}");
        }
        for lasting in ["23505", "42P01", "22021", "19", "1555", "1", ""] {
            assert!(!is_passing_code(lasting), "{lasting}");
        }
    }
}
