//! What both listeners share.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use portcullis_base::Randomness;
use portcullis_impersonation::Broker;
use portcullis_oidc_proxy::OidcProxy;
use portcullis_oidc_proxy::keyfile::KeyFile;
use portcullis_revocation::notify::Outbox;
use portcullis_revocation::provider::Provider;
use portcullis_revocation::vault::Vault;
use portcullis_revocation::worker::{self, Worker};
use portcullis_revocation_api::partners::Partners;
use portcullis_revocation_api::{PublicKeys, RevocationApi};
use portcullis_store::Store;
use portcullis_store::audit::AuditKey;
use portcullis_web::Recorder;

use super::drain::Drain;
use super::reload::Reloadable;
use crate::admin::Admins;
use crate::audit::Watch;
use crate::auth::Chain;
use crate::compose::{Jobs, Parts, Telling};
use crate::metrics::Metrics;
use crate::openapi::Documents;
use crate::pats::Pats;
use crate::revocations::Reports;
use crate::serve::Certificates;

/// What handlers take as app data.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) drain: Data<Drain>,
    pub(super) store: Data<Store>,
    pub(super) pats: Data<Pats>,
    pub(super) chain: Data<Chain>,
    pub(super) broker: Option<Data<Broker>>,
    pub(super) resigner: Option<Data<OidcProxy>>,
    pub(super) own_keys: Option<Data<KeyFile>>,
    admins: Data<Admins>,
    revocation_api: Data<RevocationApi>,
    partners: Option<Data<Partners>>,
    reports: Data<Reports>,
    pub(super) jobs: Option<Data<Jobs>>,
    public_keys: Data<PublicKeys>,
    certificates: Data<Certificates>,
    pub(super) metrics: Data<Metrics>,
    documents: Data<Documents>,
    recorder: Data<dyn Recorder>,
    audit: Data<Watch>,
    audit_key: Data<AuditKey>,
}

/// What works in the background once it is started.
pub(super) struct Engines {
    vault: Vault,
    providers: Vec<Arc<dyn Provider>>,
    worker: worker::Options,
    random: Arc<dyn Randomness>,
    telling: Telling,
}

impl Engines {
    /// Sets them going.
    pub(super) fn start(self, store: &Store) -> (Worker, Outbox) {
        let worker =
            Worker::start(store.clone(), self.vault, self.providers, self.worker, self.random);
        (worker, self.telling.start())
    }
}

/// What is made for serving alone.
pub(super) struct Made {
    pub(super) certificates: Certificates,
    pub(super) documents: Documents,
    pub(super) recorder: Arc<dyn Recorder>,
    pub(super) audit: Watch,
}

/// Parts, by who takes them.
pub(super) fn divided(parts: Parts, made: Made) -> (Shared, Engines) {
    let resigner = parts.resigner.map(|one| (Data::new(one.surface), Data::from(one.keys)));
    let (resigner, own_keys) = resigner.unzip();
    let shared = Shared {
        drain: Data::new(Drain::default()),
        store: Data::new(parts.store),
        pats: Data::new(parts.pats),
        chain: Data::new(parts.chain),
        broker: parts.broker.map(Data::new),
        resigner,
        own_keys,
        admins: Data::new(parts.admins),
        revocation_api: Data::new(parts.revocation_api),
        partners: parts.partners.map(Data::new),
        reports: Data::new(parts.reports),
        jobs: parts.jobs.map(Data::from),
        public_keys: Data::new(parts.public_keys),
        certificates: Data::new(made.certificates),
        metrics: Data::new(parts.metrics),
        documents: Data::new(made.documents),
        recorder: Data::from(made.recorder),
        audit: Data::new(made.audit),
        audit_key: Data::new(parts.audit_key),
    };
    let engines = Engines {
        vault: parts.vault,
        providers: parts.providers,
        worker: parts.worker,
        random: parts.random,
        telling: parts.telling,
    };
    (shared, engines)
}

impl Shared {
    /// What can be changed while it is in use.
    pub(super) fn reloadable(&self) -> Reloadable {
        Reloadable {
            admins: self.admins.clone(),
            metrics: self.metrics.clone(),
            revocation_api: self.revocation_api.clone(),
        }
    }

    /// Gives all that is there to the handlers of a listener.
    pub(super) fn give(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.drain.clone())
            .app_data(self.store.clone())
            .app_data(self.pats.clone())
            .app_data(self.chain.clone())
            .app_data(self.admins.clone())
            .app_data(self.revocation_api.clone())
            .app_data(self.reports.clone())
            .app_data(self.public_keys.clone())
            .app_data(self.certificates.clone())
            .app_data(self.metrics.clone())
            .app_data(self.documents.clone())
            .app_data(self.recorder.clone())
            .app_data(self.audit.clone())
            .app_data(self.audit_key.clone());
        give(config, self.partners.as_ref());
        give(config, self.broker.as_ref());
        give(config, self.jobs.as_ref());
        give(config, self.resigner.as_ref());
        give(config, self.own_keys.as_ref());
    }
}

fn give<T: 'static>(config: &mut ServiceConfig, part: Option<&Data<T>>) {
    if let Some(part) = part {
        config.app_data(part.clone());
    }
}
