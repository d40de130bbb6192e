#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod audience;
mod broker;
mod care;
mod credential;
mod endpoints;
mod failure;
mod marker;
pub mod policy;
mod provider;
mod stats;
mod sweep;
mod upstream;

pub use broker::{Broker, BrokerOptions};
pub use care::Care;
pub use credential::{CredentialHealth, Standing};
pub use endpoints::routes;
pub use provider::LentTokens;
pub use stats::Stats;
pub use sweep::Sweep;
pub use upstream::DEADLINE;
