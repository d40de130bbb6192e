//! Where the gateway is, and which token is shown to it: what the arguments say, else the
//! configuration, else the data directory. Nothing is made.

use std::net::SocketAddr;
use std::path::Path;

use portcullis_base::http::{ClientOptions, is_safe};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use url::Url;

use super::tls::PrivateCa;
use super::way::{self, Way};
use crate::cli::RemoteArgs;
use crate::commands::output::Output;
use crate::config::{self, Config, Environment, SHORT_SECRET, Server, Sources, Tls, files};
use crate::data_dir::SecretName;
use crate::error::StartError;

/// One of the gateway's two doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Listener {
    /// For clients.
    Public,
    /// For operators.
    Admin,
}

impl Listener {
    /// What people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Admin => "admin",
        }
    }

    /// Where it listens, what that key is called, and its TLS.
    pub(super) fn of(self, server: &Server) -> (SocketAddr, &'static str, Option<&Tls>) {
        match self {
            Self::Public => (server.listen, "server.listen", server.tls.as_ref()),
            Self::Admin => (server.admin_listen, "server.admin_listen", server.admin_tls.as_ref()),
        }
    }
}

/// A listener to be called.
pub(super) struct Place {
    /// Its address, maybe with a path before `/v1`.
    pub(super) url: Url,
    /// Which one it should be.
    pub(super) listener: Listener,
    /// What is shown to it.
    pub(super) token: SecretString,
    /// Which token that is, and where it stands.
    pub(super) origin: String,
    /// Whose certificates it may show.
    pub(super) private_ca: PrivateCa,
}

impl Place {
    /// The address as people write it.
    pub(super) fn shown(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    /// What the arguments mean, and how it is called.
    pub(super) fn find(
        args: &RemoteArgs,
        listener: Listener,
        environment: &Environment,
        output: &mut Output,
    ) -> Result<(Self, ClientOptions), StartError> {
        let sources = args.sources.sources(environment);
        let both = args.url.is_some() && args.token_file.is_some();
        let config = unless(both, &sources, output)?;
        let way = match (&args.url, &config) {
            (Some(url), _) => Way::to(said(url, "the admin token goes", output)?),
            (None, Some(config)) => Way::configured(listener, &config.server)?,
            (None, None) => return Err(StartError::new("url", "no address is known")),
        };
        let (token, origin) = match (&args.token_file, &config) {
            (Some(path), _) => from_file(path, output)?,
            (None, config) => in_force(config.as_ref(), &sources, output)?,
        };
        let (private_ca, ca_pem) = match &args.tls.ca_file {
            Some(path) => (PrivateCa::Said, Some(way::ca(path)?)),
            None => private_ca(config),
        };
        let identity = args.tls.identity(output)?;
        let options = ClientOptions { identity, ..way.options(ca_pem) };
        let origin = format!("the admin token from {origin}");
        Ok((Self { url: way.url, listener, token, origin, private_ca }, options))
    }
}

/// The configuration, with the warnings that are about secrets: the others are for who serves. `None` where
/// address and token are both said: then one that is not for this user to read cannot stand in the way.
pub(super) fn unless(
    both_said: bool,
    sources: &Sources,
    output: &mut Output,
) -> Result<Option<Config>, StartError> {
    if both_said {
        return Ok(None);
    }
    let reading = config::read(sources);
    let of_secrets =
        |warning: &&String| warning.starts_with("secrets.") || warning.starts_with("config file");
    let warnings: Vec<String> = reading.warnings.iter().filter(of_secrets).cloned().collect();
    output.warnings(&warnings);
    reading.config.map(Some).map_err(StartError::Config)
}

/// The private CA of the configuration, if one was read.
pub(super) fn private_ca(config: Option<Config>) -> (PrivateCa, Option<Vec<u8>>) {
    match config.map(|config| config.http.ca_file) {
        None => (PrivateCa::NotSought, None),
        Some(None) => (PrivateCa::None, None),
        Some(Some(file)) => (PrivateCa::Believed, Some(file.pem)),
    }
}

/// The address of `--url`, if it is one; `goes` is what is not for everybody on the way to read.
pub(super) fn said(url: &Url, goes: &str, output: &mut Output) -> Result<Url, StartError> {
    let url = checked(url)?;
    if !is_safe(&url) {
        output.warnings(&[format!("{goes} over the network unencrypted; use https")]);
    }
    Ok(url)
}

/// The address of `--url`, if it is one.
pub(super) fn checked(url: &Url) -> Result<Url, StartError> {
    let wrong = |text| Err(StartError::new("url", text));
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return wrong("--url must be an http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("--url must not hold a name or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("--url must have no query and no fragment");
    }
    Ok(url.clone())
}

/// A token that stands in a file alone, and the file's name.
pub(super) fn from_file(
    path: &Path,
    output: &mut Output,
) -> Result<(SecretString, String), StartError> {
    let shown = path.display().to_string();
    let wrong =
        |text: &dyn std::fmt::Display| StartError::new("token-file", format!("{shown}: {text}"));
    let (token, exposed) = files::read_secret(path).map_err(|error| wrong(&error))?;
    let text = token.expose_secret();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong(&"must hold the token alone: printable ASCII without spaces"));
    }
    if exposed {
        output.warnings(&[format!("{shown}: readable by others; chmod 600 it")]);
    }
    if text.len() < SHORT_SECRET {
        output.warnings(&[format!("{shown}: a weak token; use 22 or more random characters")]);
    }
    Ok((token, shown))
}

/// The first token of the configuration, else that of the data directory.
fn in_force(
    config: Option<&Config>,
    sources: &Sources,
    output: &mut Output,
) -> Result<(SecretString, String), StartError> {
    if let Some(token) = config.and_then(|config| config.secrets.admin_tokens.first()) {
        return Ok((token.clone(), "secrets.admin_tokens of the configuration".to_owned()));
    }
    kept(SecretName::AdminToken, "admin token", sources, output)
}

/// That of the data directory, which people call `what`, and where it stands.
pub(super) fn kept(
    name: SecretName,
    what: &str,
    sources: &Sources,
    output: &mut Output,
) -> Result<(SecretString, String), StartError> {
    let path = sources.data_dir.secrets_path().display().to_string();
    let Some(opened) = sources.data_dir.read()? else {
        let text = format!("no {what}: there is no {path}; say --token-file or --data-dir");
        return Err(StartError::new("no-secrets", text));
    };
    output.warnings(&opened.warnings);
    let token = opened.secrets.get(name).map_err(|error| sources.data_dir.secrets_error(error))?;
    Ok((token.clone(), path))
}
