//! The database under the gateways, which may go away under them.

use std::path::PathBuf;
use std::time::Duration;

use portcullis_test_support::{Cluster, dump};

use crate::plan::Leaving;
use crate::process::Place;
use crate::proxy::Proxy;

/// What the gateways share.
pub(crate) enum Database {
    /// Each gateway has a file of its own; there is one gateway.
    Files,
    /// `None` only while it is on its way to or from another thread.
    Server(Option<Cluster>),
}

impl Database {
    pub(crate) async fn start(server: bool) -> Self {
        if !server {
            return Self::Files;
        }
        let cluster = tokio::task::spawn_blocking(Cluster::start).await;
        Self::Server(Some(cluster.expect("Postgres starts")))
    }

    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// Where a gateway finds it, and the proxy in between.
    pub(crate) async fn place(&self) -> (Place, Option<Proxy>) {
        match self {
            Self::Server(Some(cluster)) => {
                let (proxy, url) = Proxy::before(&cluster.url("postgres")).await;
                (Place::Postgres(url), Some(proxy))
            }
            Self::Files | Self::Server(None) => (Place::Sqlite, None),
        }
    }

    /// Goes away for so long and comes back. A file cannot.
    pub(crate) async fn outage(&mut self, leaving: Leaving, away: Duration) {
        let Self::Server(slot) = self else { return };
        let Some(mut cluster) = slot.take() else { return };
        let back = tokio::task::spawn_blocking(move || {
            match leaving {
                Leaving::Stop => cluster.stop(),
                Leaving::Crash => cluster.crash(),
            }
            std::thread::sleep(away);
            cluster.restart();
            cluster
        });
        *slot = Some(back.await.expect("Postgres comes back"));
    }

    /// Everything in it as text, and the folder in which it lies, where it is a server.
    pub(crate) async fn contents(&self) -> Option<(String, PathBuf)> {
        let Self::Server(Some(cluster)) = self else { return None };
        let (url, folder) = (cluster.url("postgres"), cluster.folder().to_owned());
        let text = tokio::task::spawn_blocking(move || dump(&url)).await;
        Some((text.expect("pg_dump runs"), folder))
    }
}
