//! A queue with its worker, and the GitLabs that it asks.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::SystemRandomness;
use portcullis_base::http::{ClientOptions, client};
use portcullis_base::seal::MasterKey;
use portcullis_base::secret::SecretString;
use portcullis_fake_gitlab::{FakeGitlab, TokenSpec};
use portcullis_gitlab::GitlabClient;
use portcullis_revocation::Fingerprint;
use portcullis_revocation::catalog::{Catalog, Handling, Mode};
use portcullis_revocation::formats::Format;
use portcullis_revocation::gitlab::{GitlabProvider, Instance};
use portcullis_revocation::intake::{Intake, Report};
use portcullis_revocation::own::NoOwnTokens;
use portcullis_revocation::provider::Provider;
use portcullis_revocation::vault::Vault;
use portcullis_revocation::worker::{Options, Worker};
use portcullis_store::ledger::Revocation;
use portcullis_store::{ConnectOptions, Store};
use portcullis_test_support::PgDatabase;

pub(crate) const TYPE: &str = "gitleaks_rule_id_gitlab_personal_access_token_routable";

/// Types whose tokens take an administrator.
pub(crate) const DEPLOY: &str = "gitleaks_rule_id_gitlab_deploy_token";
pub(crate) const FEED: &str = "gitleaks_rule_id_gitlab_feed_token_v2";

/// The administrator of [`Setup::administered`].
pub(crate) const ADMIN: &str = "glpat-of-an-administrator-00";

/// A token of the routable form, a different one for each number.
pub(crate) fn token(n: usize) -> String {
    format!("glpat-{n:027}")
}

/// A deadline that a test can wait for, of calls that hang on purpose.
pub(crate) const SHORT: Duration = Duration::from_secs(1);

/// Fast, so that a test sees the end of everything.
pub(crate) fn options() -> Options {
    Options {
        concurrency: 8,
        // A machine that stands still for a moment must not look like a provider who hangs.
        call_timeout: Duration::from_secs(20),
        lease_margin: Duration::from_secs(30),
        give_up_after: Duration::from_millis(900),
        retry_base: Duration::from_millis(20),
        retry_cap: Duration::from_millis(200),
        poll_interval: Duration::from_millis(200),
        ..Options::default()
    }
}

pub(crate) enum Database {
    Sqlite(tempfile::TempDir),
    Postgres(PgDatabase),
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(portcullis_test_support::scratch_dir())
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(portcullis_test_support::postgres().await)
    }

    pub(crate) async fn open(&self) -> Store {
        let url = match self {
            Self::Sqlite(directory) => format!("sqlite://{}/p.db", directory.path().display()),
            Self::Postgres(database) => database.url().to_owned(),
        };
        Store::connect(&ConnectOptions { url: url.into(), max_connections: 8 }).await.unwrap()
    }
}

pub(crate) struct Setup {
    pub(crate) store: Store,
    pub(crate) master: MasterKey,
    pub(crate) gitlabs: Vec<FakeGitlab>,
    vault: Vault,
    intake: Intake,
    worker: Worker,
    places: Vec<Place>,
}

/// Where a GitLab is asked, and in whose name.
#[derive(Clone)]
struct Place {
    url: String,
    admin_token: Option<SecretString>,
}

impl Place {
    fn of(gitlab: &FakeGitlab) -> Self {
        Self { url: gitlab.url().to_owned(), admin_token: None }
    }
}

impl Setup {
    pub(crate) async fn new(db: &Database) -> Self {
        Self::build(db, Mode::Revoke, 1, options()).await
    }

    /// One that does not give up within a test.
    pub(crate) async fn patient(db: &Database) -> Self {
        Self::build(db, Mode::Revoke, 1, Self::patience()).await
    }

    /// One whose calls have [`SHORT`], and that does not give up within a test.
    pub(crate) async fn short(db: &Database) -> Self {
        let options = Options { call_timeout: SHORT, ..Self::patience() };
        Self::build(db, Mode::Revoke, 1, options).await
    }

    /// One that does only what it is told to.
    pub(crate) async fn that_never_polls(db: &Database) -> Self {
        let poll_interval = Duration::from_hours(1);
        Self::build(db, Mode::Revoke, 1, Options { poll_interval, ..options() }).await
    }

    pub(crate) async fn with_mode(db: &Database, mode: Mode) -> Self {
        Self::build(db, mode, 1, options()).await
    }

    /// One with so many GitLabs, that does not give up within a test.
    pub(crate) async fn with_gitlabs(db: &Database, count: usize) -> Self {
        Self::build(db, Mode::Revoke, count, Self::patience()).await
    }

    /// One with a GitLab that lets an administrator revoke, and that does not give up within a test.
    pub(crate) async fn administered(db: &Database) -> Self {
        Self::administered_within(db, options().call_timeout).await
    }

    /// The same, whose calls have so long.
    pub(crate) async fn administered_within(db: &Database, call_timeout: Duration) -> Self {
        let gitlab = FakeGitlab::start();
        gitlab.add_token_with(ADMIN, TokenSpec { admin: true, ..TokenSpec::default() });
        gitlab.allow_admin_revocation(true);
        let place = Place { admin_token: Some(ADMIN.into()), ..Place::of(&gitlab) };
        let options = Options { call_timeout, ..Self::patience() };
        Self::at(db, Mode::Revoke, vec![gitlab], vec![place], options).await
    }

    /// One that asks its GitLab by way of `url` with calls that have so long, and does not give up within a test.
    pub(crate) async fn by_way_of(
        db: &Database,
        gitlab: FakeGitlab,
        url: String,
        call_timeout: Duration,
    ) -> Self {
        let place = Place { url, admin_token: None };
        let options = Options { call_timeout, ..Self::patience() };
        Self::at(db, Mode::Revoke, vec![gitlab], vec![place], options).await
    }

    fn patience() -> Options {
        Options { give_up_after: Duration::from_mins(1), ..options() }
    }

    async fn build(db: &Database, mode: Mode, count: usize, options: Options) -> Self {
        let gitlabs: Vec<_> = (0..count).map(|_| FakeGitlab::start()).collect();
        let places = gitlabs.iter().map(Place::of).collect();
        Self::at(db, mode, gitlabs, places, options).await
    }

    async fn at(
        db: &Database,
        mode: Mode,
        gitlabs: Vec<FakeGitlab>,
        places: Vec<Place>,
        options: Options,
    ) -> Self {
        let store = db.open().await;
        // One key for all, as one installation has.
        let master = MasterKey::from_base64url(&"A".repeat(43)).unwrap();
        let vault = Vault::open(&store, &master, &SystemRandomness).await.unwrap();
        let own = Arc::new(NoOwnTokens);
        let random = Arc::new(SystemRandomness);
        let intake =
            Intake::new(store.clone(), vault.clone(), catalog(mode), own, random, 1_000_000);
        let worker = start_worker(&store, &vault, &places, options);
        Self { store, master, gitlabs, vault, intake, worker, places }
    }

    pub(crate) async fn another_worker(&self, db: &Database) -> Worker {
        let store = if self.store.is_shared() { db.open().await } else { self.store.clone() };
        start_worker(&store, &self.vault, &self.places, options())
    }

    pub(crate) fn gitlab(&self) -> &FakeGitlab {
        &self.gitlabs[0]
    }

    pub(crate) async fn report(&self, secrets: &[&str]) {
        let reports: Vec<_> = secrets.iter().map(|secret| (TYPE, *secret)).collect();
        self.report_as(&reports).await;
    }

    pub(crate) async fn report_as(&self, reports: &[(&str, &str)]) {
        let reports = reports.iter().map(|(token_type, secret)| Report {
            token_type: (*token_type).to_owned(),
            secret: (*secret).into(),
            location: Some("https://gitlab.example/a/-/blob/main/.env#L1".into()),
        });
        self.intake.accept("gitlab", reports.collect()).await.unwrap();
    }

    pub(crate) async fn report_at(&self, locations: &[&str], secret: &str) {
        let reports = locations.iter().map(|location| Report {
            token_type: TYPE.into(),
            secret: secret.into(),
            location: Some((*location).to_owned()),
        });
        self.intake.accept("gitlab", reports.collect()).await.unwrap();
    }

    pub(crate) fn fingerprint(&self, secret: &str) -> Fingerprint {
        self.vault.fingerprint(&secret.into())
    }

    pub(crate) async fn row(&self, secret: &str) -> Revocation {
        self.store.revocation(&self.fingerprint(secret)).await.unwrap().unwrap().revocation
    }

    /// The row once it has ended.
    pub(crate) async fn end_of(&self, secret: &str) -> Revocation {
        for _ in 0..1500 {
            let row = self.row(secret).await;
            if row.ended_at.is_some() {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it never ended: {:?}", self.row(secret).await);
    }

    /// The row once its last attempt came to this.
    pub(crate) async fn once(&self, secret: &str, code: &str) -> Revocation {
        for _ in 0..1500 {
            let row = self.row(secret).await;
            if row.code.as_deref() == Some(code) {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it never came to {code}: {:?}", self.row(secret).await);
    }

    /// What each attempt came to, the first one first.
    pub(crate) async fn codes(&self, secret: &str) -> Vec<String> {
        let detail = self.store.revocation(&self.fingerprint(secret)).await.unwrap().unwrap();
        detail.attempts.into_iter().map(|attempt| attempt.code.unwrap_or_default()).collect()
    }

    /// Time for whatever would happen to have happened.
    pub(crate) async fn settle_down(&self) {
        tokio::time::sleep(3 * options().poll_interval).await;
    }

    /// Stops the worker and closes the database.
    pub(crate) async fn stop(self) -> Vec<FakeGitlab> {
        self.worker.stop().await;
        self.gitlabs
    }
}

fn catalog(mode: Mode) -> Catalog {
    let handling = |format| Handling { provider: GitlabProvider::NAME.into(), mode, format };
    let mut catalog = Catalog::default();
    for name in [TYPE, DEPLOY, FEED] {
        assert!(catalog.add(name, handling(Format::built_in(name).unwrap())));
    }
    assert!(catalog.add("numbers_only", handling(Format::new("^[0-9]+$").unwrap())));
    catalog
}

fn start_worker(store: &Store, vault: &Vault, places: &[Place], options: Options) -> Worker {
    let http = client(&ClientOptions { timeout: options.call_timeout, ..ClientOptions::default() })
        .unwrap();
    let instance = |place: &Place| Instance {
        name: "fake".into(),
        client: GitlabClient::new(place.url.parse().unwrap(), http.clone()),
        types: [TYPE, DEPLOY, FEED, "numbers_only"].map(str::to_owned).to_vec(),
        admin_token: place.admin_token.clone(),
    };
    let provider = GitlabProvider::new(places.iter().map(instance).collect());
    let providers: Vec<Arc<dyn Provider>> = vec![Arc::new(provider)];
    let random = Arc::new(SystemRandomness);
    Worker::start(store.clone(), vault.clone(), providers, options, random)
}
