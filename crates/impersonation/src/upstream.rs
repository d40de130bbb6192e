//! The GitLab that makes the tokens, each call within its deadline.

use std::time::Duration;

use moka::sync::Cache;
use portcullis_gitlab::{
    Administrator, CreatedToken, GitlabClient, ListedToken, NewImpersonationToken, Page,
    UserFailure,
};
use time::OffsetDateTime;
use tokio::time::timeout;

use crate::CredentialHealth;
use crate::credential::Credential;

/// How long GitLab is waited for, at each call. A client for it has to be more patient.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// How long what GitLab said of a user's rights is believed.
const BELIEVED: Duration = Duration::from_secs(30);

/// Users of whom it is remembered.
const REMEMBERED: u64 = 10_000;

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// GitLab, or what stands for it, said so.
    Said(UserFailure),
    /// Nothing was said within the deadline.
    Silence,
}

impl Trouble {
    /// Whether GitLab may have done what it was asked to, or may yet.
    pub(crate) fn may_have_happened(&self) -> bool {
        match self {
            Self::Said(failure) => failure.may_have_happened(),
            Self::Silence => true,
        }
    }

    /// Stable, for logs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Said(failure) => failure.code(),
            Self::Silence => "timeout",
        }
    }
}

/// One GitLab, in an administrator's name.
pub(crate) struct Upstream {
    client: GitlabClient,
    by: Administrator,
    administrators: Cache<u64, bool>,
    credential: Credential,
}

impl Upstream {
    pub(crate) fn new(client: GitlabClient, by: Administrator) -> Self {
        let administrators =
            Cache::builder().max_capacity(REMEMBERED).time_to_live(BELIEVED).build();
        Self { client, by, administrators, credential: Credential::default() }
    }

    pub(crate) async fn create(
        &self,
        new: &NewImpersonationToken<'_>,
    ) -> Result<CreatedToken, Trouble> {
        let outcome = in_time(self.client.create_impersonation_token(&self.by, new)).await;
        self.credential.did(&outcome);
        outcome
    }

    /// The address of the GitLab as a log may show it.
    pub(crate) fn label(&self) -> String {
        self.client.label()
    }

    /// How the administrator's token is doing.
    pub(crate) fn credential(&self) -> CredentialHealth {
        self.credential.health()
    }

    /// Asks GitLab how it is doing.
    pub(crate) async fn look_at_credential(&self, now: OffsetDateTime) {
        self.credential.looked(in_time(self.client.rights(&self.by)).await, now);
    }

    /// One page of a user's tokens that are alive.
    pub(crate) async fn list(&self, user_id: u64, page: u32) -> Result<Page<ListedToken>, Trouble> {
        let outcome = in_time(self.client.impersonation_tokens(&self.by, user_id, page)).await;
        self.credential.asked(&outcome);
        outcome
    }

    /// Revokes a token; `false` where GitLab knows no such token or user any more. Where the user to act
    /// as is the obstacle it goes without: that a token dies counts for more than whose name stands in
    /// GitLab's audit.
    pub(crate) async fn revoke(&self, user_id: u64, token_id: u64) -> Result<bool, Trouble> {
        let revoke = async |by: &Administrator| {
            let call = self.client.revoke_impersonation_token(by, user_id, token_id);
            match in_time(call).await {
                Ok(()) => Ok(true),
                Err(Trouble::Said(UserFailure::UnknownToken | UserFailure::UnknownUser)) => {
                    Ok(false)
                }
                Err(trouble) => Err(trouble),
            }
        };
        let outcome = revoke(&self.by).await;
        self.credential.did(&outcome);
        match outcome {
            Err(Trouble::Said(UserFailure::UnknownSudo | UserFailure::AdminForbidden))
                if self.by.sudo.is_some() =>
            {
                revoke(&Administrator { sudo: None, ..self.by.clone() }).await
            }
            outcome => outcome,
        }
    }

    /// Whether a user is an administrator, as GitLab said a moment ago or says now.
    pub(crate) async fn is_administrator(&self, user_id: u64) -> Result<bool, Trouble> {
        if let Some(known) = self.administrators.get(&user_id) {
            return Ok(known);
        }
        let user = in_time(self.client.user(&self.by, user_id)).await;
        self.credential.asked(&user);
        let user = user?;
        // To those who are no administrators themselves it does not tell.
        let told = user.is_admin.ok_or(Trouble::Said(UserFailure::AdminForbidden));
        self.credential.asked(&told);
        let told = told?;
        self.administrators.insert(user_id, told);
        Ok(told)
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, UserFailure>>) -> Result<T, Trouble> {
    match timeout(DEADLINE, call).await {
        Ok(outcome) => outcome.map_err(Trouble::Said),
        Err(_) => Err(Trouble::Silence),
    }
}

#[cfg(test)]
mod tests;
