#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod audience;
mod broker;
mod endpoints;
mod failure;
mod marker;
pub mod policy;
mod provider;
mod sweep;
mod upstream;

pub use broker::{Broker, BrokerOptions};
pub use endpoints::routes;
pub use provider::LentTokens;
pub use sweep::Sweep;
pub use upstream::DEADLINE;
