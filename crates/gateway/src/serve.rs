//! Running the gateway: two listeners, one worker, until it is told to stop.

mod banner;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use futures_util::future::OptionFuture;
use portcullis_impersonation::{Broker, Care, Sweep};
use portcullis_oidc_proxy::OidcProxy;
use portcullis_oidc_proxy::keyfile::KeyFile;
use portcullis_revocation::notify::Outbox;
use portcullis_revocation::worker::Worker;
use portcullis_store::Store;
use portcullis_web::{RouteTable, answer_early_errors, mount, trace};
use tokio::task::JoinHandle;

use crate::compose::{self, Parts};
use crate::config::{Config, Loaded, Server};
use crate::error::StartError;
use crate::{auth, health, pats, revocations};

/// Beyond the grace and the last calls: time to write their outcome and close the database.
const MARGIN: Duration = Duration::from_secs(5);

/// Serves until the process is told to stop (SIGINT or SIGTERM).
pub fn run(loaded: Loaded) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::new("runtime", error))?;
    runtime.block_on(async move {
        let gateway = Gateway::start(&loaded).await?;
        banner::print(&loaded, &gateway);
        gateway.run_until_stopped().await
    })
}

/// How often keys are looked after when nobody asks for them, or an issuer that came back would look
/// away until its first caller. What is fresh costs a look at memory; how often an issuer is asked is
/// for its source to say.
const LOOK_AFTER_KEYS: Duration = Duration::from_secs(5);

/// How often the file of our own keys is looked at.
const LOOK_AT_OWN_KEYS: Duration = Duration::from_secs(1);

/// A running gateway.
pub struct Gateway {
    public: SocketAddr,
    admin: SocketAddr,
    store: Store,
    worker: Worker,
    outbox: Outbox,
    sweep: Option<Sweep>,
    care: Option<Care>,
    servers: Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    beside: Vec<JoinHandle<()>>,
    patience: Duration,
}

impl Gateway {
    /// Builds every part, binds both listeners and begins to work.
    pub async fn start(loaded: &Loaded) -> Result<Self, StartError> {
        let parts = compose::parts(loaded).await?;
        let followers = parts.pats.follow_changes();
        let leaked = parts.resigner.as_ref().map(|resigner| resigner.leaked.follow());
        let (store, data) = (parts.store.clone(), Shared::take(parts));
        let server = &loaded.config.server;
        let public = public_routes(&loaded.config);
        let (public, public_server) = listen(server, server.listen, public, &data)?;
        let (admin, admin_server) = listen(server, server.admin_listen, admin_routes(), &data)?;
        let (chain, broker) = (data.chain.clone(), data.broker.clone());
        let (resigner, jobs) = (data.resigner.clone(), data.jobs.clone());
        let own_keys = data.own_keys.as_ref().map(|keys| follow_own_keys(keys.clone()));
        let worker = data.worker.start(&store);
        let outbox = data.telling.start();
        let sweep = broker.as_ref().map(|broker| Sweep::start(broker.as_ref().clone()));
        let care = broker.as_ref().map(|broker| Care::start(broker.as_ref().clone()));
        // A listener that waited for somebody else's keys would keep PATs from passing.
        let warm_up = tokio::spawn(async move {
            loop {
                tokio::join!(
                    chain.warm_up(),
                    async {
                        if let Some(broker) = &broker {
                            broker.warm_up().await;
                        }
                    },
                    async {
                        if let Some(resigner) = &resigner {
                            resigner.resigner().warm_up().await;
                        }
                    },
                    async {
                        if let Some(jobs) = &jobs {
                            jobs.warm_up().await;
                        }
                    },
                );
                tokio::time::sleep(LOOK_AFTER_KEYS).await;
            }
        });
        Ok(Self {
            public,
            admin,
            store,
            worker,
            outbox,
            sweep,
            care,
            servers: vec![public_server, admin_server],
            beside: [followers, warm_up].into_iter().chain(own_keys).chain(leaked).collect(),
            patience: server.shutdown_grace + loaded.config.revocation.call_timeout + MARGIN,
        })
    }

    /// Where the public listener is.
    pub fn public_address(&self) -> SocketAddr {
        self.public
    }

    /// Where the operators' listener is.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Returns after a SIGINT or SIGTERM, or when a listener fails.
    pub async fn run_until_stopped(mut self) -> Result<(), StartError> {
        let mut listeners: Vec<_> = self.servers.iter_mut().map(|(_, task)| task).collect();
        let failed = tokio::select! {
            result = told_to_stop() => result.err(),
            (ended, ..) = futures_util::future::select_all(listeners.drain(..)) => {
                let error = ended.map_err(std::io::Error::other).and_then(|result| result);
                Some(error.err().unwrap_or_else(|| std::io::Error::other("a listener ended")))
            }
        };
        drop(listeners);
        tracing::info!("stopping");
        self.stop().await;
        failed.map_or(Ok(()), |error| Err(StartError::new("listener", error)))
    }

    /// Takes no more requests, finishes those under way and the calls to providers, and closes the
    /// database.
    ///
    /// All of it together takes no longer than the grace and a call to a provider; a second signal
    /// ends the process at once. What is cut off then is what a crash cuts off: it is taken up again.
    pub async fn stop(self) {
        let limit = self.patience;
        tokio::select! {
            result = tokio::time::timeout(limit, self.wind_down()) => {
                tracing::info!(server.cut_off = result.is_err(), "stopped");
            }
            _ = told_to_stop() => tracing::warn!("told again: stopped at once"),
        }
    }

    async fn wind_down(self) {
        let servers = async {
            for (handle, _) in &self.servers {
                handle.stop(true).await;
            }
        };
        let sweep = OptionFuture::from(self.sweep.map(Sweep::stop));
        let care = OptionFuture::from(self.care.map(Care::stop));
        tokio::join!(servers, sweep, care, self.worker.stop(), self.outbox.stop());
        self.beside.iter().for_each(JoinHandle::abort);
        self.store.close().await;
    }
}

/// Takes a changed file of keys up. A disk that hangs keeps nobody waiting but this.
fn follow_own_keys(keys: Data<KeyFile>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK_AT_OWN_KEYS).await;
            let keys = keys.clone();
            // Where it panics the keys in use stay, and it is tried again.
            drop(tokio::task::spawn_blocking(move || keys.refresh()).await);
        }
    })
}

/// What handlers take as app data, and what starts the worker.
struct Shared {
    store: Data<Store>,
    pats: Data<pats::Pats>,
    chain: Data<auth::Chain>,
    broker: Option<Data<Broker>>,
    resigner: Option<Data<OidcProxy>>,
    own_keys: Option<Data<KeyFile>>,
    admins: Data<crate::admin::Admins>,
    revocation_api: Data<portcullis_revocation_api::RevocationApi>,
    partners: Option<Data<portcullis_revocation_api::partners::Partners>>,
    reports: Data<revocations::Reports>,
    jobs: Option<Data<compose::Jobs>>,
    public_keys: Data<portcullis_revocation_api::PublicKeys>,
    worker: WorkerParts,
    telling: compose::Telling,
}

struct WorkerParts {
    vault: portcullis_revocation::vault::Vault,
    providers: Vec<std::sync::Arc<dyn portcullis_revocation::provider::Provider>>,
    options: portcullis_revocation::worker::Options,
    random: std::sync::Arc<dyn portcullis_base::Randomness>,
}

impl WorkerParts {
    fn start(self, store: &Store) -> Worker {
        Worker::start(store.clone(), self.vault, self.providers, self.options, self.random)
    }
}

impl Shared {
    fn take(parts: Parts) -> Self {
        let resigner = parts.resigner.map(|one| (Data::new(one.surface), Data::from(one.keys)));
        let (surface, own_keys) = resigner.unzip();
        Self {
            store: Data::new(parts.store),
            pats: Data::new(parts.pats),
            chain: Data::new(parts.chain),
            broker: parts.broker.map(Data::new),
            resigner: surface,
            own_keys,
            admins: Data::new(parts.admins),
            revocation_api: Data::new(parts.revocation_api),
            partners: parts.partners.map(Data::new),
            reports: Data::new(parts.reports),
            jobs: parts.jobs.map(Data::from),
            public_keys: Data::new(parts.public_keys),
            worker: WorkerParts {
                vault: parts.vault,
                providers: parts.providers,
                options: parts.worker,
                random: parts.random,
            },
            telling: parts.telling,
        }
    }
}

/// Everything on the public listener.
pub fn public_routes(config: &Config) -> RouteTable {
    let mut table = health::routes();
    table.extend(pats::routes());
    table.extend(auth::routes());
    let mount = &config.revocation_api.mount;
    table.extend(portcullis_revocation_api::routes(mount));
    table.extend(portcullis_revocation_api::partners::routes(mount, &config.partners.programmes()));
    if compose::partners(config).next().is_some() {
        table.extend(portcullis_revocation_api::public_key_routes(mount));
    }
    if let Some(section) = &config.impersonation {
        table.extend(portcullis_impersonation::routes(&section.mount));
    }
    if let Some(section) = &config.oidc_proxy {
        table.extend(portcullis_oidc_proxy::routes(&section.mount));
    }
    table
}

/// Everything on the operators' listener.
pub fn admin_routes() -> RouteTable {
    let mut table = health::admin_routes();
    table.extend(revocations::routes());
    table
}

type Running = (ServerHandle, JoinHandle<std::io::Result<()>>);

fn listen(
    config: &Server,
    address: SocketAddr,
    table: RouteTable,
    data: &Shared,
) -> Result<(SocketAddr, Running), StartError> {
    portcullis_web::check(&table).map_err(|error| StartError::new("routes", error))?;
    let (store, pats, chain) = (data.store.clone(), data.pats.clone(), data.chain.clone());
    let (admins, api) = (data.admins.clone(), data.revocation_api.clone());
    let (broker, resigner) = (data.broker.clone(), data.resigner.clone());
    let (partners, reports) = (data.partners.clone(), data.reports.clone());
    let (own_keys, jobs) = (data.own_keys.clone(), data.jobs.clone());
    let public_keys = data.public_keys.clone();
    let server = HttpServer::new(move || {
        let app = App::new()
            .wrap(from_fn(trace))
            .app_data(store.clone())
            .app_data(pats.clone())
            .app_data(chain.clone())
            .app_data(admins.clone())
            .app_data(api.clone())
            .app_data(reports.clone())
            .app_data(public_keys.clone())
            .configure(answer_early_errors)
            .configure(|config| mount(&table, config));
        let app = match &partners {
            Some(partners) => app.app_data(partners.clone()),
            None => app,
        };
        let app = match &broker {
            Some(broker) => app.app_data(broker.clone()),
            None => app,
        };
        let app = match &jobs {
            Some(jobs) => app.app_data(jobs.clone()),
            None => app,
        };
        match (&resigner, &own_keys) {
            (Some(resigner), Some(keys)) => app.app_data(resigner.clone()).app_data(keys.clone()),
            _ => app,
        }
    })
    .disable_signals()
    .shutdown_timeout(whole_seconds(config.shutdown_grace));
    let server = match config.workers {
        0 => server,
        workers => server.workers(workers),
    };
    let bound = server
        .bind(address)
        .map_err(|error| StartError::new("listen", format!("{address}: {error}")))?;
    // One address was asked for, so one is bound.
    let at = bound.addrs().first().copied().unwrap_or(address);
    let running = bound.run();
    Ok((at, (running.handle(), tokio::spawn(running))))
}

fn whole_seconds(grace: Duration) -> u64 {
    grace.as_secs() + u64::from(grace.subsec_nanos() > 0)
}

async fn told_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
