//! The receiving side of the partner programmes of GitHub and GitLab.
//!
//! The signature proves GitHub or GitLab and nobody else: their keys are not per partner, so whoever
//! is a partner too can send us what was sent to him. Therefore only what is provably ours is taken,
//! whatever type is claimed. Of all else nothing is kept and nothing is logged.

mod document;
mod fetch;
mod finding;
mod handlers;
mod intake;
mod keys;
mod signature;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_revocation::intake::Intake;
use portcullis_web::{PerAddress, PerClient, Rate};
use url::Url;

pub use fetch::{KeysError, usable_keys};
pub use handlers::routes;
pub use keys::Insecure;

use keys::Keys;
use signature::Names;

/// Where GitHub publishes its keys.
pub const GITHUB_KEYS: &str = "https://api.github.com/meta/public_keys/secret_scanning";

/// A programme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Programme {
    /// GitHub's secret scanning partner programme.
    Github,
    /// GitLab's partner protocol for leaked secrets.
    Gitlab,
}

impl Programme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Github, Self::Gitlab];

    /// The name in paths and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
        }
    }

    /// The name in sightings. No configured client may have it.
    pub const fn reporter(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab-partner",
        }
    }

    pub(crate) const fn headers(self) -> Names {
        match self {
            Self::Github => Names {
                identifier: "GITHUB-PUBLIC-KEY-IDENTIFIER",
                signature: "GITHUB-PUBLIC-KEY-SIGNATURE",
            },
            Self::Gitlab => Names {
                identifier: "Gitlab-Public-Key-Identifier",
                signature: "Gitlab-Public-Key-Signature",
            },
        }
    }
}

/// How one programme is listened to.
#[derive(Debug)]
pub struct PartnerConfig {
    /// Which one.
    pub programme: Programme,
    /// Where its keys are.
    pub keys_url: Url,
    /// Fetches them; one that follows no redirects.
    pub http: reqwest::Client,
    /// Our types by theirs, for sightings.
    pub types: BTreeMap<String, String>,
    /// The longest body, in bytes.
    pub max_body: usize,
    /// Requests with a good signature that are let through.
    pub rate: Rate,
}

/// What all programmes have in common.
#[derive(Debug)]
pub struct Shared {
    /// Secrets per commit.
    pub max_batch: usize,
    /// With more than this in the queue, callers are told to wait.
    pub max_waiting: u64,
    /// Requests without a good signature that are let through per address.
    pub failures: Rate,
}

/// The state of the endpoints: app data of their handlers.
pub struct Partners {
    intake: Arc<Intake>,
    all: Vec<Partner>,
    max_batch: usize,
    max_waiting: u64,
    failures: PerAddress,
}

#[derive(Debug)]
struct Partner {
    programme: Programme,
    keys: Keys,
    types: BTreeMap<String, String>,
    max_body: usize,
    limit: PerClient,
}

impl Partners {
    /// Over this intake; [`Insecure`] where keys would be fetched over a wire that others write to.
    pub fn new(
        configs: Vec<PartnerConfig>,
        shared: &Shared,
        intake: Arc<Intake>,
    ) -> Result<Self, Insecure> {
        let all = configs.into_iter().map(Partner::new).collect::<Result<_, _>>()?;
        let failures = PerAddress::new(shared.failures);
        let (max_batch, max_waiting) = (shared.max_batch.max(1), shared.max_waiting);
        Ok(Self { intake, all, max_batch, max_waiting, failures })
    }

    fn of(&self, programme: Programme) -> Option<&Partner> {
        self.all.iter().find(|partner| partner.programme == programme)
    }
}

impl Partner {
    fn new(config: PartnerConfig) -> Result<Self, Insecure> {
        Ok(Self {
            programme: config.programme,
            keys: Keys::new(config.http, config.keys_url)?,
            types: config.types,
            max_body: config.max_body,
            limit: PerClient::new(config.rate),
        })
    }
}
