#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod algorithm;
mod base64url;
mod builder;
mod cache;
mod claimed;
mod error;
mod gerrit;
mod header;
mod json;
mod keys;
mod method;
mod policy;
mod registered;
pub mod rules;
pub mod sources;
mod stats;
mod token;
mod verified;
mod verifier;

// Verifiers take one.
pub use portcullis_base::Clock;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use builder::{Builder, Chosen, Unset};
pub use claimed::claimed_issuers;
pub use error::Error;
pub use gerrit::{
    AssertedChange, AssertedUser, GERRIT_HEADER, Gerrit, GerritCaller, GerritConfigError,
    GerritError, GerritLimits, GerritOptions, GerritWarmUpError,
};
pub use header::Header;
pub use keys::{Key, KeyRefusal, KeySet};
pub use method::{AuthMethod, Headers, Outcome};
pub use stats::Stats;
pub use token::{MAX_TOKEN, Unverified};
pub use verified::VerifiedClaims;
pub use verifier::Verifier;
