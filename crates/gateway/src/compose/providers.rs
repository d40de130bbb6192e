//! The providers of a configuration, and which type goes to which.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_impersonation::{Broker, LentTokens};
use portcullis_revocation::catalog::{Catalog, Handling, Mode};
use portcullis_revocation::formats::{DOCTOR_TYPE, Format};
use portcullis_revocation::gitlab::{GitlabProvider, Instance};
use portcullis_revocation::http::HttpProvider;
use portcullis_revocation::intake::OWN_PROVIDER;
use portcullis_revocation::provider::Provider as RevocationProvider;
use portcullis_store::Store;

use super::{gitlab_client, partner, upstream_client};
use crate::config::{Config, Gitlab, NOTIFY, Provider, Vendor};
use crate::error::StartError;
use crate::pats::{OwnProvider, Pats};

/// Which types are offered. The configuration has checked that nobody claims another's type.
pub(super) fn catalog(config: &Config) -> Result<Catalog, StartError> {
    let mut catalog = Catalog::default();
    // Never more than a trial, whatever the configuration says.
    let doctor = Handling {
        provider: OWN_PROVIDER.to_owned(),
        mode: Mode::DryRun,
        format: Format::doctor().map_err(|error| StartError::new("format", error))?,
    };
    catalog.add_unlisted(DOCTOR_TYPE, doctor);
    for provider in &config.revocation.providers {
        for token_type in provider.types() {
            let handling = Handling {
                provider: name(provider).to_owned(),
                mode: mode(config, provider, token_type),
                format: format(config, provider, token_type)?,
            };
            // A second GitLab with the same type changes nothing about how it is handled.
            catalog.add(token_type, handling);
        }
    }
    Ok(catalog)
}

/// The name in the database. All GitLabs are one provider.
pub(super) fn name(provider: &Provider) -> &str {
    match provider {
        Provider::Portcullis { .. } => OWN_PROVIDER,
        Provider::Gitlab(_) => GitlabProvider::NAME,
        Provider::Http(vendor) => &vendor.name,
        Provider::Partner(partner) => &partner.name,
        Provider::Notify { .. } => NOTIFY,
    }
}

fn mode(config: &Config, provider: &Provider, token_type: &str) -> Mode {
    let default = match provider {
        Provider::Notify { .. } => Mode::Notify,
        _ => Mode::default(),
    };
    config.revocation.modes.get(token_type).copied().unwrap_or(default)
}

fn format(config: &Config, provider: &Provider, token_type: &str) -> Result<Format, StartError> {
    let bad = |error| StartError::new("format", format!("{token_type}: {error}"));
    if let Some(pattern) = config.revocation.formats.get(token_type) {
        return Format::new(pattern).map_err(bad);
    }
    if matches!(provider, Provider::Portcullis { .. }) {
        return Format::pat(&config.pat.prefix).map_err(bad);
    }
    let format = provider.built_in_format(token_type);
    format.ok_or_else(|| StartError::new("format", format!("{token_type} has no format")))
}

pub(super) fn providers(
    config: &Config,
    store: &Store,
    pats: &Pats,
    broker: Option<&Broker>,
) -> Result<Vec<Arc<dyn RevocationProvider>>, StartError> {
    let gitlabs: Vec<Instance> = config
        .revocation
        .providers
        .iter()
        .filter_map(|provider| match provider {
            Provider::Gitlab(gitlab) => Some(instance(config, gitlab)),
            _ => None,
        })
        .collect::<Result<_, _>>()?;
    let mut all: Vec<Arc<dyn RevocationProvider>> = vec![Arc::new(OwnProvider(pats.clone()))];
    if !gitlabs.is_empty() {
        all.push(Arc::new(GitlabProvider::new(gitlabs)));
    }
    for provider in &config.revocation.providers {
        match provider {
            Provider::Portcullis { .. } | Provider::Gitlab(_) | Provider::Notify { .. } => {}
            Provider::Http(vendor) => all.push(Arc::new(http_provider(config, provider, vendor)?)),
            Provider::Partner(one) => {
                all.push(Arc::new(partner::provider(config, store, provider, one)?));
            }
        }
    }
    if let Some(broker) = broker {
        all.push(Arc::new(LentTokens(broker.clone())));
    }
    Ok(all)
}

fn http_provider(
    config: &Config,
    provider: &Provider,
    vendor: &Vendor,
) -> Result<HttpProvider, StartError> {
    let client = upstream_client(config, vendor.ca_file.as_ref(), config.revocation.call_timeout)?;
    let formats = formats(config, provider)?;
    Ok(HttpProvider::new(vendor.name.clone(), vendor.call.clone(), client, formats))
}

/// The formats of all types of a provider.
pub(super) fn formats(
    config: &Config,
    provider: &Provider,
) -> Result<BTreeMap<String, Format>, StartError> {
    let one = |token_type: &String| Ok((token_type.clone(), format(config, provider, token_type)?));
    provider.types().iter().map(one).collect()
}

fn instance(config: &Config, gitlab: &Gitlab) -> Result<Instance, StartError> {
    Ok(Instance {
        name: gitlab.name.clone(),
        client: gitlab_client(
            config,
            &gitlab.url,
            gitlab.ca_file.as_ref(),
            config.revocation.call_timeout,
        )?,
        types: gitlab.types.clone(),
        admin_token: gitlab.admin_token.clone(),
    })
}

/// What a start says is on: the types by provider.
pub(crate) fn offered(config: &Config) -> BTreeMap<String, usize> {
    let mut offered = BTreeMap::new();
    for provider in &config.revocation.providers {
        let name = match provider {
            Provider::Gitlab(gitlab) => format!("gitlab {}", gitlab.name),
            other => name(other).to_owned(),
        };
        *offered.entry(name).or_default() += provider.types().len();
    }
    offered
}
