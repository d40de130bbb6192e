//! The re-signer, where it is configured.

mod leaked;
mod origin;
mod record;
mod reported;

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::ExposeSecret as _;
use portcullis_base::{Clock, Randomness};
use portcullis_jwt_verify::Verifier;
use portcullis_jwt_verify::sources::RemoteOptions;
use portcullis_oidc_proxy::OidcProxy as Surface;
use portcullis_oidc_proxy::keyfile::KeyFile;
use portcullis_oidc_proxy::resign::{Policy, ReSigner, Upstream};
use portcullis_store::Store;
use reqwest::header::{HeaderMap, HeaderValue};

pub(crate) use self::leaked::Leaked;
use self::record::Issues;
pub(super) use self::reported::Reported;
use crate::auth::keys_with;
use crate::config::{Config, OidcProxy, OidcUpstream};
use crate::error::StartError;

/// How far clocks may differ.
const LEEWAY: Duration = Duration::from_secs(30);

/// The re-signer and the file of its keys, which somebody has to look after.
pub(crate) struct Resigner {
    pub(crate) surface: Surface,
    pub(crate) keys: Arc<KeyFile>,
    pub(crate) leaked: Leaked,
}

/// The re-signer of a configuration that has one; it knows what leaked before it is asked for anything.
pub(super) async fn make(
    config: &Config,
    store: &Store,
    random: &Arc<dyn Randomness>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Resigner>, StartError> {
    let Some(section) = &config.oidc_proxy else { return Ok(None) };
    let bad =
        |error| StartError::new("oidc_proxy", format!("{}: {error}", section.jwks_file.display()));
    let keys = KeyFile::open(&section.jwks_file, section.signing.clone(), Arc::clone(clock));
    let keys = Arc::new(keys.map_err(bad)?);
    let upstreams = section.upstreams.iter().map(|one| upstream(config, one));
    let upstreams = upstreams.collect::<Result<_, _>>()?;
    let leaked = Leaked::new(store.clone(), Arc::clone(clock));
    leaked.fill().await.map_err(|error| StartError::new("database", error))?;
    let record = Issues::new(store.clone(), Arc::clone(random), leaked.clone());
    let resigner = ReSigner::new(
        upstreams,
        policy(section),
        keys.keyring(),
        Arc::new(record),
        Arc::clone(clock),
    );
    let max_age = section.cache_max_age.as_secs();
    let surface = Surface::new(resigner, section.issuer.clone(), max_age);
    Ok(Some(Resigner { surface, keys, leaked }))
}

/// What is re-signed, and how.
pub(crate) fn policy(section: &OidcProxy) -> Policy {
    Policy {
        clone_claims: section.clone_upstream_claims.clone(),
        audiences: section.audiences.clone(),
        rules: section.rules.clone(),
        subject: section.subject.clone(),
        max_lifetime: section.max_lifetime,
        token_id: section.token_id,
        once: section.once,
    }
}

fn upstream(config: &Config, upstream: &OidcUpstream) -> Result<Upstream, StartError> {
    let keys = keys_with(&upstream.issuer, &upstream.keys, || options(config, upstream))?;
    let verifier = Verifier::builder(keys)
        .issuer(&upstream.issuer)
        .any_audience()
        .without_subject()
        .leeway(LEEWAY)
        .remember(config.auth.token_cache)
        .build();
    Ok(Upstream { issuer: upstream.issuer.clone(), verifier })
}

/// How its keys are fetched: with its own CA, or else that of all, in its own time.
fn options(config: &Config, upstream: &OidcUpstream) -> Result<RemoteOptions, StartError> {
    let ca = upstream.ca_file.as_ref().or(config.http.ca_file.as_ref());
    let defaults = ClientOptions::default();
    let http = client(&ClientOptions {
        timeout: upstream.timeout,
        connect_timeout: upstream.timeout.min(defaults.connect_timeout),
        ca_pem: ca.map(|file| file.pem.clone()),
        proxy: config.http.proxy.as_ref().map(|proxy| proxy.expose_secret().to_owned()),
        ..ClientOptions::default()
    })
    .map_err(|error| StartError::new("http", error))?;
    let options = RemoteOptions::new(http);
    Ok(RemoteOptions {
        headers: headers(upstream)?,
        deadline: upstream.timeout,
        default_life: Some(upstream.keys_max_age),
        ceiling: upstream.keys_max_age,
        floor: options.floor.min(upstream.keys_max_age),
        ..options
    })
}

fn headers(upstream: &OidcUpstream) -> Result<HeaderMap, StartError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &upstream.headers {
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|error| StartError::new("oidc_proxy", error))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}
