//! Named clients: who may report, which types, how often.

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use portcullis_revocation::formats::DOCTOR_TYPE;
use portcullis_web::{PerClient, Preshared, Problem, Rate, bare_or_bearer};
use secrecy::SecretString;

use crate::RevocationApi;

/// Which types a client may report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Types {
    /// All that are offered.
    All,
    /// These, as far as they are offered.
    These(BTreeSet<String>),
}

/// One client.
#[derive(Debug)]
pub struct ClientConfig {
    /// What it is called in sightings and logs.
    pub name: String,
    /// Its pre-shared token.
    pub token: SecretString,
    /// What it may report.
    pub types: Types,
    /// Requests let through.
    pub rate: Rate,
}

/// A client that has proven itself. Only [`authenticate`] makes one.
#[derive(Debug)]
pub(crate) struct Client {
    name: String,
    types: Types,
    limit: PerClient,
}

impl Client {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may report this type, if the type is taken at all. What is made up for a trial does no harm.
    pub(crate) fn may_report(&self, token_type: &str) -> bool {
        match &self.types {
            Types::All => true,
            Types::These(_) if token_type == DOCTOR_TYPE => true,
            Types::These(types) => types.contains(token_type),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Clients(Preshared<Client>);

impl Clients {
    pub(crate) fn new(configs: Vec<ClientConfig>) -> Self {
        Self(Preshared::new(configs.into_iter().map(|config| {
            let limit = PerClient::new(config.rate);
            (config.token, Client { name: config.name, types: config.types, limit })
        })))
    }

    fn by_token(&self, token: &SecretString) -> Option<&Client> {
        self.0.find(token)
    }
}

/// Who calls, before any of the body is read. Failures are limited per address, successes per
/// client: nobody can use up another's share.
pub(crate) fn authenticate<'a>(
    api: &'a RevocationApi,
    request: &HttpRequest,
) -> Result<&'a Client, Problem> {
    let found = bare_or_bearer(request.headers()).and_then(|token| api.clients.by_token(&token));
    let Some(client) = found else {
        if let Some(address) = request.peer_addr() {
            api.failures
                .check(address.ip())
                .map_err(|wait| Problem::too_many_requests("too_many_failures", wait))?;
        }
        return Err(Problem::unauthorized(&["Bearer realm=\"token-revocation\""]));
    };
    client.limit.check().map_err(|wait| Problem::too_many_requests("rate_limited", wait))?;
    Ok(client)
}
