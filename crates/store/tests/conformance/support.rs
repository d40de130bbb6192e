//! A database for one test, and the rows that the tests speak of.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use portcullis_store::issuances::{Digest, NewIssuance, NewIssue, Stage};
use portcullis_store::queue::{Claimed, Outcome, Settlement, State};
use portcullis_store::report::{Entry, NewRevocation, Sighting};
use portcullis_store::{ConnectOptions, Fingerprint, Store};
use portcullis_test_support::PgDatabase;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, SqlSafeStr as _};
use tempfile::TempDir;

pub(crate) const LEASE: Duration = Duration::from_secs(40);

/// The provider of tokens that were lent.
pub(crate) const LENT: &str = "impersonation";
/// Where intents of these tests are.
pub(crate) const GITLAB: &str = "https://gitlab.example.com";

pub(crate) const JOB: Digest = [9; 32];

/// 32 times this byte, as a statement has it.
pub(crate) type Bytes = fn(u8) -> String;

pub(crate) struct Database {
    pub(crate) store: Store,
    place: Place,
}

enum Place {
    Sqlite(TempDir),
    Postgres(PgDatabase),
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        Self::open(Place::Sqlite(tempfile::tempdir().unwrap())).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::open(Place::Postgres(portcullis_test_support::postgres().await)).await
    }

    /// One database of each kind, opened as an earlier version left it: with these rows.
    pub(crate) async fn of_version(last: i64, rows: impl Fn(Bytes) -> String) -> [Self; 2] {
        use secrecy::ExposeSecret as _;
        let sqlite = Place::Sqlite(tempfile::tempdir().unwrap());
        let postgres = Place::Postgres(portcullis_test_support::postgres().await);
        let upto = |mut all: Migrator| {
            all.migrations.to_mut().retain(|migration| migration.version <= last);
            all
        };
        let url = options(&sqlite).url;
        let create = SqliteConnectOptions::from_str(url.expose_secret()).unwrap();
        let pool = sqlx::SqlitePool::connect_with(create.create_if_missing(true)).await.unwrap();
        upto(sqlx::migrate!("../../migrations/sqlite")).run(&pool).await.unwrap();
        let text = rows(|n| format!("x'{}'", hex::encode([n; 32])));
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&pool).await.unwrap();
        pool.close().await;
        let pool = sqlx::PgPool::connect(options(&postgres).url.expose_secret()).await.unwrap();
        upto(sqlx::migrate!("../../migrations/postgres")).run(&pool).await.unwrap();
        let text = rows(|n| format!("decode('{}', 'hex')", hex::encode([n; 32])));
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&pool).await.unwrap();
        pool.close().await;
        // Replicas may start at once.
        let two = options(&postgres);
        let (one, other) = tokio::join!(Self::open(postgres), Store::connect(&two));
        other.unwrap().close().await;
        [Self::open(sqlite).await, one]
    }

    /// As a newer version leaves it, which has this migration more; closed.
    pub(crate) async fn migrated_further(self, name: &'static str, sql: &'static str) -> Closed {
        use secrecy::ExposeSecret as _;
        self.store.close().await;
        let url = self.options().url;
        let further = |ours: Migrator| {
            let next = ours.iter().map(|one| one.version).max().unwrap() + 1;
            let kind = MigrationType::Simple;
            let next = Migration::new(next, name.into(), kind, sql.into_sql_str(), false);
            Migrator::with_migrations(ours.iter().cloned().chain([next]).collect())
        };
        match &self.place {
            Place::Sqlite(_) => {
                let pool = sqlx::SqlitePool::connect(url.expose_secret()).await.unwrap();
                further(sqlx::migrate!("../../migrations/sqlite")).run(&pool).await.unwrap();
                pool.close().await;
            }
            Place::Postgres(_) => {
                let pool = sqlx::PgPool::connect(url.expose_secret()).await.unwrap();
                further(sqlx::migrate!("../../migrations/postgres")).run(&pool).await.unwrap();
                pool.close().await;
            }
        }
        let Self { store, place } = self;
        drop(store);
        Closed(place)
    }

    async fn open(place: Place) -> Self {
        Self { store: Store::connect(&options(&place)).await.unwrap(), place }
    }

    /// The same database, opened anew as after a restart.
    pub(crate) async fn reopened(self) -> Self {
        self.store.close().await;
        let Self { store, place } = self;
        drop(store);
        Self::open(place).await
    }

    pub(crate) fn options(&self) -> ConnectOptions {
        options(&self.place)
    }

    pub(crate) fn directory(&self) -> &Path {
        match &self.place {
            Place::Sqlite(directory) => directory.path(),
            Place::Postgres(_) => panic!("Postgres keeps its files to itself"),
        }
    }

    /// Runs a statement of the test's own, to move rows in time.
    pub(crate) async fn execute(&self, sql: &'static str) {
        self.try_execute(sql).await.unwrap();
    }

    /// The same where the database may refuse it.
    pub(crate) async fn try_execute(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        use secrecy::ExposeSecret as _;
        let options = self.options();
        let url = options.url.expose_secret();
        if self.store.is_shared() {
            let pool = sqlx::PgPool::connect(url).await?;
            let done = sqlx::query(sql).execute(&pool).await;
            pool.close().await;
            done.map(drop)
        } else {
            let pool = sqlx::SqlitePool::connect(url).await?;
            let done = sqlx::query(sql).execute(&pool).await;
            pool.close().await;
            done.map(drop)
        }
    }

    /// The number that a statement of the test's own gives.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        use secrecy::ExposeSecret as _;
        let options = self.options();
        let url = options.url.expose_secret();
        if self.store.is_shared() {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            let count = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
            pool.close().await;
            count
        } else {
            let pool = sqlx::SqlitePool::connect(url).await.unwrap();
            let count = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
            pool.close().await;
            count
        }
    }

    pub(crate) async fn report(&self, items: &[NewRevocation]) {
        self.store.report(items).await.unwrap();
    }

    pub(crate) async fn claim(&self, limit: u32) -> Vec<Claimed> {
        self.store.claim("gitlab", limit, LEASE).await.unwrap()
    }

    pub(crate) async fn claim_one(&self) -> Claimed {
        let mut claimed = self.claim(1).await;
        assert_eq!(claimed.len(), 1, "one row can be claimed");
        claimed.remove(0)
    }

    /// Lends the token `n`.
    pub(crate) async fn lend(&self, n: u8) {
        let id = format!("of token {n}");
        self.store.intend(&intent(&id)).await.unwrap();
        self.store.issue(&made(&id, n)).await.unwrap().expect("its lease runs");
    }

    /// How far the intent of this name has come; `None` where there is none.
    pub(crate) async fn stage(&self, id: &str) -> Option<Stage> {
        let mut traces = self.store.traces(&[id]).await.unwrap();
        traces.pop().map(|trace| trace.stage)
    }

    /// Ends the row that can be claimed.
    pub(crate) async fn end(&self, state: State, confirmed: bool, code: &'static str) {
        let claimed = self.claim_one().await;
        let settled = self.store.settle(&[end(&claimed, state, confirmed, code)]).await.unwrap();
        assert_eq!(settled, [claimed.fingerprint]);
    }

    pub(crate) async fn state(&self, n: u8) -> String {
        self.store.revocation(&fp(n)).await.unwrap().unwrap().revocation.state
    }
}

/// A database that nobody has open.
pub(crate) struct Closed(Place);

impl Closed {
    pub(crate) fn options(&self) -> ConnectOptions {
        options(&self.0)
    }

    pub(crate) async fn open(self) -> Database {
        Database::open(self.0).await
    }
}

fn options(place: &Place) -> ConnectOptions {
    let url = match place {
        Place::Sqlite(directory) => format!("sqlite://{}/p.db", directory.path().display()),
        Place::Postgres(database) => database.url().to_owned(),
    };
    ConnectOptions { url: url.into(), max_connections: 6 }
}

pub(crate) fn fp(n: u8) -> Fingerprint {
    [n; 32]
}

/// A pending row of the provider `gitlab`, seen once at `here`.
pub(crate) fn item(n: u8) -> NewRevocation {
    NewRevocation {
        fingerprint: fp(n),
        token_type: "type_a".into(),
        provider: "gitlab".into(),
        mode: "revoke",
        entry: Entry::Pending,
        code: None,
        reason: None,
        sealed: Some(vec![n; 40]),
        key_version: 1,
        pat_digest: None,
        sightings: vec![sighting("here")],
    }
}

pub(crate) fn sighting(location: &str) -> Sighting {
    let mut digest = [0; 16];
    for (at, byte) in location.bytes().enumerate() {
        digest[at % 16] ^= byte.rotate_left(u32::try_from(at / 16).unwrap());
    }
    Sighting {
        digest,
        token_type: "type_a".into(),
        reporter: "gitlab".into(),
        location: Some(location.into()),
        times: 1,
    }
}

pub(crate) fn ended(n: u8, state: State, code: &'static str) -> NewRevocation {
    NewRevocation { entry: Entry::Ended(state), code: Some(code), sealed: None, ..item(n) }
}

pub(crate) fn end(
    claimed: &Claimed,
    state: State,
    confirmed: bool,
    code: &'static str,
) -> Settlement {
    settlement(claimed, Outcome::End { state, confirmed }, code)
}

pub(crate) fn settlement(claimed: &Claimed, outcome: Outcome, code: &'static str) -> Settlement {
    Settlement {
        fingerprint: claimed.fingerprint,
        lease: claimed.lease,
        outcome,
        code,
        reason: Some("as the test said".into()),
        about: None,
    }
}

/// An intent for user 7 and the job [`JOB`], open for 20 s, of which something may live for ten days.
pub(crate) fn intent(id: &str) -> NewIssuance {
    NewIssuance {
        id: id.to_owned(),
        provider: GITLAB.to_owned(),
        user_id: 7,
        job: JOB,
        lease: Duration::from_secs(20),
        live: Duration::from_hours(240),
        once: None,
    }
}

/// The token `n` that was made for an intent, to live for ten minutes.
pub(crate) fn made(id: &str, n: u8) -> NewIssue {
    NewIssue {
        id: id.to_owned(),
        token_id: i64::from(n),
        fingerprint: fp(n),
        token_type: "impersonation_token",
        provider: LENT,
        about: "{}".into(),
        sealed: vec![n; 40],
        key_version: 1,
        lifetime: Duration::from_mins(10),
        sighting: Sighting { reporter: LENT.into(), ..sighting("user ann, project a/b, job 5") },
    }
}
