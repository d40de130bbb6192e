//! One listener: its address, its routes, its limits.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use portcullis_web::{RouteTable, answer_early_errors, mount, trace};
use tokio::task::JoinHandle;

use super::connections::Connections;
use super::shared::Shared;
use crate::config::Server;
use crate::error::StartError;

/// What stops it, and how it ended.
pub(super) type Running = (ServerHandle, JoinHandle<std::io::Result<()>>);

/// Binds an address and serves the table there.
pub(super) fn listen(
    config: &Server,
    address: SocketAddr,
    table: RouteTable,
    shared: &Shared,
) -> Result<(SocketAddr, Running), StartError> {
    portcullis_web::check(&table).map_err(|error| StartError::new("routes", error))?;
    let shared = shared.clone();
    let limits = &config.limits;
    let (proxies, bodies) = (config.trusted_proxies.clone(), limits.of_bodies());
    let connections = Connections::new(limits, proxies.clone());
    let watched = Arc::clone(&connections);
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(trace))
            .app_data(proxies.clone())
            .app_data(bodies.clone())
            .configure(|config| shared.give(config))
            .configure(answer_early_errors)
            .configure(|config| mount(&table, config))
    })
    .disable_signals()
    .backlog(limits.backlog)
    .max_connections(limits.max_connections.div_ceil(workers(config)))
    .client_request_timeout(limits.request_timeout)
    .keep_alive(limits.keep_alive)
    .on_connect(move |io, data| watched.opened(io, data))
    .shutdown_timeout(whole_seconds(config.shutdown_grace));
    let bound = server
        .workers(workers(config))
        .bind(address)
        .map_err(|error| StartError::new("listen", format!("{address}: {error}")))?;
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
