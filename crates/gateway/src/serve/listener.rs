//! One listener: its address, its routes, its limits.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use portcullis_web::{RouteTable, answer_early_errors, mount, trace};
use tokio::task::JoinHandle;

use super::drain::say_goodbye;
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
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(say_goodbye))
            .wrap(from_fn(trace))
            .configure(|config| shared.give(config))
            .configure(answer_early_errors)
            .configure(|config| mount(&table, config))
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
