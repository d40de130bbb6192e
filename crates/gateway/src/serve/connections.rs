//! The connections of a listener: how many an address may have, and an end to those that only stand.
//!
//! The server has a time for the head of a connection's first request, and none for that of its second; none
//! for what is left of a body that nobody reads; and none for an answer that nobody takes. All three look
//! alike from here: since the last answer no request began, for longer than a client may take for it.

use std::any::Any;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_tls::accept::openssl::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use portcullis_web::{Activity, TrustedProxies, network};
use rustix::net::{Shutdown, shutdown};

use crate::config::Limits;

/// How often they are looked through.
const LOOK: Duration = Duration::from_secs(1);

/// All that are open.
pub(super) struct Connections {
    open: Mutex<Open>,
    per_address: u32,
    trusted: TrustedProxies,
    patience: Duration,
    refused: Refused,
}

/// Since they were told last.
#[derive(Default)]
struct Refused {
    crowded: AtomicU64,
    starved: AtomicU64,
}

#[derive(Default)]
struct Open {
    last: u64,
    sockets: HashMap<u64, Socket>,
    addresses: HashMap<IpAddr, u32>,
}

/// A second handle of the socket: the server lends its own only while the connection opens.
struct Socket {
    handle: OwnedFd,
    address: Option<IpAddr>,
    activity: Arc<Activity>,
}

impl Connections {
    /// None yet, within these limits. Trusted proxies may have as many as they like: each of theirs is
    /// somebody else's.
    pub(super) fn new(limits: &Limits, trusted: TrustedProxies) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            per_address: limits.max_connections_per_address,
            trusted,
            patience: limits.keep_alive + limits.request_timeout,
            refused: Refused::default(),
        })
    }

    /// Takes a connection in, or closes it without an answer where its address has too many.
    pub(super) fn opened(self: &Arc<Self>, io: &dyn Any, data: &mut Extensions) {
        let tls = io.downcast_ref::<TlsStream<TcpStream>>().map(|tls| tls.get_ref());
        let Some(stream) = tls.or_else(|| io.downcast_ref()) else { return };
        match self.admit(stream) {
            Ok((entry, activity)) => {
                data.insert(entry);
                data.insert(activity);
            }
            Err(count) => {
                count.fetch_add(1, Ordering::Relaxed);
                // One that is closed already is what was wanted.
                shutdown(stream, Shutdown::Both).ok();
            }
        }
    }

    /// Fails with the count that the refusal belongs to.
    fn admit(self: &Arc<Self>, stream: &TcpStream) -> Result<(Entry, Arc<Activity>), &AtomicU64> {
        let peer = stream.peer_addr().ok().map(|peer| peer.ip());
        let address = peer.filter(|peer| !self.trusted.trust(*peer)).map(network);
        let handle = stream.as_fd().try_clone_to_owned().map_err(|_| &self.refused.starved)?;
        let activity = Arc::<Activity>::default();
        let mut open = self.lock();
        if let Some(address) = address {
            let count = open.addresses.entry(address).or_default();
            if *count >= self.per_address {
                return Err(&self.refused.crowded);
            }
            *count += 1;
        }
        open.last += 1;
        let number = open.last;
        open.sockets.insert(number, Socket { handle, address, activity: Arc::clone(&activity) });
        Ok((Entry { connections: Arc::clone(self), number }, activity))
    }

    /// Closes what stands for too long, for ever.
    pub(super) async fn watch(&self) -> Infallible {
        loop {
            tokio::time::sleep(LOOK).await;
            let closed = self.close_idle();
            if closed > 0 {
                tracing::debug!(connections = closed, "closed: no request for too long");
            }
            self.refused.tell();
        }
    }

    fn close_idle(&self) -> usize {
        let open = self.lock();
        let stand = |socket: &&Socket| {
            socket.activity.stands_for().is_some_and(|standing| standing > self.patience)
        };
        let idle = open.sockets.values().filter(stand);
        idle.filter(|socket| shutdown(&socket.handle, Shutdown::Both).is_ok()).count()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refused {
    fn tell(&self) {
        let crowded = self.crowded.swap(0, Ordering::Relaxed);
        if crowded > 0 {
            tracing::warn!(connections = crowded, "refused: too many of one address");
        }
        let starved = self.starved.swap(0, Ordering::Relaxed);
        if starved > 0 {
            tracing::error!(connections = starved, "refused: no more files may be opened");
        }
    }
}

/// Among the connection's data, and so dropped with it.
struct Entry {
    connections: Arc<Connections>,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        let Some(socket) = open.sockets.remove(&self.number) else { return };
        let Some(address) = socket.address else { return };
        if let Some(count) = open.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.addresses.remove(&address);
            }
        }
    }
}
