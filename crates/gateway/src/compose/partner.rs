//! Vendors who are told of leaks, and the keys by which they know us.

use portcullis_revocation::partner::{self, PartnerProvider, document};
use portcullis_revocation_api::PublicKeys;
use portcullis_store::Store;

use super::providers::formats;
use super::upstream_client;
use crate::config::{Config, Partner, Provider};
use crate::error::StartError;

/// The provider for one of them.
pub(super) fn provider(
    config: &Config,
    store: &Store,
    provider: &Provider,
    partner: &Partner,
) -> Result<PartnerProvider, StartError> {
    let client = upstream_client(config, partner.ca_file.as_ref(), config.revocation.call_timeout)?;
    let told = partner::Partner {
        name: partner.name.clone(),
        url: partner.url.clone(),
        key: partner.key.clone(),
        formats: formats(config, provider)?,
        rate: partner.rate,
    };
    Ok(PartnerProvider::new(told, client, store.clone()))
}

/// All keys that sign reports today, and those that did before.
pub(super) fn public_keys(config: &Config) -> PublicKeys {
    let keys = partners(config).flat_map(|partner| {
        let previous = partner.previous.iter().map(|key| (key, false));
        std::iter::once((partner.key.public(), true)).chain(previous)
    });
    PublicKeys::new(document(keys))
}

/// Every vendor who is told.
pub(crate) fn partners(config: &Config) -> impl Iterator<Item = &Partner> {
    config.revocation.providers.iter().filter_map(|provider| match provider {
        Provider::Partner(partner) => Some(partner.as_ref()),
        _ => None,
    })
}
