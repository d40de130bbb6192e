//! A batch on Postgres: one statement, so one round trip and one commit.

use sqlx::PgPool;

use super::{NewRevocation, Reported, SIGHTINGS_KEPT};
use crate::dialect::{patience_for, patiently};
use crate::report;

/// `$1…$10` and `$19` are the rows, `$11…$17` their sightings, `$18` how many sightings are kept, `$20` whether
/// people are to be told. The primary query sends the notifications, which Postgres delivers at the commit.
const REPORT: &str = concat!(
    "WITH clock AS MATERIALIZED (
        SELECT (extract(epoch from statement_timestamp()) * 1000)::bigint AS ms
    ), item AS MATERIALIZED (
        SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[],
            $6::text[], $7::bytea[], $8::int[], $9::text[], $10::bigint[], $19::text[])
        AS item (fingerprint, token_type, provider, mode, state, code, sealed, key_version,
            pat_digest, sightings, reason)
    ), tombstone AS (
        UPDATE pat_tokens SET revoked_at = clock.ms, revoked_reason = 'reported'
        FROM item, clock
        WHERE pat_tokens.digest = item.pat_digest AND revoked_at IS NULL
        RETURNING pat_tokens.digest
    ), kept AS (
        INSERT INTO revocations AS r (fingerprint, token_type, provider, mode, state, code, sealed,
            key_version, created_at, armed_at, due_at, run_at, ended_at, sightings, reason, tell)
        SELECT fingerprint, token_type, provider, mode, state, code, sealed, key_version,
            ms, ms, ms, ms, CASE WHEN state IN ('pending', 'held') THEN NULL ELSE ms END, sightings,
            reason, $20
        FROM item, clock ORDER BY fingerprint",
    report::on_conflict!("excluded.armed_at"),
    "), seen AS (
        INSERT INTO sightings AS old (fingerprint, digest, token_type, reporter, location, times,
            first_seen_at, last_seen_at)
        SELECT s.fingerprint, s.digest, s.token_type, s.reporter, s.location, s.times, ms, ms
        FROM unnest($11::bytea[], $12::bytea[], $13::text[], $14::text[], $15::text[],
            $16::bigint[], $17::bigint[])
            AS s (fingerprint, digest, token_type, reporter, location, times, place),
            clock
        WHERE s.place <= $18 - (SELECT count(*) FROM sightings k WHERE k.fingerprint = s.fingerprint)
            OR EXISTS (SELECT 1 FROM sightings k
                WHERE k.fingerprint = s.fingerprint AND k.digest = s.digest)
        ORDER BY s.fingerprint, s.digest
        ON CONFLICT (fingerprint, digest) DO UPDATE SET times = old.times + excluded.times,
            last_seen_at = excluded.last_seen_at
    )
    SELECT digest, pg_notify('portcullis_pat', digest)::text FROM tombstone
    UNION ALL
    SELECT NULL, pg_notify('portcullis_due', '')::text"
);

pub(super) async fn report(
    pool: &PgPool,
    batch: &[NewRevocation],
    tell: bool,
) -> Result<Reported, sqlx::Error> {
    let rows = Rows::from(batch);
    let seen = Seen::from(batch);
    let told = patiently!(pool, patience_for(batch.len()), conn => sqlx::query_as(REPORT)
        .bind(rows.fingerprints)
        .bind(rows.token_types)
        .bind(rows.providers)
        .bind(rows.modes)
        .bind(rows.states)
        .bind(rows.codes)
        .bind(rows.sealed)
        .bind(rows.key_versions)
        .bind(rows.pat_digests)
        .bind(rows.sightings)
        .bind(seen.fingerprints)
        .bind(seen.digests)
        .bind(seen.token_types)
        .bind(seen.reporters)
        .bind(seen.locations)
        .bind(seen.times)
        .bind(seen.places)
        .bind(SIGHTINGS_KEPT)
        .bind(rows.reasons)
        .bind(tell)
        .fetch_all(conn)
        .await?);
    let told: Vec<(Option<String>, String)> = told?;
    Ok(Reported { tombstoned: told.into_iter().filter_map(|(digest, _)| digest).collect() })
}

/// A batch by columns, as `unnest` takes it.
#[derive(Default)]
struct Rows<'a> {
    fingerprints: Vec<&'a [u8]>,
    token_types: Vec<&'a str>,
    providers: Vec<&'a str>,
    modes: Vec<&'a str>,
    states: Vec<&'a str>,
    codes: Vec<Option<&'a str>>,
    sealed: Vec<Option<&'a [u8]>>,
    key_versions: Vec<i32>,
    pat_digests: Vec<Option<&'a str>>,
    sightings: Vec<i64>,
    reasons: Vec<Option<&'a str>>,
}

impl<'a> From<&'a [NewRevocation]> for Rows<'a> {
    fn from(batch: &'a [NewRevocation]) -> Self {
        let mut rows = Self::default();
        for item in batch {
            rows.fingerprints.push(&item.fingerprint);
            rows.token_types.push(&item.token_type);
            rows.providers.push(&item.provider);
            rows.modes.push(item.mode);
            rows.states.push(item.entry.state());
            rows.codes.push(item.code);
            rows.sealed.push(item.sealed.as_deref());
            rows.key_versions.push(item.key_version);
            rows.pat_digests.push(item.pat_digest.as_deref());
            rows.sightings.push(item.sightings.iter().map(|s| s.times).sum());
            rows.reasons.push(item.reason.as_deref());
        }
        rows
    }
}

/// The sightings of a batch by columns.
#[derive(Default)]
struct Seen<'a> {
    fingerprints: Vec<&'a [u8]>,
    digests: Vec<&'a [u8]>,
    token_types: Vec<&'a str>,
    reporters: Vec<&'a str>,
    locations: Vec<Option<&'a str>>,
    times: Vec<i64>,
    places: Vec<i64>,
}

impl<'a> From<&'a [NewRevocation]> for Seen<'a> {
    fn from(batch: &'a [NewRevocation]) -> Self {
        let mut seen = Self::default();
        for item in batch {
            for (place, sighting) in (1..).zip(&item.sightings) {
                seen.fingerprints.push(&item.fingerprint);
                seen.digests.push(&sighting.digest);
                seen.token_types.push(&sighting.token_type);
                seen.reporters.push(&sighting.reporter);
                seen.locations.push(sighting.location.as_deref());
                seen.times.push(sighting.times);
                seen.places.push(place);
            }
        }
        seen
    }
}
