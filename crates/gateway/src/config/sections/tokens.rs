//! `[pat]`.

use std::time::Duration;

use portcullis_base::secret::ExposeSecret as _;
use portcullis_pat::{DEFAULT_PREFIX, KeyRing, RingError, SigningKey};

use super::super::section::Section;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// `[pat]`: our own personal access tokens.
#[derive(Debug, Clone)]
pub struct Pat {
    /// What every token begins with.
    pub prefix: String,
    /// The first signs, all verify. With none, the wrapped key of the database is used.
    pub signing_keys: Vec<SigningKey>,
    /// The longest time that a token may live.
    pub max_lifetime: Duration,
}

impl Pat {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let prefix = section.or("prefix", DEFAULT_PREFIX.to_owned());
        // An empty ring judges the prefix before it misses the keys.
        if let Err(error @ RingError::BadPrefix) = KeyRing::new(&prefix, Vec::new()) {
            section.problem("prefix", error.to_string());
        }
        let texts = section.tokens("signing_keys");
        let mut signing_keys = Vec::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            match SigningKey::from_base64url(text.expose_secret()) {
                Ok(key) => signing_keys.push(key),
                Err(error) => section.problem(&format!("signing_keys[{i}]"), error.to_string()),
            }
        }
        let max_lifetime = section.duration("max_lifetime", 365 * DAY, MINUTE..=3650 * DAY);
        Self { prefix, signing_keys, max_lifetime }
    }
}
