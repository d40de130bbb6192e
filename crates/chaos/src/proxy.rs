//! A way to Postgres that can fall silent without an end: what a failover or a dropped entry in a
//! firewall's table looks like. All of it, or only the notifications.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A connection that sends this is one that waits for notifications.
const LISTEN: &[u8] = b"LISTEN ";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    None,
    /// On the connections that listen.
    Notifications,
    All,
}

/// A proxy on loopback.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    silence: watch::Sender<Silence>,
}

impl Proxy {
    /// In front of the database at this address, which names a port of loopback.
    ///
    /// # Panics
    /// Where the address is another.
    pub async fn before(url: &str) -> (Self, String) {
        let (start, port_and_name) = url.rsplit_once(':').expect("an address names a port");
        let (port, rest) = port_and_name.split_once('/').expect("an address names a database");
        let proxy = Self::to(port.parse().expect("a port is a number")).await;
        let url = format!("{start}:{}/{rest}", proxy.port);
        (proxy, url)
    }

    async fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let (silence, silent) = watch::channel(Silence::None);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, silent.clone()));
            }
        });
        Self { port, silence }
    }

    /// From now on nothing passes, on old connections for ever.
    pub fn freeze(&self) {
        self.silence.send_replace(Silence::All);
    }

    /// From now on connections that listen hear nothing, old ones for ever.
    pub fn deafen(&self) {
        self.silence.send_replace(Silence::Notifications);
    }

    /// New connections pass again.
    pub fn thaw(&self) {
        self.silence.send_replace(Silence::None);
    }
}

async fn carry(mut client: TcpStream, target: u16, mut silent: watch::Receiver<Silence>) {
    if *silent.borrow() != Silence::All {
        // Where the server is away, so is the way to it.
        let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else {
            return;
        };
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let (listens, mut is_listening) = watch::channel(false);
        tokio::select! {
            () = forth(&mut from_client, &mut to_server, &listens) => return,
            () = back(&mut from_server, &mut to_client) => return,
            () = silence(&mut silent, &mut is_listening) => {}
        }
        // Both ends stay open and hear nothing.
        std::future::pending::<()>().await;
    }
    std::future::pending::<()>().await;
    drop(client);
}

/// Returns when this connection is one that is to be silent.
async fn silence(silent: &mut watch::Receiver<Silence>, listening: &mut watch::Receiver<bool>) {
    loop {
        match *silent.borrow_and_update() {
            Silence::All => return,
            Silence::Notifications if *listening.borrow_and_update() => return,
            Silence::Notifications | Silence::None => {}
        }
        tokio::select! {
            changed = silent.changed() => if changed.is_err() { return },
            changed = listening.changed() => if changed.is_err() { return },
        }
    }
}

async fn forth(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, listens: &watch::Sender<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if buffer[..count].windows(LISTEN.len()).any(|words| words == LISTEN) {
            listens.send_replace(true);
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn back(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>) {
    // Returning is the end of the connection, however it came about.
    drop(tokio::io::copy(from, to).await);
}
