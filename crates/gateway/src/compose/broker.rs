//! The broker, where it is configured.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::{Clock, Randomness};
use portcullis_gitlab::Administrator;
use portcullis_impersonation::policy::{Policy, PolicyOptions};
use portcullis_impersonation::{Broker, BrokerOptions, DEADLINE};
use portcullis_jwt_verify::Verifier;
use portcullis_revocation::issuance::Issuances;
use portcullis_revocation::vault::Vault;
use portcullis_store::Store;

use super::{gitlab_client, rate};
use crate::auth::keys_of;
use crate::config::{Config, Impersonation};
use crate::error::StartError;

/// Longer than the broker waits by itself: it tells a GitLab that is late from one that hangs up.
const TIMEOUT: Duration = DEADLINE.saturating_add(Duration::from_secs(5));

/// The broker of a configuration that has one.
pub(super) async fn make(
    config: &Config,
    store: &Store,
    vault: &Vault,
    random: &Arc<dyn Randomness>,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Broker>, StartError> {
    let Some(section) = &config.impersonation else {
        tell_of_outstanding(store).await?;
        return Ok(None);
    };
    let (random, clock) = (Arc::clone(random), Arc::clone(clock));
    let gitlab = section.gitlab_url.as_str().trim_end_matches('/');
    let issuances = Issuances::open(store.clone(), vault.clone(), random, clock, gitlab);
    let issuances = issuances.await.map_err(|error| StartError::new("database", error))?;
    Ok(Some(Broker::new(BrokerOptions {
        verifier: verifier(config, section)?,
        audience_checked: section.jwt.audiences.is_some(),
        policy: policy(section),
        gitlab: gitlab_client(config, &section.gitlab_url, section.ca_file.as_ref(), TIMEOUT)?,
        by: Administrator { token: section.admin_token.clone(), sudo: section.sudo_user.clone() },
        issuances,
        per_user: rate(section.user_limit),
        per_project: rate(section.project_limit),
        log_claims: section.log_claims,
        paused: section.paused,
    })))
}

/// Without the section nobody revokes what was lent before.
async fn tell_of_outstanding(store: &Store) -> Result<(), StartError> {
    let outstanding = store.outstanding().await;
    let (tokens, intents) = outstanding.map_err(|error| StartError::new("database", error))?;
    if tokens + intents > 0 {
        tracing::error!(
            impersonation.tokens = tokens,
            impersonation.intents = intents,
            "lent tokens are still to be revoked, and nobody does it without [impersonation]: put the \
             section back, with paused = true if it is to lend nothing more"
        );
    }
    Ok(())
}

/// Who gets what.
pub(crate) fn policy(section: &Impersonation) -> Policy {
    Policy::new(PolicyOptions {
        rules: section.rules.clone(),
        default: section.grant.clone(),
        allow_forks: section.allow_forks,
        allow_admins: section.allow_admins,
        single_use: section.single_use,
    })
}

fn verifier(config: &Config, section: &Impersonation) -> Result<Verifier, StartError> {
    let jwt = &section.jwt;
    let keys = keys_of(config, &jwt.issuers.join(", "), &jwt.keys, section.ca_file.as_ref())?;
    let builder = Verifier::builder(keys).issuers(jwt.issuers.iter().cloned());
    Ok(match &jwt.audiences {
        Some(audiences) => builder.audiences(audiences.iter().cloned()).build(),
        None => builder.any_audience().build(),
    })
}
