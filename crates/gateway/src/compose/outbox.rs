//! Who is told what became of leaked secrets.

use std::sync::Arc;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::ExposeSecret as _;
use portcullis_base::{Clock, Randomness};
use portcullis_revocation::notify::{Options, Outbox, Webhook};
use portcullis_revocation::observer::Observer;
use portcullis_store::Store;

use crate::config::{Config, Notification};
use crate::error::StartError;
use crate::metrics::Metrics;

/// The webhooks, and what telling them needs.
pub(crate) struct Telling {
    store: Store,
    webhooks: Vec<Webhook>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    observer: Arc<dyn Observer>,
}

impl Telling {
    pub(crate) fn start(self) -> Outbox {
        let options = Options { observer: self.observer, ..Options::default() };
        Outbox::start(self.store, self.webhooks, options, self.clock, self.random)
    }
}

/// Where no webhook is configured nothing is marked to be told either.
pub(super) fn make(
    config: &Config,
    store: &Store,
    random: &Arc<dyn Randomness>,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
) -> Result<Telling, StartError> {
    let webhooks = config.notifications.iter().map(|one| webhook(config, one));
    let webhooks = webhooks.collect::<Result<_, _>>()?;
    if !config.notifications.is_empty() {
        store.tell_people();
    }
    Ok(Telling {
        store: store.clone(),
        webhooks,
        clock: Arc::clone(clock),
        random: Arc::clone(random),
        observer: metrics.revocations(),
    })
}

fn webhook(config: &Config, one: &Notification) -> Result<Webhook, StartError> {
    let ca = one.ca_file.as_ref().or(config.http.ca_file.as_ref());
    let options = ClientOptions {
        ca_pem: ca.map(|file| file.pem.clone()),
        proxy: config.http.proxy.as_ref().map(|proxy| proxy.expose_secret().to_owned()),
        ..ClientOptions::default()
    };
    Ok(Webhook {
        name: one.name.clone(),
        url: one.url.clone(),
        format: one.format,
        types: one.types.clone(),
        on: one.on.clone(),
        signing_secret: one.signing_secret.clone(),
        http: client(&options).map_err(|error| StartError::new("http", error))?,
    })
}
