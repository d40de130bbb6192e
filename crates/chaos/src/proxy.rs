//! A way to Postgres that can fall silent without an end: what a failover or a dropped entry in a
//! firewall's table looks like. All of it, or only the notifications.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
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

async fn carry(client: TcpStream, target: u16, silent: watch::Receiver<Silence>) {
    if *silent.borrow() == Silence::All {
        return nothing_more(client).await;
    }
    // Where the server is away, so is the way to it.
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (listens, is_listening) = watch::channel(false);
    let line = Line { silent, is_listening };
    tokio::select! {
        () = forth(from_client, to_server, listens, line.clone()) => {}
        () = back(from_server, to_client, line) => {}
    }
}

/// Both ends stay open and hear nothing.
async fn nothing_more<T>(ends: T) {
    std::future::pending::<()>().await;
    drop(ends);
}

/// What decides whether a connection is silent.
#[derive(Clone)]
struct Line {
    silent: watch::Receiver<Silence>,
    is_listening: watch::Receiver<bool>,
}

impl Line {
    fn is_silent(&self) -> bool {
        match *self.silent.borrow() {
            Silence::All => true,
            Silence::Notifications => *self.is_listening.borrow(),
            Silence::None => false,
        }
    }
}

async fn forth(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    listens: watch::Sender<bool>,
    line: Line,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if buffer[..count].windows(LISTEN.len()).any(|words| words == LISTEN) {
            listens.send_replace(true);
        }
        if line.is_silent() {
            return nothing_more((from, to)).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Looked at before each write, so that nothing passes that came after the silence began.
async fn back(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: Line) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if line.is_silent() {
            return nothing_more((from, to)).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
