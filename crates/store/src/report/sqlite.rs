//! A batch on SQLite: three statements in one transaction, each taking the whole batch as JSON.

use portcullis_base::fault::{Point, point};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqlitePool};

use super::{NewRevocation, Reported, SIGHTINGS_KEPT};
use crate::dialect::{patience_for, patiently};
use crate::report;

const TOMBSTONE: &str = "UPDATE pat_tokens
    SET revoked_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), revoked_reason = 'reported'
    WHERE digest IN (SELECT value FROM json_each($1)) AND revoked_at IS NULL
    RETURNING digest";

const KEEP: &str = concat!(
    "INSERT INTO revocations AS r (fingerprint, token_type, provider, mode, state, code, sealed,
        key_version, created_at, armed_at, due_at, run_at, ended_at, sightings, reason, tell)
    SELECT unhex(i.value ->> 0), i.value ->> 1, i.value ->> 2, i.value ->> 3, i.value ->> 4,
        i.value ->> 5, unhex(i.value ->> 6), i.value ->> 7, ms, ms, ms, ms,
        CASE WHEN i.value ->> 4 IN ('pending', 'held') THEN NULL ELSE ms END, i.value ->> 8,
        i.value ->> 9, $2
    FROM json_each($1) AS i, (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS ms)
    WHERE TRUE",
    report::on_conflict!("excluded.armed_at")
);

const SEE: &str = "INSERT INTO sightings AS old (fingerprint, digest, token_type, reporter,
        location, times, first_seen_at, last_seen_at)
    SELECT unhex(s.value ->> 0), unhex(s.value ->> 1), s.value ->> 2, s.value ->> 3,
        s.value ->> 4, s.value ->> 5, ms, ms
    FROM json_each($1) AS s, (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS ms)
    WHERE s.value ->> 6 <= $2 - (SELECT count(*) FROM sightings k
            WHERE k.fingerprint = unhex(s.value ->> 0))
        OR EXISTS (SELECT 1 FROM sightings k
            WHERE k.fingerprint = unhex(s.value ->> 0) AND k.digest = unhex(s.value ->> 1))
    ON CONFLICT (fingerprint, digest) DO UPDATE SET times = old.times + excluded.times,
        last_seen_at = excluded.last_seen_at";

pub(super) async fn report(
    writer: &SqlitePool,
    batch: &[NewRevocation],
    tell: bool,
) -> Result<Reported, sqlx::Error> {
    let digests: Vec<&str> = batch.iter().filter_map(|i| i.pat_digest.as_deref()).collect();
    let (rows, seen) = (rows(batch), seen(batch));
    let tombstoned = patiently!(writer, patience_for(batch.len()), conn => {
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
        let tombstoned = if digests.is_empty() {
            Vec::new()
        } else {
            sqlx::query_scalar(TOMBSTONE)
                .bind(json!(digests).to_string())
                .fetch_all(&mut *transaction)
                .await?
        };
        sqlx::query(KEEP).bind(rows).bind(tell).execute(&mut *transaction).await?;
        sqlx::query(SEE).bind(seen).bind(SIGHTINGS_KEPT).execute(&mut *transaction).await?;
        point(Point::ReportWritten);
        transaction.commit().await?;
        tombstoned
    });
    Ok(Reported { tombstoned: tombstoned? })
}

fn rows(batch: &[NewRevocation]) -> String {
    let row = |item: &NewRevocation| {
        json!([
            hex::encode(item.fingerprint),
            item.token_type,
            item.provider,
            item.mode,
            item.entry.state(),
            item.code,
            item.sealed.as_ref().map(hex::encode),
            item.key_version,
            item.sightings.iter().map(|s| s.times).sum::<i64>(),
            item.reason,
        ])
    };
    Value::Array(batch.iter().map(row).collect()).to_string()
}

fn seen(batch: &[NewRevocation]) -> String {
    let mut rows = Vec::with_capacity(batch.len());
    for item in batch {
        for (place, sighting) in (1..).zip(&item.sightings) {
            let place: i64 = place;
            rows.push(json!([
                hex::encode(item.fingerprint),
                hex::encode(sighting.digest),
                sighting.token_type,
                sighting.reporter,
                sighting.location,
                sighting.times,
                place,
            ]));
        }
    }
    Value::Array(rows).to_string()
}
