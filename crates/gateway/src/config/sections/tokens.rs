//! `[pat]` and `[auth]`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};

use super::super::section::Section;
use super::super::setting::{Setting, parsed};

const DAY: Duration = Duration::from_hours(24);

/// `[pat]`: our own personal access tokens.
#[derive(Debug, Clone)]
pub struct Pat {
    /// What every token begins with.
    pub prefix: String,
    /// Keys in base64url without padding: the first signs, all verify. With none, the wrapped key of
    /// the database is used.
    pub signing_keys: Vec<SecretString>,
    /// The longest time that a token may live.
    pub max_lifetime: Duration,
}

impl Pat {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let prefix = section.or("prefix", "gitpod_pat_".to_owned());
        if !is_prefix(&prefix) {
            section.problem("prefix", "must be 1 to 64 letters, digits, '-' or '_'");
        }
        let signing_keys = section.tokens("signing_keys");
        for (i, key) in signing_keys.iter().enumerate() {
            if URL_SAFE_NO_PAD.decode(key.expose_secret()).map(Zeroizing::new).is_err() {
                section.problem(&format!("signing_keys[{i}]"), "must be base64url, unpadded");
            }
        }
        let longest = 3650 * DAY;
        let max_lifetime = section.duration("max_lifetime", 365 * DAY, DAY / 1440..=longest);
        Self { prefix, signing_keys, max_lifetime }
    }
}

/// A dot would end the signature's part, anything else needs escaping somewhere on the way.
fn is_prefix(prefix: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    (1..=64).contains(&prefix.len()) && prefix.bytes().all(plain)
}

/// A way for a caller of `/auth` to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A personal access token of ours.
    Pat,
}

impl Setting for Method {
    fn read(value: &toml::Value) -> Result<Self, String> {
        let known = parsed(value, "\"pat\"", |text| match text {
            "pat" => Some(Ok(Self::Pat)),
            "gerrit" | "oidc" => {
                Some(Err(format!("this version does not know the method \"{text}\"")))
            }
            _ => None,
        });
        known.and_then(|method| method)
    }
}

/// `[auth]`: the chain of methods at `/auth`.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Asked in this order.
    pub methods: Vec<Method>,
}

impl Auth {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let methods = section.or_list("methods", vec![Method::Pat]);
        if methods.is_empty() {
            section.problem("methods", "must name at least one method");
        }
        if (1..methods.len()).any(|i| methods[..i].contains(&methods[i])) {
            section.problem("methods", "names a method twice");
        }
        Self { methods }
    }
}
