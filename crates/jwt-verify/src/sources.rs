//! Where keys come from.
//!
//! | source | keys |
//! |---|---|
//! | [`RemoteKeys::discover`] | of an OpenID provider, by its discovery document |
//! | [`RemoteKeys::jwks`] | of a JWK set at an address |
//! | [`RemoteKeys::google`] | of a Google service account, by its certificates |
//! | [`JwksFile`] | of a JWK set in a file, read again when it changes |
//! | [`StaticKeys`] | that never change |
//!
//! ```no_run
//! use portcullis_base::http;
//! use portcullis_jwt_verify::Verifier;
//! use portcullis_jwt_verify::sources::{RemoteKeys, RemoteOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = http::client(&http::ClientOptions::default())?;
//! let keys = RemoteKeys::discover("https://gitlab.example.com", RemoteOptions::new(client))?;
//! let verifier = Verifier::builder(keys).issuer("https://gitlab.example.com").audience("me").build();
//! # Ok(())
//! # }
//! ```

mod address;
mod attempts;
mod document;
mod fetch;
mod file;
mod flight;
mod freshness;
mod held;
mod options;
mod place;
mod remote;
mod stamp;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use time::OffsetDateTime;

use crate::KeySet;

pub use file::JwksFile;
pub use options::RemoteOptions;
pub use remote::RemoteKeys;

/// Somebody's public keys. One source serves one issuer; any number of verifiers may share it.
#[async_trait]
pub trait KeySource: Debug + Send + Sync + 'static {
    /// The keys that may be used this moment, without waiting for anything. `None` where there are
    /// none yet, or what there is has become too old.
    fn known(&self) -> Option<Arc<KeySet>>;

    /// The keys, after what may be done to find one of this `kid`: a source that fetches does so
    /// here, if its limits allow. The set that is returned need not hold the key.
    async fn find(&self, kid: Option<&str>) -> Result<Arc<KeySet>, KeyError>;

    /// How the source is doing.
    fn health(&self) -> Health;
}

/// How a source is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Usable keys.
    pub keys: usize,
    /// When the present keys were fetched or read; `None` where there are none, or they never change.
    pub fetched_at: Option<OffsetDateTime>,
    /// What went wrong last, and when; `None` where the last attempt went well.
    pub last_error: Option<(OffsetDateTime, KeyError)>,
    /// Keys of the present set that are not used, and why: the `kid`, where it has one, comes first.
    pub skipped: Vec<(Option<String>, &'static str)>,
    /// Whether the present keys are past their life, and used because no others can be had.
    pub stale: bool,
    /// Fetches, or readings of the file, that went well.
    pub fetched: u64,
    /// Fetches, or readings of the file, that failed.
    pub failed: u64,
}

/// Why keys cannot be had. Carries no text of the other side.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Nobody answers there.
    #[error("cannot be reached")]
    Unreachable,
    /// The answer took too long.
    #[error("did not answer in time")]
    Timeout,
    /// The answer was not a success; redirects, which are not followed, among them.
    #[error("answered with status {0}")]
    Status(u16),
    /// The client followed a redirect, which none of `portcullis_base::http` does.
    #[error("was answered from another address, by a redirect")]
    Redirected,
    /// The answer, or the file, was longer than the limit.
    #[error("has more than {0} bytes")]
    TooLarge(usize),
    /// The answer, or the file, is not what it should be.
    #[error("{0}")]
    Malformed(&'static str),
    /// There is no key in it that can be used.
    #[error("has no usable key")]
    NoKeys,
    /// The discovery document is of another issuer than the one asked.
    #[error("the discovery document names another issuer")]
    OtherIssuer,
    /// What was given is no address that keys can be fetched from.
    #[error("is not an address that keys can be fetched from")]
    Address,
    /// The address is not `https`, and not on loopback.
    #[error("keys are fetched by https alone, except from loopback")]
    Insecure,
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    File(std::io::ErrorKind),
}

impl KeyError {
    /// A stable code for machines: for logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Redirected => "redirected",
            Self::TooLarge(_) => "too_large",
            Self::Malformed(_) => "malformed",
            Self::NoKeys => "no_keys",
            Self::OtherIssuer => "other_issuer",
            Self::Address => "address",
            Self::Insecure => "insecure",
            Self::File(_) => "file",
        }
    }
}

/// A set that may take the place of another: one that is empty, or absurdly large, never does.
fn worth_having(set: Option<KeySet>) -> Result<KeySet, KeyError> {
    let set = set.ok_or(KeyError::Malformed("is not a set of keys"))?;
    if set.len() + set.skipped().len() > MOST_KEYS {
        return Err(KeyError::Malformed("has more than 1000 keys"));
    }
    if set.is_empty() { Err(KeyError::NoKeys) } else { Ok(set) }
}

/// Issuers publish two or three keys, the largest federations some hundred.
const MOST_KEYS: usize = 1000;

/// Keys that never change.
#[derive(Debug, Clone)]
pub struct StaticKeys(Arc<KeySet>);

impl StaticKeys {
    /// A source of just these.
    pub fn new(keys: KeySet) -> Self {
        Self(Arc::new(keys))
    }
}

#[async_trait]
impl KeySource for StaticKeys {
    fn known(&self) -> Option<Arc<KeySet>> {
        Some(Arc::clone(&self.0))
    }

    async fn find(&self, _: Option<&str>) -> Result<Arc<KeySet>, KeyError> {
        Ok(Arc::clone(&self.0))
    }

    fn health(&self) -> Health {
        let skipped = self.0.skipped().to_vec();
        Health { keys: self.0.len(), skipped, ..Health::default() }
    }
}

impl From<StaticKeys> for Arc<dyn KeySource> {
    fn from(keys: StaticKeys) -> Self {
        Arc::new(keys)
    }
}
