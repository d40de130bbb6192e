//! Running the gateway: two listeners, one worker, until it is told to stop.

mod banner;
mod connections;
mod descriptors;
pub(crate) mod drain;
mod listener;
mod master_key;
mod reload;
mod retention;
mod routes;
mod shared;
mod signals;
mod tls;

pub(crate) use master_key::FOLLOW_MASTER_KEY;
pub use reload::APPLIED;
pub use routes::{admin_routes, public_routes};
pub(crate) use tls::Certificates;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::web::Data;
use futures_util::future::OptionFuture;
use portcullis_impersonation::{Care, Sweep};
use portcullis_oidc_proxy::keyfile::KeyFile;
use portcullis_revocation::notify::Outbox;
use portcullis_revocation::worker::Worker;
use portcullis_store::Store;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use self::drain::Drain;
use self::listener::{Listener, Running, listen};
use self::reload::Reloadable;
use self::shared::{Made, divided};
pub use self::signals::StopSignals;
use crate::audit::Log;
use crate::compose;
use crate::config::{Config, Loaded, Sources};
use crate::error::StartError;
use crate::logging::LogFilter;
use crate::openapi::Documents;

/// Beyond the grace and the last calls: time to write their outcome and close the database.
const MARGIN: Duration = Duration::from_secs(5);

/// Serves until the process is told to stop (SIGINT or SIGTERM). On SIGHUP the configuration is read again from
/// `sources`.
pub fn run(loaded: &Loaded, sources: &Sources, filter: LogFilter) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::new("runtime", error))?;
    descriptors::make_room(&loaded.config.server.limits);
    runtime.block_on(async move {
        // Before all else: until then a signal ends the process, and who sees `/ready` may send one.
        let hangups = signal(SignalKind::hangup()).map_err(|e| StartError::new("runtime", e))?;
        let mut stops = StopSignals::catch().map_err(|e| StartError::new("runtime", e))?;
        let mut gateway = tokio::select! {
            started = Gateway::start(loaded) => started?,
            // Nobody was promised anything yet.
            () = stops.next() => return Ok(()),
        };
        gateway.reload_on(hangups, loaded, sources, filter);
        banner::print(loaded, &gateway);
        gateway.run_until_stopped(stops).await
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
    servers: Vec<Running>,
    beside: Vec<JoinHandle<()>>,
    audit: Log,
    drain: Drain,
    /// How long requests are still taken while `/ready` says that this is over.
    drain_delay: Duration,
    patience: Duration,
    reloadable: Reloadable,
}

impl Gateway {
    /// Builds every part, binds both listeners and begins to work.
    pub async fn start(loaded: &Loaded) -> Result<Self, StartError> {
        let parts = compose::parts(loaded).await?;
        let followers = parts.pats.follow_changes();
        let leaked = parts.resigner.as_ref().map(|resigner| resigner.leaked.follow());
        let store = parts.store.clone();
        let audit = audit_log(&parts, &loaded.config);
        let master_key = master_key::follow(&store, &parts.vault, &parts.random);
        let keep = loaded.config.revocation.keep_ended;
        let forgetting = retention::follow(&store, keep, &parts.random);
        let server = &loaded.config.server;
        let certificates = Certificates::open(server, &parts.clock)?;
        let (data, engines) = divided(
            parts,
            Made {
                certificates: certificates.clone(),
                documents: Documents::new(&loaded.config),
                recorder: audit.recorder(),
                audit: audit.watched(),
            },
        );
        let public = public_routes(&loaded.config);
        let (public, public_server) = listen(
            server,
            Listener {
                name: "public",
                address: server.listen,
                table: public,
                acceptor: certificates.acceptor("public")?,
            },
            &data,
        )?;
        let (admin, admin_server) = listen(
            server,
            Listener {
                name: "admin",
                address: server.admin_listen,
                table: admin_routes(),
                acceptor: certificates.acceptor("admin")?,
            },
            &data,
        )?;
        let reloadable = data.reloadable();
        let drain = data.drain.as_ref().clone();
        let (chain, broker) = (data.chain.clone(), data.broker.clone());
        let (resigner, jobs) = (data.resigner.clone(), data.jobs.clone());
        let own_keys = data.own_keys.as_ref().map(|keys| follow_own_keys(keys.clone()));
        let (worker, outbox) = engines.start(&store);
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
            beside: [followers, warm_up, certificates.follow()]
                .into_iter()
                .chain(own_keys)
                .chain(leaked)
                .chain(master_key)
                .chain(forgetting)
                .collect(),
            audit,
            drain,
            drain_delay: server.drain_delay,
            patience: server.drain_delay
                + server.shutdown_grace
                + loaded.config.revocation.call_timeout
                + MARGIN,
            reloadable,
        })
    }

    /// Reads the configuration again at each of these signals.
    fn reload_on(
        &mut self,
        hangups: Signal,
        loaded: &Loaded,
        sources: &Sources,
        filter: LogFilter,
    ) {
        let (said, sources) = (loaded.said.clone(), sources.clone());
        self.beside.push(self.reloadable.clone().follow(hangups, said, sources, filter));
    }

    /// Where the public listener is.
    pub fn public_address(&self) -> SocketAddr {
        self.public
    }

    /// Where the operators' listener is.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Returns after a signal, or when a listener fails; a second signal ends it at once. What is cut off then is
    /// what a crash cuts off: it is taken up again.
    pub async fn run_until_stopped(mut self, mut stops: StopSignals) -> Result<(), StartError> {
        let mut listeners: Vec<_> = self.servers.iter_mut().map(|(_, task)| task).collect();
        let failed = tokio::select! {
            () = stops.next() => None,
            (ended, ..) = futures_util::future::select_all(listeners.drain(..)) => {
                let error = ended.map_err(std::io::Error::other).and_then(|result| result);
                Some(error.err().unwrap_or_else(|| std::io::Error::other("a listener ended")))
            }
        };
        drop(listeners);
        tracing::info!("stopping");
        tokio::select! {
            () = self.stop() => {}
            () = stops.next() => tracing::warn!("told again: stopped at once"),
        }
        failed.map_or(Ok(()), |error| Err(StartError::new("listener", error)))
    }

    /// Says that it is leaving, and claims nothing more. When the delay is over it takes no more requests,
    /// finishes those under way and the calls to providers, and closes the database.
    ///
    /// All of it together takes no longer than the delay, the grace, a call to a provider and 5 s.
    pub async fn stop(self) {
        let limit = self.patience;
        let result = tokio::time::timeout(limit, self.wind_down()).await;
        tracing::info!(server.cut_off = result.is_err(), "stopped");
    }

    async fn wind_down(self) {
        self.drain.begin();
        let servers = async {
            tokio::time::sleep(self.drain_delay).await;
            // Side by side: each may take the whole grace, and what comes after them needs the rest.
            let stopping = self.servers.iter().map(|(handle, _)| async {
                handle.stop(true).await;
                // Those that its workers opened have ended with them, and not everybody tries twice.
                self.store.let_idle_go();
            });
            futures_util::future::join_all(stopping).await;
        };
        let sweep = OptionFuture::from(self.sweep.map(Sweep::stop));
        let care = OptionFuture::from(self.care.map(Care::stop));
        tokio::join!(servers, sweep, care, self.worker.stop(), self.outbox.stop());
        self.beside.iter().for_each(JoinHandle::abort);
        // After everybody who has something to tell.
        self.audit.stop().await;
        self.store.close().await;
    }
}

fn audit_log(parts: &compose::Parts, config: &Config) -> Log {
    let (key, random) = (parts.audit_key.clone(), parts.random.as_ref());
    let connections = 2 * config.server.limits.max_connections;
    Log::start(&parts.store, key, config.audit.retention, connections, random)
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
