//! Claims that are proved.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use crate::header::Header;
use crate::keys::Key;
use crate::registered::Registered;

/// The claims of a token whose signature, issuer, audience and times held when it was looked at. Only a
/// [`Verifier`](crate::Verifier) makes one. Cheap to clone.
#[derive(Clone)]
pub struct VerifiedClaims(Arc<Proved>);

/// What stays true of a token as long as its key is trusted.
pub(crate) struct Proved {
    pub(crate) header: Header,
    pub(crate) registered: Registered,
    pub(crate) key: Arc<Key>,
    payload: Vec<u8>,
    /// Read when they are first asked for: most callers want two or three registered claims.
    members: OnceLock<Map<String, Value>>,
}

impl Proved {
    /// Bytes of the payload.
    pub(crate) fn length(&self) -> usize {
        self.payload.len()
    }
}

impl VerifiedClaims {
    pub(crate) fn new(
        header: Header,
        key: Arc<Key>,
        (registered, payload): (Registered, Vec<u8>),
    ) -> Self {
        Self(Arc::new(Proved { header, registered, key, payload, members: OnceLock::new() }))
    }

    pub(crate) fn proved(&self) -> &Proved {
        &self.0
    }

    /// The header that was signed with the claims.
    pub fn header(&self) -> &Header {
        &self.0.header
    }

    /// `iss`.
    pub fn issuer(&self) -> Option<&str> {
        self.0.registered.issuer.as_deref()
    }

    /// `sub`.
    pub fn subject(&self) -> Option<&str> {
        self.0.registered.subject.as_deref()
    }

    /// `aud`, as a list in either case; empty where it is absent.
    pub fn audiences(&self) -> &[String] {
        self.0.registered.audiences.as_deref().unwrap_or_default()
    }

    /// `exp`.
    pub fn expires_at(&self) -> Option<OffsetDateTime> {
        moment(self.0.registered.expires_at)
    }

    /// `nbf`.
    pub fn not_before(&self) -> Option<OffsetDateTime> {
        moment(self.0.registered.not_before)
    }

    /// `iat`.
    pub fn issued_at(&self) -> Option<OffsetDateTime> {
        moment(self.0.registered.issued_at)
    }

    /// `jti`.
    pub fn id(&self) -> Option<&str> {
        self.0.registered.id.as_deref()
    }

    /// Any claim, by its name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members().get(name)
    }

    /// All claims.
    pub fn members(&self) -> &Map<String, Value> {
        // The payload was walked over by the same parser before: it is an object.
        self.0.members.get_or_init(|| serde_json::from_slice(&self.0.payload).unwrap_or_default())
    }

    /// The claims as a type of the caller's. An error tells the place and the type that was expected,
    /// and may quote a value.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0.payload)
    }
}

/// Times in range were all that was let in. Whole seconds stay what they are; of a fraction, what is
/// finer than a nanosecond is dropped.
#[expect(clippy::cast_possible_truncation, reason = "far inside 64 bits")]
fn moment(seconds: Option<f64>) -> Option<OffsetDateTime> {
    let seconds = seconds?;
    let whole = OffsetDateTime::from_unix_timestamp(seconds.trunc() as i64).ok()?;
    whole.checked_add(Duration::nanoseconds((seconds.fract() * 1e9) as i64))
}

impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClaims")
            .field("issuer", &self.issuer())
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "seconds of four-digit years are exact")]
    fn a_whole_second_is_that_second_to_the_end_of_time() {
        for second in [0, 1, 1_780_000_001, 4_700_000_001, 100_000_000_003, 253_402_300_799] {
            let moment = moment(Some(second as f64)).unwrap();
            assert_eq!((moment.unix_timestamp(), moment.nanosecond()), (second, 0));
        }
        let moment = moment(Some(1_900_000_000.25)).unwrap();
        assert_eq!((moment.unix_timestamp(), moment.nanosecond()), (1_900_000_000, 250_000_000));
    }
}
