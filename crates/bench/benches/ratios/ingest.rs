//! Reports taken in: 1,000 fresh secrets a batch, fingerprinted, judged, sealed and committed,
//! against the bare insertion of ready rows into the same two tables.

use std::time::Instant;

use portcullis_base::{Randomness as _, SystemRandomness};
use serde_json::json;

use crate::measure::{median, per_second};
use crate::queue::{LOCATION, TYPE, intake, open, reports};
use crate::row::Row;

const BATCH: usize = 1000;
const ROUNDS: usize = 41;

const POSTGRES: [&str; 2] = [
    "INSERT INTO revocations (fingerprint, token_type, provider, mode, state, sealed, key_version,
        created_at, armed_at, due_at, run_at, sightings)
     SELECT decode(f, 'hex'), $2, 'gitlab', 'revoke', 'pending', decode(s, 'hex'), 1, 1, 1, 1, 1, 1
     FROM unnest($1::text[], $3::text[]) AS i (f, s) ON CONFLICT DO NOTHING",
    "INSERT INTO sightings (fingerprint, digest, token_type, reporter, location, times,
        first_seen_at, last_seen_at)
     SELECT decode(f, 'hex'), decode(substr(f, 1, 32), 'hex'), $2, 'gitlab', $3, 1, 1, 1
     FROM unnest($1::text[]) AS i (f) ON CONFLICT DO NOTHING",
];

const SQLITE: [&str; 2] = [
    "INSERT INTO revocations (fingerprint, token_type, provider, mode, state, sealed, key_version,
        created_at, armed_at, due_at, run_at, sightings)
     SELECT unhex(value ->> 0), $2, 'gitlab', 'revoke', 'pending', unhex(value ->> 1), 1, 1, 1, 1, 1, 1
     FROM json_each($1) WHERE TRUE ON CONFLICT DO NOTHING",
    "INSERT INTO sightings (fingerprint, digest, token_type, reporter, location, times,
        first_seen_at, last_seen_at)
     SELECT unhex(value ->> 0), unhex(substr(value ->> 0, 1, 32)), $2, 'gitlab', $3, 1, 1, 1
     FROM json_each($1) WHERE TRUE ON CONFLICT DO NOTHING",
];

pub(crate) async fn rows() -> Vec<Row> {
    let folder = portcullis_test_support::scratch_dir();
    let at = |name: &str| format!("sqlite://{}/{name}.db", folder.path().display());
    let postgres = portcullis_test_support::postgres().await;
    let bare = portcullis_test_support::postgres().await;
    let row = |what, ours, bare| Row::ratio(what, "secrets a second", ours, bare, 0.6);
    vec![
        row(
            "1,000 reported secrets on SQLite, against bare inserts",
            ours(&at("ours")).await,
            sqlite(&at("bare")).await,
        ),
        row(
            "1,000 reported secrets on Postgres, against bare inserts",
            ours(postgres.url()).await,
            bare_postgres(bare.url()).await,
        ),
    ]
}

async fn ours(url: &str) -> f64 {
    let store = open(url).await;
    let intake = intake(&store).await;
    let mut rates = Vec::new();
    for round in 0..ROUNDS {
        let batch = reports(round * BATCH..(round + 1) * BATCH);
        let begun = Instant::now();
        intake.accept("gitlab", batch).await.expect("it commits");
        rates.push(per_second(BATCH, begun.elapsed()));
    }
    median(rates)
}

async fn sqlite(url: &str) -> f64 {
    open(url).await.close().await;
    let options: sqlx::sqlite::SqliteConnectOptions = url.parse().expect("an address");
    let options = options.synchronous(sqlx::sqlite::SqliteSynchronous::Full);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options);
    let pool = pool.await.expect("a database");
    let mut rates = Vec::new();
    for round in 0..ROUNDS {
        let rows: Vec<_> = fresh(round).into_iter().map(|(f, s)| json!([f, s])).collect();
        let rows = json!(rows).to_string();
        let begun = Instant::now();
        let mut transaction = pool.begin().await.expect("it begins");
        for statement in SQLITE {
            let query = sqlx::query(statement).bind(&rows).bind(TYPE).bind(LOCATION);
            query.execute(&mut *transaction).await.expect("it is inserted");
        }
        transaction.commit().await.expect("it commits");
        rates.push(per_second(BATCH, begun.elapsed()));
    }
    median(rates)
}

async fn bare_postgres(url: &str) -> f64 {
    open(url).await.close().await;
    let pool = sqlx::PgPool::connect(url).await.expect("a database");
    let mut rates = Vec::new();
    for round in 0..ROUNDS {
        let (fingerprints, seals): (Vec<_>, Vec<_>) = fresh(round).into_iter().unzip();
        let begun = Instant::now();
        let mut transaction = pool.begin().await.expect("it begins");
        let rows = sqlx::query(POSTGRES[0]).bind(&fingerprints).bind(TYPE).bind(seals);
        rows.execute(&mut *transaction).await.expect("it is inserted");
        let seen = sqlx::query(POSTGRES[1]).bind(&fingerprints).bind(TYPE).bind(LOCATION);
        seen.execute(&mut *transaction).await.expect("it is inserted");
        transaction.commit().await.expect("it commits");
        rates.push(per_second(BATCH, begun.elapsed()));
    }
    median(rates)
}

/// Fingerprints and seals of the right length, in hex, in no order.
fn fresh(round: usize) -> Vec<(String, String)> {
    let random = |length: usize| {
        let mut bytes = vec![0; length];
        SystemRandomness.fill(&mut bytes);
        hex::encode(bytes)
    };
    let row = |n: usize| (format!("{}{:08x}", random(28), round * BATCH + n), random(61));
    (0..BATCH).map(row).collect()
}
