//! Reports taken in: 1,000 fresh secrets a batch, fingerprinted, judged, sealed and committed,
//! against the bare insertion of ready rows into the same two tables.

use std::sync::Arc;
use std::time::Instant;

use portcullis_base::SystemRandomness;
use portcullis_base::seal::MasterKey;
use portcullis_revocation::catalog::{Catalog, Handling, Mode};
use portcullis_revocation::formats::{Format, GITLAB_TYPES};
use portcullis_revocation::intake::{Intake, Report};
use portcullis_revocation::own::NoOwnTokens;
use portcullis_revocation::vault::Vault;
use portcullis_store::{ConnectOptions, Store};
use serde_json::json;

use crate::{Row, median};

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

const LOCATION: &str = "https://gitlab.example/group/project/-/blob/0123456789/src/config.rs#L21";

pub(crate) async fn rows() -> Vec<Row> {
    let folder = portcullis_test_support::scratch_dir();
    let at = |name: &str| format!("sqlite://{}/{name}.db", folder.path().display());
    let postgres = portcullis_test_support::postgres().await;
    let bare = portcullis_test_support::postgres().await;
    let row =
        |what, ours, baseline| Row { what, ours, baseline, unit: "secrets a second", bar: 0.6 };
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
    let random = Arc::new(SystemRandomness);
    let master = MasterKey::generate(random.as_ref());
    let vault = Vault::open(&store, &master, random.as_ref()).await.expect("a fresh vault opens");
    let mut catalog = Catalog::default();
    let format = Format::built_in(GITLAB_TYPES[0]).expect("a built-in format");
    let handling = Handling { provider: "gitlab".into(), mode: Mode::Revoke, format };
    catalog.add(GITLAB_TYPES[0], handling);
    let intake = Intake::new(store, vault, catalog, Arc::new(NoOwnTokens), random, 1);
    let mut rates = Vec::new();
    for round in 0..ROUNDS {
        let report = |n| Report {
            token_type: GITLAB_TYPES[0].into(),
            secret: format!("glpat-{round:010}x{n:016}").into(),
            location: Some(LOCATION.into()),
        };
        let batch: Vec<Report> = (0..BATCH).map(report).collect();
        let begun = Instant::now();
        intake.accept("gitlab", batch).await.expect("it commits");
        rates.push(per_second(begun));
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
            let query = sqlx::query(statement).bind(&rows).bind(GITLAB_TYPES[0]).bind(LOCATION);
            query.execute(&mut *transaction).await.expect("it is inserted");
        }
        transaction.commit().await.expect("it commits");
        rates.push(per_second(begun));
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
        let rows = sqlx::query(POSTGRES[0]).bind(&fingerprints).bind(GITLAB_TYPES[0]).bind(seals);
        rows.execute(&mut *transaction).await.expect("it is inserted");
        let seen =
            sqlx::query(POSTGRES[1]).bind(&fingerprints).bind(GITLAB_TYPES[0]).bind(LOCATION);
        seen.execute(&mut *transaction).await.expect("it is inserted");
        transaction.commit().await.expect("it commits");
        rates.push(per_second(begun));
    }
    median(rates)
}

/// Fingerprints and seals of the right length, in hex, in no order.
fn fresh(round: usize) -> Vec<(String, String)> {
    use portcullis_base::Randomness as _;
    let random = |length: usize| {
        let mut bytes = vec![0; length];
        SystemRandomness.fill(&mut bytes);
        hex::encode(bytes)
    };
    let row = |n: usize| (format!("{}{:08x}", random(28), round * BATCH + n), random(61));
    (0..BATCH).map(row).collect()
}

async fn open(url: &str) -> Store {
    let options = ConnectOptions { url: url.into(), max_connections: 4 };
    Store::connect(&options).await.expect("the database opens")
}

#[expect(clippy::cast_precision_loss, reason = "a thousand is exact")]
fn per_second(begun: Instant) -> f64 {
    BATCH as f64 / begun.elapsed().as_secs_f64()
}
