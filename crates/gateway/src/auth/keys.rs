//! Where keys come from, as the configuration says it.

use std::sync::Arc;

use portcullis_base::SystemClock;
use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::ExposeSecret as _;
use portcullis_jwt_verify::sources::{JwksFile, KeyError, KeySource, RemoteKeys, RemoteOptions};

use super::gerrit;
use crate::config::{CaFile, Config, KeysFrom};
use crate::error::StartError;

/// The keys of an issuer, by its name.
pub(crate) type NamedKeys = (String, Arc<dyn KeySource>);

/// The keys of an issuer. Nothing is fetched yet; a file is read.
pub(crate) fn keys_of(
    config: &Config,
    issuer: &str,
    keys: &KeysFrom,
    ca: Option<&CaFile>,
) -> Result<Arc<dyn KeySource>, StartError> {
    keys_with(issuer, keys, || remote_options(config, ca))
}

/// The same, fetched as `options` say.
pub(crate) fn keys_with(
    issuer: &str,
    keys: &KeysFrom,
    options: impl Fn() -> Result<RemoteOptions, StartError>,
) -> Result<Arc<dyn KeySource>, StartError> {
    let bad = |error: KeyError| StartError::new("keys", format!("{issuer}: {error}"));
    Ok(match keys {
        KeysFrom::Discovery(authority) => {
            Arc::new(RemoteKeys::discover(authority, options()?).map_err(bad)?)
        }
        KeysFrom::Url(url) => Arc::new(RemoteKeys::jwks(url.as_str(), options()?).map_err(bad)?),
        KeysFrom::File(path) => Arc::new(JwksFile::open(path, Arc::new(SystemClock)).map_err(bad)?),
    })
}

/// The keys of everybody whose tokens pass at `/auth`, each by its issuer. Nothing is fetched yet.
pub(crate) fn keys_of_all(config: &Config) -> Result<Vec<NamedKeys>, StartError> {
    let mut all = match &config.gerrit {
        Some(entry) => gerrit::signers(config, entry)?,
        None => Vec::new(),
    };
    for entry in &config.auth.oidc {
        let keys = keys_of(config, &entry.issuer, &entry.keys, entry.ca_file.as_ref())?;
        all.push((entry.issuer.clone(), keys));
    }
    Ok(all)
}

/// How keys are fetched: with the CA of this upstream, or else that of all.
pub(super) fn remote_options(
    config: &Config,
    ca: Option<&CaFile>,
) -> Result<RemoteOptions, StartError> {
    let options = ClientOptions {
        ca_pem: ca.or(config.http.ca_file.as_ref()).map(|file| file.pem.clone()),
        proxy: config.http.proxy.as_ref().map(|proxy| proxy.expose_secret().to_owned()),
        ..ClientOptions::default()
    };
    let http = client(&options).map_err(|error| StartError::new("http", error))?;
    Ok(RemoteOptions::new(http))
}
