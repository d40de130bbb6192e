//! The certificates of our listeners, looked after while they are served.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use openssl::ssl::SslAcceptorBuilder;
use portcullis_base::Clock;
use tokio::task::JoinHandle;

use crate::config::Server;
use crate::error::StartError;
use crate::tls::{self, Standing, Watched};

/// How long a client may take for its handshake, then it is cut off.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(5);

/// Handshakes that one worker waits for at a time; more wait to be accepted. A client that says nothing
/// costs memory and no work, and the library's own 256 are soon had.
pub(super) const HANDSHAKES: usize = 1024;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Those of all listeners that speak TLS.
#[derive(Clone, Default)]
pub(crate) struct Certificates(Vec<Arc<Watched>>);

impl Certificates {
    /// Reads those that are configured.
    pub(super) fn open(server: &Server, clock: &Arc<dyn Clock>) -> Result<Self, StartError> {
        let open = |(listener, files): (&'static str, _)| {
            let watched = Watched::open(listener, files, Arc::clone(clock));
            let of_listener =
                |faults| StartError::new("tls", format!("{listener} listener: {faults}"));
            watched.map(Arc::new).map_err(of_listener)
        };
        let files = [("public", server.tls.clone()), ("admin", server.admin_tls.clone())];
        let files = files.into_iter().filter_map(|(name, files)| Some((name, files?)));
        files.map(open).collect::<Result<_, _>>().map(Self)
    }

    /// What `listener` is bound with; `None` where it speaks plain HTTP.
    pub(super) fn acceptor(
        &self,
        listener: &str,
    ) -> Result<Option<SslAcceptorBuilder>, StartError> {
        let watched = self.0.iter().find(|watched| watched.listener() == listener);
        let acceptor = watched.map(tls::acceptor).transpose();
        acceptor.map_err(|error| StartError::new("tls", error))
    }

    /// How each stands at this moment.
    pub(crate) fn standing(&self) -> Vec<Standing> {
        self.0.iter().map(|watched| watched.standing()).collect()
    }

    /// Takes changed files up. A disk that hangs keeps nobody waiting but this.
    pub(super) fn follow(&self) -> JoinHandle<()> {
        let all = Data::new(self.0.clone());
        tokio::spawn(async move {
            while !all.is_empty() {
                tokio::time::sleep(LOOK).await;
                let all = all.clone();
                // Where it panics the certificates in use stay, and it is tried again.
                let look = move || all.iter().for_each(|watched| watched.refresh());
                drop(tokio::task::spawn_blocking(look).await);
            }
        })
    }
}
