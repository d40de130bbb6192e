//! Everything put together: the one place that sees all crates.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::ExposeSecret as _;
use portcullis_base::{Clock, Randomness, SystemClock, SystemRandomness};
use portcullis_gitlab::GitlabClient;
use portcullis_impersonation::Broker;
use portcullis_pat::{KeyRing, SigningKey};
use portcullis_revocation::intake::Intake;
use portcullis_revocation::own::OwnTokens;
use portcullis_revocation::provider::Provider as RevocationProvider;
use portcullis_revocation::vault::{Vault, VaultError, own_key};
use portcullis_revocation::worker;
use portcullis_revocation_api::partners::Partners;
use portcullis_revocation_api::{ClientConfig, JobConfig, PublicKeys, RevocationApi, Types};
use portcullis_store::audit::AuditKey;
use portcullis_store::{ConnectOptions, Store};
use portcullis_web::Rate;
use url::Url;

use crate::admin::{Admins, FAILURES};
use crate::audit;
use crate::auth::Chain;
use crate::config::{CaFile, Client, Config, Loaded, RateLimit};
use crate::error::StartError;
use crate::metrics::Metrics;
use crate::pats::Pats;
use crate::revocations::Reports;

pub(crate) mod broker;
mod jobs;
mod measures;
mod outbox;
mod partner;
pub(crate) mod partner_intake;
mod providers;
mod resigner;

pub(crate) use jobs::Jobs;
pub(crate) use measures::scrapers;
pub(crate) use outbox::Telling;
pub(crate) use partner::partners;
pub(crate) use providers::offered;
use providers::{catalog, providers};
use resigner::Reported;
pub(crate) use resigner::{Resigner, policy};

/// The name under which the PAT signing key is kept where the configuration gives none.
const PAT_KEY: &str = "pat-signing";

/// All parts, made and not yet running.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    pub(crate) pats: Pats,
    pub(crate) chain: Chain,
    pub(crate) broker: Option<Broker>,
    pub(crate) resigner: Option<Resigner>,
    pub(crate) admins: Admins,
    pub(crate) revocation_api: RevocationApi,
    pub(crate) partners: Option<Partners>,
    pub(crate) reports: Reports,
    pub(crate) jobs: Option<Arc<Jobs>>,
    pub(crate) public_keys: PublicKeys,
    pub(crate) providers: Vec<Arc<dyn RevocationProvider>>,
    pub(crate) worker: worker::Options,
    pub(crate) telling: Telling,
    pub(crate) metrics: Metrics,
    pub(crate) random: Arc<dyn Randomness>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit_key: AuditKey,
}

/// Opens the database and builds every part from the configuration.
pub(crate) async fn parts(loaded: &Loaded) -> Result<Parts, StartError> {
    let config = &loaded.config;
    let random: Arc<dyn Randomness> = Arc::new(SystemRandomness);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = open_store(config).await?;
    let vault = Vault::open(&store, &loaded.master_key, random.as_ref()).await;
    let vault = vault.map_err(of_vault)?;
    let audit_key =
        audit::begin(&store, &loaded.master_key, random.as_ref(), &clock, "serve").await;
    let audit_key = audit_key.map_err(of_vault)?;
    let ring = key_ring(loaded, &store, random.as_ref()).await?;
    let broker = broker::make(config, &store, &vault, &random, &clock).await?;
    let resigner = resigner::make(config, &store, &random, &clock).await?;
    let metrics = measures::make(config, &clock);
    let telling = outbox::make(config, &store, &random, &clock, &metrics)?;
    let pats = Pats::new(
        store.clone(),
        ring,
        Arc::clone(&clock),
        Arc::clone(&random),
        config.pat.max_lifetime,
    );
    let own: Arc<dyn OwnTokens> = Arc::new(pats.clone());
    let max_waiting = config.revocation_api.max_waiting;
    let mut intake = Intake::new(
        store.clone(),
        vault.clone(),
        catalog(config)?,
        own,
        Arc::clone(&random),
        max_waiting + 1,
    );
    if let Some(resigner) = &resigner {
        intake = intake.with_signed(Arc::new(Reported::new(resigner)));
    }
    let intake = Arc::new(intake);
    let section = config.revocation_api.jobs.as_ref();
    let jobs = section.map(|section| Jobs::new(config, section).map(Arc::new)).transpose()?;
    Ok(Parts {
        partners: partner_intake::make(config, &intake)?,
        reports: Reports::new(Arc::clone(&intake), &config.revocation_api),
        revocation_api: RevocationApi::new(api_config(config, jobs.as_ref()), intake),
        jobs,
        public_keys: partner::public_keys(config),
        admins: Admins::new(config.secrets.admin_tokens.clone()),
        providers: providers(config, &store, &pats, broker.as_ref())?,
        chain: Chain::new(config, &pats)?,
        broker,
        resigner,
        worker: worker_options(config, &metrics),
        metrics,
        telling,
        store,
        vault,
        pats,
        random,
        clock,
        audit_key,
    })
}

/// Opens the database of a configuration and brings it to this version.
pub(crate) async fn open_store(config: &Config) -> Result<Store, StartError> {
    let options = ConnectOptions {
        url: config.database.url.clone(),
        max_connections: config.database.max_connections,
    };
    Store::connect(&options).await.map_err(|error| StartError::of_store(&error))
}

pub(crate) fn of_vault(error: VaultError) -> StartError {
    match error {
        VaultError::WrongMasterKey
        | VaultError::NewKeyMissing
        | VaultError::OldKeyMissing
        | VaultError::OldKeyInUse
        | VaultError::Foreign(_) => StartError::new("master-key", error),
        VaultError::Store(error) => StartError::of_store(&error),
        VaultError::Seal(_) => StartError::new("cryptography", error),
    }
}

async fn key_ring(
    loaded: &Loaded,
    store: &Store,
    random: &dyn Randomness,
) -> Result<KeyRing, StartError> {
    let mut keys = loaded.config.pat.signing_keys.clone();
    if keys.is_empty() {
        let kept = own_key(store, &loaded.master_key, PAT_KEY, random).await.map_err(of_vault)?;
        keys.push(SigningKey::new(&kept).map_err(|error| StartError::new("pat", error))?);
    }
    KeyRing::new(&loaded.config.pat.prefix, keys).map_err(|error| StartError::new("pat", error))
}

/// A client with the CA of this upstream, or else that of all.
pub(crate) fn gitlab_client(
    config: &Config,
    url: &Url,
    ca: Option<&CaFile>,
    timeout: Duration,
) -> Result<GitlabClient, StartError> {
    Ok(GitlabClient::new(url.clone(), upstream_client(config, ca, timeout)?))
}

/// The same without a GitLab behind it.
pub(crate) fn upstream_client(
    config: &Config,
    ca: Option<&CaFile>,
    timeout: Duration,
) -> Result<reqwest::Client, StartError> {
    let options = ClientOptions {
        timeout,
        connect_timeout: timeout.min(ClientOptions::default().connect_timeout),
        ca_pem: ca.or(config.http.ca_file.as_ref()).map(|file| file.pem.clone()),
        proxy: config.http.proxy.as_ref().map(|proxy| proxy.expose_secret().to_owned()),
        ..ClientOptions::default()
    };
    client(&options).map_err(|error| StartError::new("http", error))
}

fn worker_options(config: &Config, metrics: &Metrics) -> worker::Options {
    let revocation = &config.revocation;
    worker::Options {
        concurrency: revocation.concurrency,
        call_timeout: revocation.call_timeout,
        lease_margin: revocation.lease_margin,
        give_up_after: revocation.give_up_after,
        retry_base: revocation.retry_base,
        retry_cap: revocation.retry_cap,
        poll_interval: revocation.poll_interval,
        observer: metrics.revocations(),
    }
}

fn api_config(config: &Config, jobs: Option<&Arc<Jobs>>) -> portcullis_revocation_api::Config {
    let api = &config.revocation_api;
    let jobs = api.jobs.as_ref().zip(jobs).map(|(section, jobs)| JobConfig {
        reporters: Arc::clone(jobs) as _,
        types: types(&section.types),
        rate: rate(section.rate_limit),
    });
    portcullis_revocation_api::Config {
        clients: api.clients.iter().map(client_config).collect(),
        jobs,
        max_batch: api.max_batch,
        max_body: api.max_body as u64,
        max_waiting: api.max_waiting,
        failed_authentications: FAILURES,
    }
}

pub(crate) fn client_config(client: &Client) -> ClientConfig {
    ClientConfig {
        name: client.name.clone(),
        token: client.token.clone(),
        types: types(&client.types),
        rate: rate(client.rate_limit),
    }
}

fn types(named: &[String]) -> Types {
    let all = named.iter().any(|name| name == "*");
    if all { Types::All } else { Types::These(named.iter().cloned().collect()) }
}

/// The configuration has checked that neither is zero.
fn rate(limit: RateLimit) -> Rate {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Rate { per_second: at_least_one(limit.per_second), burst: at_least_one(limit.burst) }
}
