//! What is measured, and who may read it.

use std::sync::Arc;

use portcullis_base::Clock;
use portcullis_base::secret::SecretString;
use portcullis_revocation::intake::OWN_PROVIDER;
use portcullis_revocation::issuance::LENT_PROVIDER;

use super::providers;
use crate::config::{Config, NOTIFY};
use crate::metrics::{Metrics, Names};

/// Of everybody whom the configuration names something is said before anything has happened.
pub(super) fn make(config: &Config, clock: &Arc<dyn Clock>) -> Metrics {
    let configured = config.revocation.providers.iter().map(providers::name);
    let lent = config.impersonation.as_ref().map(|_| LENT_PROVIDER);
    let mut providers: Vec<String> =
        configured.chain([OWN_PROVIDER]).chain(lent).map(str::to_owned).collect();
    providers.retain(|name| name != NOTIFY);
    providers.sort_unstable();
    providers.dedup();
    let webhooks = config.notifications.iter().map(|one| one.name.clone()).collect();
    Metrics::new(Names { providers, webhooks }, scrapers(config), Arc::clone(clock))
}

/// The tokens with which metrics can be read.
pub(crate) fn scrapers(config: &Config) -> Vec<SecretString> {
    config.secrets.admin_tokens.iter().chain(&config.metrics.token).cloned().collect()
}
