//! What people are to be told: rows that came to rest are collected into notices, one per webhook, and each
//! notice is claimed under a lease, delivered and deleted.
//!
//! A row is marked (`tell`) by the statements that begin its rounds, so that the statement that ends it does
//! nothing more; [`Store::collect`] turns the mark into notices in one transaction. A crash between any two
//! steps leaves the mark or the notices behind.

mod outbox;

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use serde_json::json;

use crate::dialect::{Sql, on, sql};
use crate::{Fingerprint, Store, StoreError};

pub use outbox::Notice;

/// Locations that come with a row.
const LOCATIONS: i64 = 10;

/// A row that came to rest, held or at an end, and of which people are to be told. Times are milliseconds
/// since 1970.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Rest {
    /// The identity of the row, 32 bytes.
    pub fingerprint: Vec<u8>,
    /// Another at each coming to rest.
    #[sqlx(rename = "lease")]
    pub round: i64,
    /// The type under which it is handled.
    pub token_type: String,
    /// The provider that is asked.
    pub provider: String,
    /// `revoke`, `approve`, `notify` or `dry-run`.
    pub mode: String,
    /// A name of [`State`](crate::queue::State).
    pub state: String,
    /// Why, a stable code.
    pub code: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// Of `inactive`: the provider knew the secret.
    pub confirmed: bool,
    /// What the provider told of the credential, JSON.
    pub about: Option<String>,
    /// First report.
    pub created_at: i64,
    /// When it shall be dead.
    pub due_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// Attempts in the present round.
    pub attempts: i64,
    /// All sightings, also those not kept in full.
    pub sightings: i64,
    /// The first ten places where it was seen, the first one first, a thousand characters of each.
    #[sqlx(skip)]
    pub locations: Vec<String>,
}

/// What one webhook is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// Its name.
    pub webhook: String,
    /// What it is to be told, without the secret.
    pub payload: String,
}

/// Rows at rest of which people are to be told; where another replica has some in hand it has all that
/// belongs to them.
const AT_REST: Sql = Sql {
    postgres: "SELECT fingerprint, lease, token_type, provider, mode, state, code, reason, confirmed, about,
            created_at, due_at, ended_at, attempts, sightings
        FROM revocations WHERE tell AND state <> 'pending'
        ORDER BY armed_at LIMIT $1 FOR UPDATE SKIP LOCKED",
    sqlite: "SELECT fingerprint, lease, token_type, provider, mode, state, code, reason, confirmed, about,
            created_at, due_at, ended_at, attempts, sightings
        FROM revocations WHERE tell AND state <> 'pending'
        ORDER BY armed_at LIMIT $1",
};

/// Each place once, whatever it was reported as and by whom. `$1` are fingerprints in hex, `$2` how many
/// places of each.
const PLACES: Sql = Sql {
    postgres: "SELECT fingerprint, location FROM (
            SELECT fingerprint, substr(location, 1, 1000) AS location,
                row_number() OVER (PARTITION BY fingerprint
                    ORDER BY min(first_seen_at), location) AS place
            FROM sightings WHERE location IS NOT NULL AND fingerprint IN
                (SELECT decode(v, 'hex') FROM jsonb_array_elements_text($1::jsonb) AS v)
            GROUP BY fingerprint, location) AS seen
        WHERE place <= $2 ORDER BY fingerprint, place",
    sqlite: "SELECT fingerprint, location FROM (
            SELECT fingerprint, substr(location, 1, 1000) AS location,
                row_number() OVER (PARTITION BY fingerprint
                    ORDER BY min(first_seen_at), location) AS place
            FROM sightings WHERE location IS NOT NULL AND fingerprint IN
                (SELECT unhex(value) FROM json_each($1))
            GROUP BY fingerprint, location) AS seen
        WHERE place <= $2 ORDER BY fingerprint, place",
};

const KEEP: Sql = Sql {
    postgres: "INSERT INTO notices (webhook, fingerprint, round, payload, created_at, run_at)
        SELECT v ->> 0, decode(v ->> 1, 'hex'), (v ->> 2)::bigint, v ->> 3, ms, ms
        FROM jsonb_array_elements($1::jsonb) AS v,
            (SELECT (extract(epoch from statement_timestamp()) * 1000)::bigint AS ms) AS clock
        ON CONFLICT DO NOTHING",
    sqlite: "INSERT INTO notices (webhook, fingerprint, round, payload, created_at, run_at)
        SELECT n.value ->> 0, unhex(n.value ->> 1), n.value ->> 2, n.value ->> 3, ms, ms
        FROM json_each($1) AS n, (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS ms)
        WHERE TRUE ON CONFLICT DO NOTHING",
};

const CLEAR: Sql = Sql {
    postgres: "UPDATE revocations SET tell = FALSE WHERE fingerprint IN
        (SELECT decode(v, 'hex') FROM jsonb_array_elements_text($1::jsonb) AS v)",
    sqlite: "UPDATE revocations SET tell = FALSE WHERE fingerprint IN
        (SELECT unhex(value) FROM json_each($1))",
};

impl Store {
    /// From now on people are told of what is reported and what operators do, by whoever
    /// [collects](Self::collect). Without this nobody is, and it costs nothing.
    pub fn tell_people(&self) {
        self.telling().store(true, Ordering::Relaxed);
    }

    pub(crate) fn tells(&self) -> bool {
        self.telling().load(Ordering::Relaxed)
    }

    /// Turns at most `limit` rows at rest into what `tell` makes of each, in one transaction: whom it tells
    /// nothing needs no notice. Returns how many rows; a full `limit` means that there may be more.
    pub async fn collect(
        &self,
        limit: u32,
        tell: impl Fn(&Rest) -> Vec<Telling>,
    ) -> Result<usize, StoreError> {
        const ANY: Sql =
            sql!("SELECT 1 FROM revocations WHERE tell AND state <> 'pending' LIMIT 1");
        let any = self.text(ANY);
        // On SQLite others may want to write meanwhile.
        let found: Option<i32> =
            on!(read self, conn => sqlx::query_scalar(any).fetch_optional(&mut *conn).await?)?;
        if found.is_none() {
            return Ok(0);
        }
        let (at_rest, places) = (self.text(AT_REST), self.text(PLACES));
        let (keep, clear) = (self.text(KEEP), self.text(CLEAR));
        Ok(on!(write self, conn => {
            let mut transaction = sqlx::Connection::begin(conn).await?;
            let mut rows: Vec<Rest> = sqlx::query_as(at_rest).bind(i64::from(limit))
                .fetch_all(&mut *transaction).await?;
            let named = names(&rows);
            let seen: Vec<(Vec<u8>, String)> = sqlx::query_as(places).bind(&named).bind(LOCATIONS)
                .fetch_all(&mut *transaction).await?;
            place(&mut rows, seen);
            sqlx::query(keep).bind(notices(&rows, &tell)).execute(&mut *transaction).await?;
            sqlx::query(clear).bind(&named).execute(&mut *transaction).await?;
            transaction.commit().await?;
            rows.len()
        })?)
    }
}

fn names(rows: &[Rest]) -> String {
    let names: Vec<String> = rows.iter().map(|row| hex::encode(&row.fingerprint)).collect();
    json!(names).to_string()
}

/// Gives each row its places, which come in order.
fn place(rows: &mut [Rest], seen: Vec<(Vec<u8>, String)>) {
    let mut places: HashMap<Vec<u8>, Vec<String>> = HashMap::new();
    for (fingerprint, location) in seen {
        places.entry(fingerprint).or_default().push(location);
    }
    for row in rows {
        row.locations = places.remove(&row.fingerprint).unwrap_or_default();
    }
}

fn notices(rows: &[Rest], tell: impl Fn(&Rest) -> Vec<Telling>) -> String {
    let of = |row: &Rest| {
        let name = hex::encode(&row.fingerprint);
        let round = row.round;
        tell(row).into_iter().map(move |told| json!([told.webhook, name, round, told.payload]))
    };
    serde_json::Value::Array(rows.iter().flat_map(of).collect()).to_string()
}

impl Rest {
    /// The identity of the row.
    ///
    /// # Panics
    /// Never on a row of the database, which keeps nothing shorter or longer.
    #[expect(clippy::expect_used, reason = "a check of the table's: 32 bytes")]
    pub fn identity(&self) -> Fingerprint {
        self.fingerprint.as_slice().try_into().expect("a fingerprint has 32 bytes")
    }
}
