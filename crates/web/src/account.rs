//! What a handler tells of its request, for the audit log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::{HttpMessage as _, HttpRequest};
use serde_json::{Map, Value};

/// The longest text that is kept of a name, in characters.
const LONGEST: usize = 256;

/// By what a caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum By {
    /// One of the configured admin tokens.
    AdminToken,
    /// The token of a client of the Token Revocation API.
    RevocationClient,
    /// The JWT of a CI job.
    Job,
    /// The signature of a partner programme.
    Partner,
    /// The token of an upstream issuer.
    UpstreamToken,
}

impl By {
    /// Stable, for the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdminToken => "admin_token",
            Self::RevocationClient => "revocation_client",
            Self::Job => "job",
            Self::Partner => "partner",
            Self::UpstreamToken => "upstream_token",
        }
    }
}

/// What is known of a request so far.
#[derive(Debug, Clone, Default)]
pub struct Noted {
    /// Who asks, once that is proven.
    pub by: Option<(By, String)>,
    /// What was touched.
    pub touched: Map<String, Value>,
    /// Whether something is changed, whatever is answered.
    pub changed: bool,
}

/// Where a handler notes who asks and what it touches. Nothing noted may be a secret, nor a text that a caller
/// chose freely.
#[derive(Debug, Clone, Default)]
pub struct Account(Arc<Mutex<Noted>>);

/// The account of a request. One that is read by nobody where the request is of no route table.
pub fn note(request: &HttpRequest) -> Account {
    request.extensions().get::<Account>().cloned().unwrap_or_default()
}

impl Account {
    /// Who asks: proven by `by`, and called `name`.
    pub fn by(&self, by: By, name: &str) {
        self.noted().by = Some((by, name.chars().take(LONGEST).collect()));
    }

    /// What is touched.
    pub fn touched(&self, what: &'static str, value: impl Into<Value>) {
        let value = match value.into() {
            Value::String(text) => Value::String(text.chars().take(LONGEST).collect()),
            other => other,
        };
        self.noted().touched.insert(what.to_owned(), value);
    }

    /// Something is committed now: the call is recorded also where its answer is an error.
    pub fn changed(&self) {
        self.noted().changed = true;
    }

    pub(crate) fn read(&self) -> Noted {
        self.noted().clone()
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
