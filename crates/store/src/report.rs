//! Taking reported secrets in: one call, one commit.

mod postgres;
mod sqlite;

use std::time::Duration;

use portcullis_base::fault::{Point, point};

use crate::open::Backend;
use crate::{Fingerprint, Store, StoreError};

/// Sightings kept in full per secret; more are only counted.
pub const SIGHTINGS_KEPT: i64 = 100;

/// How often a collision of two transactions is tried again before the caller hears of it.
const COLLISIONS: u32 = 5;

/// Where a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// To be revoked, now.
    Pending,
    /// To be revoked once somebody approves.
    Held,
    /// Not to be revoked; kept as a fact. See [`crate::queue::State`] for the three.
    Ended(crate::queue::State),
}

/// One secret as it was reported, sealed.
#[derive(Debug, Clone)]
pub struct NewRevocation {
    /// The identity of the row.
    pub fingerprint: Fingerprint,
    /// The type under which it is handled.
    pub token_type: String,
    /// The provider that will be asked.
    pub provider: String,
    /// `revoke`, `approve`, `notify` or `dry-run`.
    pub mode: &'static str,
    /// Where it begins.
    pub entry: Entry,
    /// Why, where it begins at an end: a stable code.
    pub code: Option<&'static str>,
    /// The same in words, where the code alone does not say it all.
    pub reason: Option<String>,
    /// The sealed secret, where [`Entry`] is one that waits.
    pub sealed: Option<Vec<u8>>,
    /// Which master key sealed it.
    pub key_version: i32,
    /// The digest of one of our own PATs: it is tombstoned in the same transaction.
    pub pat_digest: Option<String>,
    /// Where it was seen, at least once. No NUL in any text: Postgres knows none.
    pub sightings: Vec<Sighting>,
}

/// One place where a secret was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Stands for type, reporter and location together: 16 bytes of a hash.
    pub digest: [u8; 16],
    /// The type that the reporter gave.
    pub token_type: String,
    /// The client that reported.
    pub reporter: String,
    /// Where, as the reporter put it.
    pub location: Option<String>,
    /// How often in this batch.
    pub times: i64,
}

/// What a committed batch did beyond its rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Digests of our own PATs that were alive and are tombstoned now.
    pub tombstoned: Vec<String>,
}

impl Store {
    /// Commits a batch: a new row per secret, or a sighting more on the row that is there, which
    /// begins a new round of attempts where its end may have been wrong (see ARCHITECTURE.md,
    /// "States"). Our own PATs among them are tombstoned in the same transaction.
    ///
    /// The batch must hold every fingerprint once, in ascending order, so that overlapping batches
    /// take their locks in one order. A collision is tried again here.
    pub async fn report(&self, batch: &[NewRevocation]) -> Result<Reported, StoreError> {
        debug_assert!(
            batch.is_sorted_by(|a, b| a.fingerprint < b.fingerprint),
            "a batch holds each secret once, in order"
        );
        if batch.is_empty() {
            return Ok(Reported::default());
        }
        let mut collisions = 0;
        point(Point::ReportSealed);
        loop {
            let result = match self.backend() {
                Backend::Postgres(pool) => postgres::report(pool, batch, self.tells()).await,
                Backend::Sqlite(sqlite) => {
                    sqlite::report(&sqlite.writer, batch, self.tells()).await
                }
            };
            match result {
                Err(error) if crate::error::is_collision(&error) && collisions < COLLISIONS => {
                    collisions += 1;
                    // The other one must get on first; the batch's own fingerprint is as good a die
                    // as any.
                    let some = u64::from(batch[0].fingerprint[31]) % 20;
                    tokio::time::sleep(Duration::from_millis(5 + some)).await;
                }
                result => {
                    let reported = result?;
                    point(Point::ReportCommitted);
                    self.tell_in_process(batch);
                    return Ok(reported);
                }
            }
        }
    }

    /// Postgres tells by `NOTIFY`, at the commit; here it is told by hand.
    fn tell_in_process(&self, batch: &[NewRevocation]) {
        use crate::events::Event;
        if self.is_shared() {
            return;
        }
        for item in batch.iter().filter_map(|item| item.pat_digest.clone()) {
            self.events().tell(Event::PatChanged(item));
        }
        // Also of what does not fit its type: it may be a token that we lent, which is due now.
        self.events().tell(Event::Due);
    }
}

impl Entry {
    fn state(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Ended(state) => state.as_str(),
        }
    }
}

/// Whether a new report begins a new round of attempts on the row `r`:
/// - `failed`, `refused` by the provider (its operator may have switched on since what was off), or
///   `inactive` that nobody confirmed or that another provider said: at most once a day, and only
///   where the report leads to an attempt, since the seal of `failed` would be lost;
/// - `refused`, `noted`, `simulated`: at any time, when something about the handling changed since;
/// - `refused` for its format: also when the format now fits;
/// - a token that we lent: `failed` alone, at most once a day, whatever it is reported as.
///
/// A report under a type that the secret does not fit is never a reason for anything else.
macro_rules! rearms {
    ($now:literal) => {
        concat!(
            "((CASE WHEN ",
            report::lent!(),
            " THEN r.state = 'failed' AND r.sealed IS NOT NULL",
            " ELSE excluded.state IN ('pending', 'held') AND (r.state = 'failed'",
            " OR (r.state = 'refused' AND r.code IS DISTINCT FROM 'format')",
            " OR (r.state = 'inactive' AND (NOT r.confirmed OR r.provider <> excluded.provider))) END",
            " AND (r.rearmed_at IS NULL OR r.rearmed_at <= ",
            $now,
            " - 86400000))",
            " OR (r.state IN ('refused', 'noted', 'simulated') AND excluded.state <> 'refused' AND NOT ",
            report::lent!(),
            " AND (r.token_type <> excluded.token_type OR r.provider <> excluded.provider",
            " OR r.mode <> excluded.mode OR r.code = 'format')))"
        )
    };
}

/// Whether the row `r` is a token that we lent: its own provider alone knows how to revoke it, and
/// whatever a reporter takes it for changes nothing about how.
macro_rules! lent {
    () => {
        "(r.provider = 'impersonation')"
    };
}

/// The `SET` list of the upsert, the same on both databases; `$now` is the row's fresh time.
macro_rules! on_conflict {
    ($now:literal) => {
        concat!(
            " ON CONFLICT (fingerprint) DO UPDATE SET sightings = r.sightings + excluded.sightings, ",
            report::either!($now, "token_type", "r.token_type"), ", ",
            report::either!($now, "provider", "r.provider"), ", ",
            report::either!($now, "mode", "r.mode"), ", ",
            report::either!($now, "state", "'pending'"), ", ",
            report::either!($now, "code", "NULL"), ", ",
            report::either!($now, "sealed", "r.sealed"), ", ",
            report::either!($now, "key_version", "r.key_version"), ", ",
            report::either!($now, "ended_at", "NULL"), ", ",
            report::either!($now, "armed_at"), ", ",
            report::either!($now, "confirmed"), ", ",
            report::either!($now, "attempts"), ", ",
            report::either!($now, "uncertain"), ", ",
            report::either!($now, "leased_until"), ", ",
            report::either!($now, "reason", "NULL"), ", ",
            "about = CASE WHEN ", report::rearms!($now), " THEN NULL ELSE r.about END, ",
            "rearmed_at = CASE WHEN ", report::rearms!($now),
            " THEN excluded.armed_at ELSE r.rearmed_at END, ",
            // Whoever still holds the old round's lease must not write the end of the new one.
            "lease = CASE WHEN ", report::rearms!($now), " THEN r.lease + 1 ELSE r.lease END, ",
            // Once for each coming to rest: a report more of what was told changes nothing. Of a token that
            // we lent the first report is news also where it has ended.
            "tell = r.tell OR (excluded.tell AND (r.state = 'pending' OR (", report::lent!(),
            " AND r.sightings = 1) OR ", report::rearms!($now), ")), ",
            // A secret that was to die later is to die now.
            "due_at = CASE WHEN ", report::rearms!($now), " OR (r.state = 'pending' AND r.attempts = 0",
            " AND excluded.due_at < r.due_at) THEN excluded.due_at ELSE r.due_at END, ",
            "run_at = CASE WHEN ", report::rearms!($now), " OR (r.state = 'pending' AND r.attempts = 0",
            " AND excluded.run_at < r.run_at) THEN excluded.run_at ELSE r.run_at END"
        )
    };
}

/// What is reported where a new round begins, and what is there where none does; of a lent token,
/// something else than what is reported.
macro_rules! either {
    ($now:literal, $column:literal, $lent:literal) => {
        concat!(
            $column,
            " = CASE WHEN ",
            report::rearms!($now),
            " THEN CASE WHEN ",
            report::lent!(),
            " THEN ",
            $lent,
            " ELSE excluded.",
            $column,
            " END ELSE r.",
            $column,
            " END"
        )
    };
    ($now:literal, $column:literal) => {
        concat!(
            $column,
            " = CASE WHEN ",
            report::rearms!($now),
            " THEN excluded.",
            $column,
            " ELSE r.",
            $column,
            " END"
        )
    };
}

use {either, lent, on_conflict, rearms};
