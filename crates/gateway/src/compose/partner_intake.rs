//! The partner programmes, from the configuration.

use std::num::NonZeroU32;
use std::sync::Arc;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::ExposeSecret as _;
use portcullis_revocation::intake::Intake;
use portcullis_revocation_api::partners::{PartnerConfig, Partners, Shared};
use portcullis_web::Rate;

use crate::admin::FAILURES;
use crate::config::Config;
use crate::error::StartError;

/// More than a programme sends: what was signed once can be sent again by others.
const RATE: Rate =
    Rate { per_second: NonZeroU32::new(50).unwrap(), burst: NonZeroU32::new(200).unwrap() };

/// `None` where no programme is configured.
pub(super) fn make(config: &Config, intake: &Arc<Intake>) -> Result<Option<Partners>, StartError> {
    if config.partners.all.is_empty() {
        return Ok(None);
    }
    let http = http(config)?;
    let one = |partner: &crate::config::PartnerIntake| PartnerConfig {
        programme: partner.programme,
        keys_url: partner.keys_url.clone(),
        http: http.clone(),
        types: partner.types.clone(),
        max_body: partner.max_body,
        rate: RATE,
    };
    let api = &config.revocation_api;
    let shared =
        Shared { max_batch: api.max_batch, max_waiting: api.max_waiting, failures: FAILURES };
    let all = config.partners.all.iter().map(one).collect();
    let partners = Partners::new(all, &shared, Arc::clone(intake));
    partners.map(Some).map_err(|error| StartError::new("partners", error))
}

/// What fetches the programmes' keys.
pub(crate) fn http(config: &Config) -> Result<reqwest::Client, StartError> {
    let options = ClientOptions {
        ca_pem: config.http.ca_file.as_ref().map(|file| file.pem.clone()),
        proxy: config.http.proxy.as_ref().map(|proxy| proxy.expose_secret().to_owned()),
        ..ClientOptions::default()
    };
    client(&options).map_err(|error| StartError::new("http", error))
}
