//! One listener: its address, its routes, its limits.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use openssl::ssl::SslAcceptorBuilder;
use portcullis_web::{RouteTable, answer_early_errors, mount, trace};
use tokio::task::JoinHandle;

use super::connections::Connections;
use super::drain::say_goodbye;
use super::shared::Shared;
use super::tls;
use crate::admin::guard;
use crate::config::Server;
use crate::error::StartError;

/// What stops it, and how it ended.
pub(super) type Running = (ServerHandle, JoinHandle<std::io::Result<()>>);

/// What a listener is.
pub(super) struct Listener {
    /// What it is called in metrics and logs.
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) table: RouteTable,
    /// How it speaks TLS, where it does.
    pub(super) acceptor: Option<SslAcceptorBuilder>,
}

/// Binds the address and serves the table there.
pub(super) fn listen(
    config: &Server,
    listener: Listener,
    shared: &Shared,
) -> Result<(SocketAddr, Running), StartError> {
    let Listener { name, address, table, acceptor } = listener;
    portcullis_web::check(&table).map_err(|error| StartError::new("routes", error))?;
    let (shared, observer) = (shared.clone(), shared.metrics.listener(name, &table));
    let limits = &config.limits;
    let (proxies, bodies) = (config.trusted_proxies.clone(), limits.of_bodies());
    let connections = Connections::new(limits, proxies.clone());
    let watched = Arc::clone(&connections);
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(say_goodbye))
            .wrap(from_fn(trace))
            .app_data(observer.clone())
            .app_data(proxies.clone())
            .app_data(bodies.clone())
            .configure(|config| shared.give(config))
            .configure(answer_early_errors)
            .configure(|config| mount(&table, guard, config))
    })
    .disable_signals()
    .backlog(limits.backlog)
    .max_connections(limits.max_connections.div_ceil(workers(config)))
    .client_request_timeout(limits.request_timeout)
    .keep_alive(limits.keep_alive)
    .on_connect(move |io, data| watched.opened(io, data))
    .shutdown_timeout(whole_seconds(config.shutdown_grace));
    let server = server
        .workers(workers(config))
        .tls_handshake_timeout(tls::HANDSHAKE)
        .max_connection_rate(tls::HANDSHAKES);
    let bound = match acceptor {
        Some(acceptor) => server.bind_openssl(address, acceptor),
        None => server.bind(address),
    };
    let bound = bound.map_err(|error| StartError::new("listen", format!("{address}: {error}")))?;
    // One address was asked for, so one is bound.
    let at = bound.addrs().first().copied().unwrap_or(address);
    let running = bound.run();
    let handle = running.handle();
    let served = tokio::spawn(async move {
        tokio::select! {
            ended = running => ended,
            never = connections.watch() => match never {},
        }
    });
    Ok((at, (handle, served)))
}

/// Said to actix, since its limit of connections is one for each.
fn workers(config: &Server) -> usize {
    match config.workers {
        0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    }
}

fn whole_seconds(grace: Duration) -> u64 {
    grace.as_secs() + u64::from(grace.subsec_nanos() > 0)
}
