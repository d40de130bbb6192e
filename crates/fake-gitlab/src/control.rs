//! What a test says to it about users, jobs and impersonation tokens.

use std::sync::Arc;

use serde_json::Value;

use crate::chance;
use crate::job::JobSpec;
use crate::server::FakeGitlab;
use crate::token::TokenState;
use crate::users::UserSpec;

/// An impersonation token, as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImpersonation {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The token itself.
    pub token: String,
    /// How it stands.
    pub state: TokenState,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The day on which it expires.
    pub expires_at: Option<String>,
    /// When it was made.
    pub created_at: String,
}

impl FakeGitlab {
    /// Lets it know a user. One whom it knows already is made anew.
    pub fn add_user(&self, user: UserSpec) {
        self.world.lock().users.insert(user.id, user);
    }

    /// An `id_token` of this job, made now by the clock of the process and signed with the present key.
    pub fn mint_id_token(&self, job: &JobSpec) -> String {
        let claims = job.claims(self.url(), chance::now().unix_timestamp());
        self.world.lock().signing.sign(&Value::Object(claims))
    }

    /// Signs with another key from now on. The old ones stay published.
    pub fn rotate_signing_key(&self) {
        self.world.lock().signing.rotate();
    }

    /// Publishes only the present key from now on.
    pub fn forget_old_signing_keys(&self) {
        self.world.lock().signing.forget_old();
    }

    /// The impersonation tokens of a user, dead ones too, in the order of their making.
    pub fn impersonation_tokens(&self, user_id: u64) -> Vec<ListedImpersonation> {
        let world = self.world.lock();
        let listed = world.tokens.impersonation(user_id).map(|token| ListedImpersonation {
            id: token.id,
            name: token.spec.name.clone(),
            token: token.text.to_string(),
            state: token.state,
            scopes: token.spec.scopes.clone(),
            expires_at: token.spec.expires_at.clone(),
            created_at: token.spec.created_at.clone(),
        });
        listed.collect()
    }

    /// The scopes of a token; `None` for one that it does not know.
    pub fn scopes_of(&self, token: &str) -> Option<Vec<String>> {
        Some(self.world.lock().tokens.get(token)?.spec.scopes.clone())
    }

    /// Changes when a token was made: a moment as GitLab writes it, `2026-01-05T09:30:00.123Z`.
    pub fn set_created_at(&self, token: &str, created_at: &str) {
        if let Some(token) = self.world.lock().tokens.get_mut(token) {
            created_at.clone_into(&mut Arc::make_mut(&mut token.spec).created_at);
        }
    }
}
