//! The seals of secrets that wait, looked through when the master key changes.

use serde_json::json;

use crate::dialect::{Sql, patience_for, patiently};
use crate::open::Backend;
use crate::queue::fingerprint;
use crate::{Fingerprint, Store, StoreError};

/// A sealed secret, and which master key sealed it.
#[derive(Clone)]
pub struct Seal {
    /// The identity of the row.
    pub fingerprint: Fingerprint,
    /// The master key's number.
    pub key_version: i32,
    /// The sealed secret.
    pub sealed: Vec<u8>,
}

/// Another seal for the same secret.
#[derive(Clone)]
pub struct Reseal {
    /// The identity of the row.
    pub fingerprint: Fingerprint,
    /// The seal that it replaces.
    pub old: Vec<u8>,
    /// The seal that it gets.
    pub new: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct SealRow {
    fingerprint: Vec<u8>,
    key_version: i32,
    sealed: Vec<u8>,
}

/// On Postgres rows are locked in the order in which all others lock them.
const RESEAL: Sql = Sql {
    postgres: "WITH s AS MATERIALIZED (
            SELECT decode(v ->> 0, 'hex') AS fingerprint, decode(v ->> 1, 'hex') AS old,
                decode(v ->> 2, 'hex') AS new
            FROM jsonb_array_elements($1::jsonb) AS v
        ), locked AS MATERIALIZED (
            SELECT s.* FROM revocations r JOIN s ON s.fingerprint = r.fingerprint
            ORDER BY r.fingerprint FOR UPDATE OF r
        )
        UPDATE revocations r SET sealed = s.new, key_version = $2
        FROM locked s WHERE r.fingerprint = s.fingerprint AND r.sealed = s.old",
    sqlite: "UPDATE revocations AS r SET sealed = unhex(s.value ->> 2), key_version = $2
        FROM json_each($1) AS s
        WHERE r.fingerprint = unhex(s.value ->> 0) AND r.sealed = unhex(s.value ->> 1)",
};

impl Store {
    /// Up to `limit` seals of another master key than that of number `version`, in the order of their
    /// fingerprints, behind `after`.
    pub async fn seals_of_others(
        &self,
        version: i32,
        after: Option<&Fingerprint>,
        limit: u32,
    ) -> Result<Vec<Seal>, StoreError> {
        const FIND: &str = "SELECT fingerprint, key_version, sealed FROM revocations
            WHERE sealed IS NOT NULL AND key_version <> $1 AND fingerprint > $2
            ORDER BY fingerprint LIMIT $3";
        // The whole table may have to be looked through.
        let patience = patience_for(usize::MAX);
        let after = after.map_or(Vec::new(), |after| after.to_vec());
        macro_rules! find {
            ($pool:expr) => {
                patiently!($pool, patience, conn =>
                    sqlx::query_as(FIND).bind(version).bind(&after).bind(i64::from(limit))
                        .fetch_all(&mut *conn).await?)
            };
        }
        let rows: Vec<SealRow> = match self.backend() {
            Backend::Postgres(pool) => find!(pool),
            Backend::Sqlite(sqlite) => find!(&sqlite.readers),
        }?;
        Ok(rows.into_iter().map(Seal::try_from).collect::<Result<_, _>>()?)
    }

    /// Gives each row its new seal, made by the master key of number `version`, where the old one is still
    /// there: who ended or re-armed it meanwhile has the last word. Returns how many were given theirs.
    pub async fn reseal(&self, seals: &[Reseal], version: i32) -> Result<u64, StoreError> {
        let text = self.text(RESEAL);
        let each = |one: &Reseal| {
            json!([hex::encode(one.fingerprint), hex::encode(&one.old), hex::encode(&one.new)])
        };
        let list = seals.iter().map(each).collect::<serde_json::Value>().to_string();
        macro_rules! reseal {
            ($pool:expr) => {
                patiently!($pool, patience_for(seals.len()), conn =>
                    sqlx::query(text).bind(&list).bind(version).execute(&mut *conn).await?
                        .rows_affected())
            };
        }
        Ok(match self.backend() {
            Backend::Postgres(pool) => reseal!(pool),
            Backend::Sqlite(sqlite) => reseal!(&sqlite.writer),
        }?)
    }
}

impl TryFrom<SealRow> for Seal {
    type Error = sqlx::Error;

    fn try_from(row: SealRow) -> Result<Self, sqlx::Error> {
        let SealRow { key_version, sealed, .. } = row;
        Ok(Self { fingerprint: fingerprint(row.fingerprint)?, key_version, sealed })
    }
}
