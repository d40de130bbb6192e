//! What it knows and what it has seen.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::token::{Token, TokenSpec, TokenState};

/// Something that goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes late, and the deed is done late.
    Delay(Duration),
    /// Nothing is done, and this is the status.
    Status {
        /// The status.
        status: u16,
        /// The header `Retry-After`, in seconds.
        retry_after: Option<u64>,
    },
    /// Nothing is done, and the connection is cut.
    DropBefore,
    /// It is done, and the connection is cut instead of an answer.
    DropAfter,
    /// Nothing is done, and a page for people comes from something in front of GitLab.
    Html {
        /// The status.
        status: u16,
    },
    /// Nothing is done, and something in front of GitLab wants a password of its own: a 401 that
    /// is not GitLab's JSON.
    PlainUnauthorized,
}

/// A request that came in.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// The token it carried.
    pub private_token: Option<String>,
    /// When it came.
    pub at: Instant,
}

struct Planned {
    // Of any method where `None`.
    method: Option<String>,
    times: usize,
    fault: Fault,
}

#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) tokens: HashMap<String, Token>,
    pub(crate) requests: Vec<RecordedRequest>,
    pub(crate) always: Option<Fault>,
    pub(crate) admin_revocation: bool,
    pub(crate) impersonation_off: bool,
    planned: VecDeque<Planned>,
    last_id: u64,
}

/// Shared between the server's threads and the test.
#[derive(Default)]
pub(crate) struct World(Mutex<Contents>);

impl World {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request, and says what goes wrong with it, and which one it is.
    pub(crate) fn receive(&self, request: RecordedRequest) -> (usize, Option<Fault>) {
        let mut contents = self.lock();
        let fault = contents.fault_for(&request.method);
        contents.requests.push(request);
        (contents.requests.len(), fault)
    }
}

impl Contents {
    pub(crate) fn add<'a>(&mut self, tokens: impl Iterator<Item = &'a str>, spec: TokenSpec) {
        let spec = Arc::new(spec);
        for token in tokens {
            self.last_id += 1;
            let known = Token { id: self.last_id, state: spec.state, spec: Arc::clone(&spec) };
            self.tokens.insert(token.to_owned(), known);
        }
    }

    pub(crate) fn state(&self, token: &str) -> Option<TokenState> {
        Some(self.tokens.get(token)?.state)
    }

    pub(crate) fn plan(&mut self, method: Option<&str>, times: usize, fault: Fault) {
        if times > 0 {
            self.planned.push_back(Planned { method: method.map(str::to_owned), times, fault });
        }
    }

    fn fault_for(&mut self, method: &str) -> Option<Fault> {
        let fits = |planned: &Planned| planned.method.as_deref().is_none_or(|m| m == method);
        let Some(at) = self.planned.iter().position(fits) else {
            return self.always.clone();
        };
        let planned = &mut self.planned[at];
        planned.times -= 1;
        let fault = planned.fault.clone();
        if planned.times == 0 {
            self.planned.remove(at);
        }
        Some(fault)
    }
}
