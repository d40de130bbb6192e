#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod endpoints;
pub mod keyfile;
pub mod keyring;
pub mod keys;
mod recognise;
pub mod record;
pub mod resign;
pub mod subject;

pub use endpoints::{Exported, IssuerName, OidcProxy, export, routes};
pub use recognise::Recognised;
