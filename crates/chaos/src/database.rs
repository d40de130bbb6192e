//! The database under the gateways, which may go away under them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_test_support::{Cluster, dump};

use crate::plan::Leaving;
use crate::process::Place;
use crate::proxy::Proxy;

/// What the gateways share.
pub(crate) enum Database {
    /// Each gateway has a file of its own; there is one gateway.
    Files,
    Server {
        /// `None` only while it is on its way to or from another thread.
        cluster: Option<Cluster>,
        /// Where its log and its contents go if the run panics: it takes the rest with it.
        last_will: PathBuf,
    },
}

impl Database {
    pub(crate) async fn start(server: bool, folder: &Path) -> Self {
        if !server {
            return Self::Files;
        }
        let cluster = tokio::task::spawn_blocking(Cluster::start).await;
        let cluster = Some(cluster.expect("Postgres starts"));
        Self::Server { cluster, last_will: folder.to_owned() }
    }

    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Server { .. })
    }

    /// Where a gateway finds it, and the proxy in between.
    pub(crate) async fn place(&self) -> (Place, Option<Proxy>) {
        match self {
            Self::Server { cluster: Some(cluster), .. } => {
                let (proxy, url) = Proxy::before(&cluster.url("postgres")).await;
                (Place::Postgres(url), Some(proxy))
            }
            Self::Files | Self::Server { .. } => (Place::Sqlite, None),
        }
    }

    /// Goes away for so long and comes back. A file cannot.
    pub(crate) async fn outage(&mut self, leaving: Leaving, away: Duration) {
        let Self::Server { cluster: slot, .. } = self else { return };
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
        let Self::Server { cluster: Some(cluster), .. } = self else { return None };
        let (url, folder) = (cluster.url("postgres"), cluster.folder().to_owned());
        let text = tokio::task::spawn_blocking(move || dump(&url)).await;
        Some((text.expect("pg_dump runs"), folder))
    }
}

/// The names under which a folder keeps what a server held and said.
pub(crate) const DUMP: &str = "dump.sql";
pub(crate) const SERVER_LOG: &str = "postgres.log";

impl Drop for Database {
    fn drop(&mut self) {
        let Self::Server { cluster: Some(cluster), last_will } = self else { return };
        if !std::thread::panicking() {
            return;
        }
        // Nothing to be done about a failure: there is a panic to be told already.
        drop(std::fs::copy(cluster.folder().join("log"), last_will.join(SERVER_LOG)));
        let url = cluster.url("postgres");
        if let Ok(text) = std::thread::spawn(move || dump(&url)).join() {
            drop(std::fs::write(last_will.join(DUMP), text));
        }
    }
}
