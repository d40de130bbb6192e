#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

pub mod audit;
mod backup;
mod dialect;
mod error;
pub mod events;
pub mod gauges;
pub mod issuances;
pub mod keys;
pub mod ledger;
mod lock;
mod migrations;
pub mod notices;
mod open;
pub mod pats;
#[cfg(test)]
mod plans;
pub mod queue;
pub mod report;
pub mod retention;
pub mod seals;

pub use error::{StoreError, errors};
pub use migrations::{Migration, Standing};
pub use open::{ConnectOptions, Store};

/// The fingerprint of a secret: the identity of its row. 32 bytes.
pub type Fingerprint = [u8; 32];
