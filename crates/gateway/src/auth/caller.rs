//! Somebody who is known.

use std::sync::Arc;

use crate::pats::Holder;

/// What `/auth` tells of a caller.
#[derive(Debug)]
pub(super) struct Caller {
    /// The name of the method that knows it.
    pub(super) method: &'static str,
    /// Identity and scopes.
    pub(super) holder: Arc<Holder>,
    /// Empty where unknown, as are the next two.
    pub(super) email: String,
    pub(super) gerrit_account: String,
    pub(super) gerrit_change: String,
}

impl Caller {
    /// Somebody of whom nothing but identity and scopes is known.
    pub(super) fn new(method: &'static str, holder: Arc<Holder>) -> Self {
        let (email, gerrit_account, gerrit_change) = Default::default();
        Self { method, holder, email, gerrit_account, gerrit_change }
    }

    /// Somebody who has no scopes, since nobody here gave any.
    pub(super) fn without_scopes(method: &'static str, identity: String) -> Self {
        Self::new(method, Arc::new(Holder { owner: identity, scopes: Vec::new() }))
    }
}
