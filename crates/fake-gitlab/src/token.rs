//! The tokens that it knows.

use std::sync::Arc;

/// How a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenState {
    /// It works.
    Active,
    /// It was revoked.
    Revoked,
    /// Its day has passed.
    Expired,
    /// It would work, but its user is blocked.
    Blocked,
    /// It works, but its scopes do not let it look at anything, not even at itself: an older GitLab
    /// than those that let any scope do. It can revoke itself.
    InsufficientScope,
}

/// What sort of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A personal access token of a person, project or group.
    Personal,
    /// An impersonation token, which may not revoke itself.
    Impersonation,
    /// A deploy token.
    Deploy,
    /// A token of an agent for Kubernetes.
    Agent,
    /// A pipeline trigger token.
    Trigger,
    /// A user's feed token.
    Feed,
    /// A runner's authentication token.
    Runner,
}

impl TokenKind {
    /// Whether it is a token for the API, in which alone it can speak for itself.
    pub(crate) fn speaks(self) -> bool {
        matches!(self, Self::Personal | Self::Impersonation)
    }

    /// Whether a dead one is still known: the others are replaced or deleted.
    pub(crate) fn leaves_a_trace(self) -> bool {
        self.speaks() || matches!(self, Self::Deploy | Self::Agent)
    }
}

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// Its name.
    pub name: String,
    /// Its user's number.
    pub user_id: u64,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// How it stands to begin with.
    pub state: TokenState,
    /// Of which sort it is.
    pub kind: TokenKind,
    /// Whether its user counts as an administrator, also where what is known of the user does not say
    /// so.
    pub admin: bool,
    /// When it was made.
    pub created_at: String,
    /// The day on which it expires. Only shown: the state says whether it has.
    pub expires_at: Option<String>,
    /// When it was last used. Only shown.
    pub last_used_at: Option<String>,
}

impl Default for TokenSpec {
    /// An active personal access token of user 2 with the scope `api`.
    fn default() -> Self {
        Self {
            name: "a token".to_owned(),
            user_id: 2,
            scopes: vec!["api".to_owned()],
            state: TokenState::Active,
            kind: TokenKind::Personal,
            admin: false,
            created_at: "2026-01-05T09:30:00.123Z".to_owned(),
            expires_at: Some("2027-01-04".to_owned()),
            last_used_at: Some("2026-01-06T10:00:00.456Z".to_owned()),
        }
    }
}

/// One token. Hundreds of thousands of alike ones share what is alike.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) id: u64,
    pub(crate) text: Arc<str>,
    pub(crate) state: TokenState,
    pub(crate) spec: Arc<TokenSpec>,
}
