//! What it knows and what it has seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::fault::{Fault, Faults};
use crate::signing::SigningKeys;
use crate::token::{TokenSpec, TokenState};
use crate::tokens::Tokens;
use crate::users::{self, UserSpec};

/// A request that came in.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// Its query as it was sent, without the question mark; empty where there was none.
    pub query: String,
    /// The token it carried.
    pub private_token: Option<String>,
    /// When it came.
    pub at: Instant,
}

pub(crate) struct Contents {
    /// The address, without a slash at the end.
    pub(crate) url: String,
    pub(crate) tokens: Tokens,
    pub(crate) users: BTreeMap<u64, UserSpec>,
    pub(crate) signing: SigningKeys,
    pub(crate) requests: Vec<RecordedRequest>,
    pub(crate) faults: Faults,
    pub(crate) admin_revocation: bool,
    pub(crate) impersonation_off: bool,
}

/// Shared between the server's threads and the test.
pub(crate) struct World(Mutex<Contents>);

impl World {
    /// One in which nothing has happened yet.
    pub(crate) fn at(url: String) -> Self {
        Self(Mutex::new(Contents {
            url,
            tokens: Tokens::default(),
            users: users::at_first(),
            signing: SigningKeys::default(),
            requests: Vec::new(),
            faults: Faults::default(),
            admin_revocation: false,
            impersonation_off: false,
        }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request, and says what goes wrong with it, and which one it is.
    pub(crate) fn receive(&self, request: RecordedRequest) -> (usize, Option<Fault>) {
        let mut contents = self.lock();
        let fault = contents.faults.next(&request.method, &request.path);
        contents.requests.push(request);
        (contents.requests.len(), fault)
    }
}

impl Contents {
    /// Adds tokens. A user that nobody has spoken of before is an ordinary one.
    pub(crate) fn add<'a>(&mut self, tokens: impl Iterator<Item = &'a str>, spec: TokenSpec) {
        self.users.entry(spec.user_id).or_insert_with(|| UserSpec::ordinary(spec.user_id));
        let spec = Arc::new(spec);
        for token in tokens {
            self.tokens.add(token, &spec);
        }
    }

    pub(crate) fn state(&self, token: &str) -> Option<TokenState> {
        Some(self.tokens.get(token)?.state)
    }
}
