//! A way to Postgres that can fall silent without an end: what a failover or a dropped entry in a
//! firewall's table looks like.

use std::net::Ipv4Addr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy on loopback.
pub(crate) struct Proxy {
    port: u16,
    frozen: watch::Sender<bool>,
}

impl Proxy {
    /// To this port of loopback.
    pub(crate) async fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (frozen, is_frozen) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, is_frozen.clone()));
            }
        });
        Self { port, frozen }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing passes, on old connections for ever.
    pub(crate) fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// New connections pass again.
    pub(crate) fn thaw(&self) {
        self.frozen.send_replace(false);
    }
}

async fn carry(mut client: TcpStream, target: u16, mut frozen: watch::Receiver<bool>) {
    if !*frozen.borrow() {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await.unwrap();
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = frozen.wait_for(|frozen| *frozen) => {}
        }
        // Both ends stay open and hear nothing.
        std::future::pending::<()>().await;
        drop(server);
    }
    std::future::pending::<()>().await;
    drop(client);
}
