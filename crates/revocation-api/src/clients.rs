//! Named clients: who may report, which types, how often.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use actix_web::HttpRequest;
use portcullis_revocation::formats::DOCTOR_TYPE;
use portcullis_web::{
    Authorization, By, PerClient, Preshared, Problem, Rate, authorization, client_address, note,
};
use secrecy::SecretString;

use crate::RevocationApi;
use crate::jobs::NO_RULE;

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
}

impl Client {
    pub(crate) fn new(name: String, types: Types) -> Self {
        Self { name, types }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A configured client's name has no colon.
    fn by(&self) -> By {
        if self.name.contains(':') { By::Job } else { By::RevocationClient }
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
struct Known {
    client: Arc<Client>,
    limit: Arc<PerClient>,
}

#[derive(Debug)]
pub(crate) struct Clients {
    by_token: Preshared<Known>,
    /// By name, for those who come after.
    limits: HashMap<String, (Rate, Arc<PerClient>)>,
}

impl Clients {
    pub(crate) fn new(configs: Vec<ClientConfig>) -> Self {
        Self::after(None, configs)
    }

    /// In the place of `before`: whose rate stays the same goes on with what is left of it, so that nobody
    /// gains by a reload.
    pub(crate) fn after(before: Option<&Self>, configs: Vec<ClientConfig>) -> Self {
        let mut limits = HashMap::new();
        let by_token = Preshared::new(configs.into_iter().map(|config| {
            let used = before.and_then(|before| before.limits.get(&config.name));
            let used = used.filter(|(rate, _)| *rate == config.rate);
            let fresh = || Arc::new(PerClient::new(config.rate));
            let limit = used.map_or_else(fresh, |(_, limit)| Arc::clone(limit));
            limits.insert(config.name.clone(), (config.rate, Arc::clone(&limit)));
            let client = Arc::new(Client::new(config.name, config.types));
            (config.token, Known { client, limit })
        }));
        Self { by_token, limits }
    }

    /// Whose token this is, within its rate.
    fn find(&self, token: &SecretString) -> Result<Option<Arc<Client>>, Problem> {
        let Some(known) = self.by_token.find(token) else { return Ok(None) };
        known.limit.check().map_err(|wait| Problem::too_many_requests("rate_limited", wait))?;
        Ok(Some(Arc::clone(&known.client)))
    }
}

/// Who calls, before any of the body is read. Failures are limited per address, successes per
/// client and per project: nobody can use up another's share.
pub(crate) async fn authenticate(
    api: &RevocationApi,
    request: &HttpRequest,
) -> Result<Arc<Client>, Problem> {
    let refusal = match find(api, request).await {
        Ok(Some(client)) => {
            note(request).by(client.by(), client.name());
            return Ok(client);
        }
        Ok(None) => Problem::unauthorized(&["Bearer realm=\"token-revocation\""]),
        // Of jobs that may not report there can be as many as strangers have.
        Err(problem) if problem.code() == NO_RULE => problem,
        Err(problem) => return Err(problem),
    };
    if let Some(address) = client_address(request) {
        api.failures
            .check(address)
            .map_err(|wait| Problem::too_many_requests("too_many_failures", wait))?;
    }
    Err(refusal)
}

async fn find(api: &RevocationApi, request: &HttpRequest) -> Result<Option<Arc<Client>>, Problem> {
    match (authorization(request.headers()), &api.jobs) {
        (Authorization::Bare(token), _) | (Authorization::Bearer(token), None) => {
            api.clients.load().find(&token)
        }
        (Authorization::Bearer(token), Some(jobs)) => match api.clients.load().find(&token)? {
            Some(client) => Ok(Some(client)),
            None => jobs.find(&token).await,
        },
        (
            Authorization::Absent
            | Authorization::Basic { .. }
            | Authorization::Other
            | Authorization::Malformed,
            _,
        ) => Ok(None),
    }
}
