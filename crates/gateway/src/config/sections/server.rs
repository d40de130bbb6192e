//! `[server]`, `[http]`, `[database]`, `[secrets]` and `[log]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::seal::MasterKey;
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_web::TrustedProxies;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::super::files;
use super::super::section::Section;
use super::super::setting::{Setting, parsed};
use super::limits::{Limits, trusted_proxies};
use super::tls::Tls;
use crate::data_dir::DataDir;

const HOUR: Duration = Duration::from_hours(1);

/// `[server]`: where the gateway listens.
#[derive(Debug, Clone)]
pub struct Server {
    /// The public listener.
    pub listen: SocketAddr,
    /// The listener of operators.
    pub admin_listen: SocketAddr,
    /// How the world calls the public listener, where it is said.
    pub public_url: Option<Url>,
    /// Worker threads of the server; 0 means one per core.
    pub workers: usize,
    /// How long at a shutdown requests are still taken while `/ready` sends them elsewhere.
    pub drain_delay: Duration,
    /// How long requests under way may take to finish at a shutdown.
    pub shutdown_grace: Duration,
    /// TLS of the public listener; without it, plain HTTP.
    pub tls: Option<Tls>,
    /// TLS of the operators' listener: that of `tls` where nothing else is said.
    pub admin_tls: Option<Tls>,
    /// Who is believed when it says for whom it asks.
    pub trusted_proxies: TrustedProxies,
    /// What clients may take.
    pub limits: Limits,
}

impl Server {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let tls = Tls::of_public(section);
        let server = Self {
            admin_tls: Tls::of_admin(section, &tls),
            tls: tls.1,
            listen: section.or("listen", loopback(8080)),
            admin_listen: section.or("admin_listen", loopback(8081)),
            public_url: section.optional("public_url"),
            workers: usize::try_from(section.number("workers", 0, 0..=1024)).unwrap_or_default(),
            // Nobody is in front of a gateway without a configuration who would look at `/ready`.
            drain_delay: section.duration("drain_delay", Duration::ZERO, Duration::ZERO..=HOUR),
            shutdown_grace: section.duration(
                "shutdown_grace",
                Duration::from_secs(20),
                Duration::ZERO..=HOUR,
            ),
            trusted_proxies: trusted_proxies(section),
            limits: section.table("limits", Limits::read).unwrap_or_default(),
        };
        server.check(section);
        server
    }

    fn check(&self, section: &mut Section<'_>) {
        let (a, b) = (self.listen, self.admin_listen);
        let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
        if a.port() == b.port() && a.port() != 0 && overlap {
            section.problem("admin_listen", "must differ from server.listen");
        }
        if !a.ip().is_loopback() && self.tls.is_none() {
            section.warn("listen", "reachable from other machines, without TLS of its own");
        }
        let warning = match &self.admin_tls {
            _ if b.ip().is_loopback() => None,
            None => {
                Some("operators' listener, reachable from other machines, without TLS of its own")
            }
            Some(Tls { client_ca: None, .. }) => {
                Some("operators' listener, reachable from other machines")
            }
            Some(Tls { client_ca: Some(_), .. }) => None,
        };
        if let Some(warning) = warning {
            section.warn("admin_listen", warning);
        }
        if self.tls.is_some() && self.public_url.as_ref().is_some_and(|url| url.scheme() == "http")
        {
            section
                .warn("public_url", "begins with http, and the public listener speaks TLS alone");
        }
    }
}

/// `[http]`: for every outbound call.
#[derive(Debug, Clone)]
pub struct Http {
    /// A private CA believed beside the system's.
    pub ca_file: Option<CaFile>,
    /// A proxy, `http://host:port`; it may hold a password.
    pub proxy: Option<SecretString>,
}

impl Http {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let proxy = section.secret("proxy").filter(|proxy| {
            let fits = Url::parse(proxy.expose_secret())
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !fits {
                section.problem("proxy", "must be an http or https URL");
            }
            fits
        });
        Self { ca_file: CaFile::read(section), proxy }
    }
}

/// Certificates of a private CA, read at start.
#[derive(Debug, Clone)]
pub struct CaFile {
    /// Where they were read.
    pub path: PathBuf,
    /// The file's content, known to hold certificates in PEM.
    pub pem: Vec<u8>,
}

impl CaFile {
    /// Reads `ca_file` of any section.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let path: PathBuf = section.optional("ca_file")?;
        let pem = match files::read_small(&path) {
            Ok(file) => file.bytes.to_vec(),
            Err(error) => {
                section.problem("ca_file", format!("cannot read {}: {error}", path.display()));
                return None;
            }
        };
        let options = ClientOptions { ca_pem: Some(pem.clone()), ..ClientOptions::default() };
        if let Err(error) = client(&options) {
            section.problem("ca_file", error.to_string());
            return None;
        }
        Some(Self { path, pem })
    }
}

/// Which database stands behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// One file, one process.
    Sqlite,
    /// Shared by replicas.
    Postgres,
}

/// `[database]`
#[derive(Debug, Clone)]
pub struct Database {
    /// `sqlite://path` or `postgres://…`; it may hold a password.
    pub url: SecretString,
    /// Which of the two it is.
    pub kind: DatabaseKind,
    /// Connections kept at the most.
    pub max_connections: u32,
}

impl Database {
    pub(super) fn read(section: &mut Section<'_>, data_dir: &DataDir) -> Option<Self> {
        let max = section.number("max_connections", 10, 2..=1000);
        let default = data_dir.database_url();
        let given = section.secret("url");
        let same = given.as_ref().is_none_or(|url| *url.expose_secret() == default);
        section.known("url", given.is_some(), Some(same), "a secret");
        let url = given.unwrap_or_else(|| default.into());
        let Some(kind) = kind_of(url.expose_secret()) else {
            section.problem("url", "must be sqlite://path/to/file or postgres://host/name");
            return None;
        };
        Some(Self { url, kind, max_connections: u32::try_from(max).unwrap_or(u32::MAX) })
    }
}

fn kind_of(url: &str) -> Option<DatabaseKind> {
    if let Some(path) = url.strip_prefix("sqlite://") {
        // A database in memory would forget what must still be revoked.
        let file = !path.is_empty() && !path.contains(":memory:") && !path.contains("mode=memory");
        return file.then_some(DatabaseKind::Sqlite);
    }
    let parsed = Url::parse(url).ok()?;
    matches!(parsed.scheme(), "postgres" | "postgresql").then_some(DatabaseKind::Postgres)
}

const PREVIOUS: &str = "previous_master_keys";

/// `[secrets]`; what is left out is found in the data directory unless the database is Postgres.
#[derive(Debug, Clone)]
pub struct SecretKeys {
    /// The key that everything at rest hangs on.
    pub master_key: Option<MasterKey>,
    /// Those whose place it takes, while it does.
    pub previous_master_keys: Vec<MasterKey>,
    /// Who may administer.
    pub admin_tokens: Vec<SecretString>,
}

impl SecretKeys {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let given = section.secret("master_key");
        let had = given.is_some();
        let current = given.and_then(|text| master_key(section, "master_key", &text));
        let previous = section.tokens(PREVIOUS);
        if !had && !previous.is_empty() {
            section.problem(PREVIOUS, "needs secrets.master_key, whose place was theirs");
        }
        let previous = previous.iter().enumerate();
        let previous = previous
            .filter_map(|(i, text)| master_key(section, &format!("{PREVIOUS}[{i}]"), text))
            .collect();
        let admin_tokens = section.tokens("admin_tokens");
        Self { master_key: current, previous_master_keys: previous, admin_tokens }
    }
}

fn master_key(section: &mut Section<'_>, key: &str, text: &SecretString) -> Option<MasterKey> {
    let read = MasterKey::from_base64url(text.expose_secret());
    read.map_err(|_| section.problem(key, "must be 32 bytes in base64url")).ok()
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Setting for LogFormat {
    const WHAT: &'static str = "one of its names";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "\"human\" or \"json\"", |text| match text {
            "human" => Some(Self::Human),
            "json" => Some(Self::Json),
            _ => None,
        })
    }
}

#[derive(PartialEq)]
struct Filter(String);

impl Setting for Filter {
    const WHAT: &'static str = "a filter of `tracing`";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "a filter such as \"info,portcullis_store=debug\"", |text| {
            // Its parser cuts at bytes and panics inside a longer character.
            let fits = text.is_ascii() && EnvFilter::try_new(text).is_ok();
            fits.then(|| Self(text.to_owned()))
        })
    }
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// How lines are written.
    pub format: LogFormat,
    /// What is logged, in the syntax of `tracing-subscriber`'s `EnvFilter`.
    pub filter: String,
}

impl Log {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let format = section.or("format", LogFormat::Human);
        let Filter(filter) = section.or("filter", Filter("info".to_owned()));
        Self { format, filter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_judged_and_never_a_panic() {
        for (text, good) in [
            ("info", true),
            ("warn,portcullis_store=debug", true),
            ("portcullis=loud", false),
            (" \u{fbdb}[\u{ffe8}", false),
            ("info,\u{e4}=debug", false),
        ] {
            assert_eq!(Filter::read(&toml::Value::from(text)).is_ok(), good, "{text}");
        }
    }
}
