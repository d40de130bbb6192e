//! The method `gerrit`: a JWT that a Gerrit had signed, in a header of its own.

use std::sync::Arc;

use actix_web::http::header::{HeaderMap, HeaderValue};
use portcullis_jwt_verify::sources::{KeySource, RemoteKeys};
use portcullis_jwt_verify::{
    AssertedChange, AuthMethod as _, Gerrit, GerritCaller, GerritError, GerritLimits,
    GerritOptions, Headers, Outcome,
};

use super::caller::Caller;
use super::chain::Failure;
use super::keys::{NamedKeys, remote_options};
use crate::config::{self, Config};
use crate::error::StartError;

const NAME: &str = "gerrit";

/// The method as `entry` has it. Nothing is fetched yet.
pub(super) fn method(config: &Config, entry: &config::Gerrit) -> Result<Gerrit, StartError> {
    let options = GerritOptions {
        header: entry.header.clone(),
        signers: signers(config, entry)?,
        audiences: entry.audiences.clone(),
        limits: GerritLimits {
            hosts: entry.hosts.clone(),
            repositories: entry.repositories.clone(),
            changes: entry.changes.clone(),
        },
        remember: config.auth.token_cache,
        ..GerritOptions::default()
    };
    Gerrit::new(options).map_err(|error| StartError::new(NAME, error))
}

/// Each signer and its keys.
pub(super) fn signers(
    config: &Config,
    entry: &config::Gerrit,
) -> Result<Vec<NamedKeys>, StartError> {
    let options = remote_options(config, entry.ca_file.as_ref())?;
    let signer = |account: &String| {
        let keys = RemoteKeys::google(entry.certs_url.as_str(), account, options.clone());
        let keys = keys.map_err(|e| StartError::new("keys", format!("{account}: {e}")))?;
        Ok((account.clone(), Arc::new(keys) as Arc<dyn KeySource>))
    };
    entry.signer_accounts.iter().map(signer).collect()
}

/// Asks it.
pub(super) async fn authenticate(gerrit: &Gerrit, headers: &HeaderMap) -> Outcome<Caller, Failure> {
    match gerrit.authenticate(&Given(headers)).await {
        Outcome::NotRequested => Outcome::NotRequested,
        Outcome::Authenticated(caller) => told(caller),
        Outcome::Failed(error) => Outcome::Failed(failure(&error)),
    }
}

/// The headers of a request as the method reads them.
struct Given<'a>(&'a HeaderMap);

impl Headers for Given<'_> {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        self.0.get_all(name).map(HeaderValue::as_bytes).collect()
    }
}

fn told(asserted: GerritCaller) -> Outcome<Caller, Failure> {
    let AssertedChange { host, repository, change_number, .. } = &asserted.change;
    let Some(gerrit_change) = change(host, repository, *change_number) else {
        tracing::debug!("a Gerrit's host has a slash in it");
        return Outcome::Failed(Failure::Refused);
    };
    let account = asserted.user.account_id;
    let gerrit_account = if account > 0 { account.to_string() } else { String::new() };
    let email = asserted.email;
    let caller = Caller::without_scopes(NAME, asserted.identity);
    Outcome::Authenticated(Caller { email, gerrit_account, gerrit_change, ..caller })
}

/// `<host>/<repository>~<number>`: the host ends at the first slash, the number begins after the last
/// tilde. Empty where Gerrit does not say all three; `None` where the host would not end there.
fn change(host: &str, repository: &str, number: i64) -> Option<String> {
    if host.contains('/') {
        return None;
    }
    let known = !host.is_empty() && !repository.is_empty() && number > 0;
    Some(if known { format!("{host}/{repository}~{number}") } else { String::new() })
}

fn failure(error: &GerritError) -> Failure {
    tracing::debug!(error.code = error.code(), error = %error, "Gerrit does not know the caller");
    if error.is_unavailable() { Failure::Unavailable } else { Failure::Refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_where_all_of_it_is_known() {
        assert_eq!(change("chromium", "infra/go", 7).as_deref(), Some("chromium/infra/go~7"));
        assert_eq!(change("h", "a~b", 7).as_deref(), Some("h/a~b~7"));
        for (host, repository, number) in
            [("", "r", 7), ("h", "", 7), ("h", "r", 0), ("h", "r", -7)]
        {
            assert_eq!(change(host, repository, number).as_deref(), Some(""));
        }
        assert_eq!(change("h/r~7", "x", 8), None);
    }
}
