//! Figures by section, and verifiers that trust their keys.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use portcullis_base::ManualClock;
use portcullis_jwt_verify::sources::{KeySource, StaticKeys};
use portcullis_jwt_verify::{Builder, Chosen, KeySet, Verifier};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// What one section shows.
pub(crate) struct Figure(Value);

impl Figure {
    /// The figure of a section, such as `RFC 7515 A.2`.
    pub(crate) fn of(section: &str) -> Self {
        let all: Value = serde_json::from_str(include_str!("figures.json")).unwrap();
        let figures = all["figures"].as_array().unwrap();
        let figure = figures.iter().find(|figure| figure["section"] == section);
        Self(figure.unwrap_or_else(|| panic!("{section} is not there")).clone())
    }

    /// Its token in compact serialization.
    pub(crate) fn token(&self) -> &str {
        self.0["token"].as_str().unwrap()
    }

    /// The token that it encrypts another in.
    pub(crate) fn encrypted(&self) -> &str {
        self.0["encrypted"].as_str().unwrap()
    }

    /// Its token in a JSON serialization, as a text.
    pub(crate) fn json(&self) -> String {
        assert!(self.0["json"].is_object());
        self.0["json"].to_string()
    }

    /// A set of its key alone.
    pub(crate) fn keys(&self) -> KeySet {
        let key = self.0.get("key").unwrap();
        KeySet::from_jwks(json!({"keys": [key]}).to_string().as_bytes()).unwrap()
    }

    /// A verifier that trusts its key and asks for nothing but `exp`, at this time.
    pub(crate) fn builder(&self, at: i64) -> Builder<Chosen, Chosen> {
        let keys: Arc<dyn KeySource> = Arc::new(StaticKeys::new(self.keys()));
        let clock = ManualClock::at(OffsetDateTime::from_unix_timestamp(at).unwrap());
        let builder = Verifier::builder(keys).any_issuer().any_audience();
        builder.without_subject().clock(Arc::new(clock))
    }

    /// The payload of a token by this figure's key, or the code that says why there is none.
    pub(crate) fn payload(&self, token: &str) -> Result<String, &'static str> {
        let payload = at_once(self.builder(0).build().verify_payload(token));
        payload.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.code())
    }
}

/// What a future that has nothing to wait for comes to.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something"),
    }
}
