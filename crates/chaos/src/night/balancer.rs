//! A balancer as stands in front of replicas: it asks each for `/ready`, gives each connection to one that is,
//! and tries the next one where a connection is refused. What it has begun to send it never sends again.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::client::Client;

/// Between two questions for `/ready`.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long an answer may take. A replica on a machine that has other things to do is slow, not gone.
const LOOK: Duration = Duration::from_secs(2);

/// A balancer on loopback. It ends with what is returned.
pub(super) struct Balancer {
    url: String,
    backends: Arc<Vec<Backend>>,
    _tasks: JoinSet<()>,
}

struct Backend {
    client: Client,
    up: AtomicBool,
    open: AtomicUsize,
}

impl Balancer {
    /// In front of the public listeners of these.
    pub(super) async fn before(clients: &[Client]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let backend = |client: &Client| Backend {
            client: client.clone(),
            up: AtomicBool::new(true),
            open: AtomicUsize::new(0),
        };
        let backends: Arc<Vec<Backend>> = Arc::new(clients.iter().map(backend).collect());
        let mut tasks = JoinSet::new();
        for number in 0..clients.len() {
            tasks.spawn(look(Arc::clone(&backends), number));
        }
        tasks.spawn(accept(listener, Arc::clone(&backends)));
        Self { url: format!("http://{address}"), backends, _tasks: tasks }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Whether a replica is given connections.
    pub(super) fn uses(&self, number: usize) -> bool {
        self.backends[number].up.load(Ordering::Relaxed)
    }

    /// How many connections to it are open.
    pub(super) fn open(&self, number: usize) -> usize {
        self.backends[number].open.load(Ordering::Relaxed)
    }
}

async fn look(backends: Arc<Vec<Backend>>, number: usize) {
    let backend = &backends[number];
    loop {
        let ready = tokio::time::timeout(LOOK, backend.client.is_ready()).await;
        backend.up.store(ready == Ok(true), Ordering::Relaxed);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn accept(listener: TcpListener, backends: Arc<Vec<Backend>>) {
    let mut connections = JoinSet::new();
    let mut turn = 0;
    while let Ok((client, _)) = listener.accept().await {
        turn += 1;
        connections.spawn(carry(client, Arc::clone(&backends), turn));
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(mut client: TcpStream, backends: Arc<Vec<Backend>>, turn: usize) {
    let in_turn = || (0..backends.len()).map(|n| &backends[(turn + n) % backends.len()]);
    // Where none is ready any of them may say why.
    let ready = in_turn().filter(|backend| backend.up.load(Ordering::Relaxed));
    for backend in ready.chain(in_turn()) {
        let port = backend.client.public_port();
        let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
            backend.up.store(false, Ordering::Relaxed);
            continue;
        };
        backend.open.fetch_add(1, Ordering::Relaxed);
        // Either end may be cut off at any time.
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
        backend.open.fetch_sub(1, Ordering::Relaxed);
        return;
    }
}
