//! The sections of the file, each as a struct beside its reader.

mod audit;
mod auth;
mod gerrit;
mod impersonation;
mod intake;
mod jobs;
mod limits;
mod metrics;
mod notifications;
mod oidc;
mod oidc_proxy;
mod partners;
mod providers;
mod revocation;
mod server;
mod tls;
mod tokens;

pub use audit::Audit;
pub use auth::{Auth, Method};
pub use gerrit::Gerrit;
pub use impersonation::{Impersonation, ImpersonationJwt};
pub use intake::{Client, RateLimit, RevocationApi};
pub use jobs::Jobs as ReportingJobs;
pub use limits::Limits;
pub use metrics::Metrics;
pub use notifications::Notification;
pub use oidc::{KeysFrom, Oidc};
pub(crate) use oidc_proxy::{KeySettings, is_issuer};
pub use oidc_proxy::{OidcProxy, OidcUpstream};
pub use partners::{PartnerIntake, Partners};
pub(crate) use providers::NOTIFY;
pub use providers::{Gitlab, Partner, Provider, Vendor};
pub use revocation::Revocation;
pub use server::{CaFile, Database, DatabaseKind, Http, Log, LogFormat, SecretKeys, Server};
pub use tls::Tls;
pub use tokens::Pat;

use portcullis_base::secret::ExposeSecret as _;

pub(super) use oidc::is_authority;

use super::section::Section;
use crate::data_dir::DataDir;

/// The whole configuration, as the file and the environment give it, defaults filled in.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[http]`
    pub http: Http,
    /// `[database]`
    pub database: Database,
    /// `[secrets]`
    pub secrets: SecretKeys,
    /// `[log]`
    pub log: Log,
    /// `[metrics]`
    pub metrics: Metrics,
    /// `[revocation]`
    pub revocation: Revocation,
    /// `[revocation_api]`
    pub revocation_api: RevocationApi,
    /// `[[notifications]]`
    pub notifications: Vec<Notification>,
    /// `[pat]`
    pub pat: Pat,
    /// `[gerrit]`, where it is there.
    pub gerrit: Option<Gerrit>,
    /// `[auth]`
    pub auth: Auth,
    /// `[impersonation]`, where it is there.
    pub impersonation: Option<Impersonation>,
    /// `[oidc_proxy]`, where it is there.
    pub oidc_proxy: Option<OidcProxy>,
    /// `[partners]`
    pub partners: Partners,
    /// `[audit]`
    pub audit: Audit,
}

impl Config {
    /// Whether the database is the one that `data_dir` has a place for.
    pub fn database_is_in(&self, data_dir: &DataDir) -> bool {
        *self.database.url.expose_secret() == data_dir.database_url()
    }

    /// Reads all sections; `None` only with a problem noted.
    pub(super) fn read(root: &mut Section<'_>, data_dir: &DataDir) -> Option<Self> {
        // Every section is read before the first missing one ends it: all problems count.
        let server = root.table("server", Server::read);
        let http = root.table("http", Http::read);
        let database = root.table("database", |s| Database::read(s, data_dir)).flatten();
        let secrets = root.table("secrets", SecretKeys::read);
        let log = root.table("log", Log::read);
        let metrics = root.table("metrics", Metrics::read);
        let revocation = root.table("revocation", Revocation::read);
        let revocation_api = root.table("revocation_api", RevocationApi::read);
        let notifications = notifications::read(root);
        let pat = root.table("pat", Pat::read);
        let gerrit = root.has("gerrit").then(|| root.table("gerrit", Gerrit::read).flatten());
        let impersonation = root
            .has("impersonation")
            .then(|| root.table("impersonation", Impersonation::read).flatten());
        let read_proxy = |section: &mut Section<'_>| OidcProxy::read(section, server.as_ref());
        let oidc_proxy =
            root.has("oidc_proxy").then(|| root.table("oidc_proxy", read_proxy).flatten());
        let read_partners =
            |section: &mut Section<'_>| Partners::read(section, revocation.as_ref());
        let partners = root.table("partners", read_partners);
        let audit = root.table("audit", Audit::read);
        let auth = root.table("auth", Auth::read);
        if let Some(auth) = &auth {
            warn_of_idle(root, auth, gerrit.is_some());
        }
        Some(Self {
            server: server?,
            http: http?,
            database: database?,
            secrets: secrets?,
            log: log?,
            metrics: metrics?,
            revocation: revocation?,
            revocation_api: revocation_api?,
            notifications,
            pat: pat?,
            gerrit: match gerrit {
                Some(gerrit) => Some(gerrit?),
                None => None,
            },
            auth: auth?,
            impersonation: match impersonation {
                Some(impersonation) => Some(impersonation?),
                None => None,
            },
            oidc_proxy: match oidc_proxy {
                Some(oidc_proxy) => Some(oidc_proxy?),
                None => None,
            },
            partners: partners?,
            audit: audit?,
        })
    }
}

/// What is configured and never asked, and a chain that knows nobody.
fn warn_of_idle(root: &mut Section<'_>, auth: &Auth, gerrit: bool) {
    let asked = |method| auth.methods.contains(&method);
    let oidc = !auth.oidc.is_empty();
    if gerrit && !asked(Method::Gerrit) {
        root.warn("gerrit", "is not used: auth.methods leaves \"gerrit\" out");
    }
    if oidc && !asked(Method::Oidc) {
        root.warn("auth.oidc", "is not used: auth.methods leaves \"oidc\" out");
    }
    let somebody =
        asked(Method::Pat) || (gerrit && asked(Method::Gerrit)) || (oidc && asked(Method::Oidc));
    if !somebody {
        root.warn("auth.methods", "/auth knows nobody: none of these methods is configured");
    }
}
