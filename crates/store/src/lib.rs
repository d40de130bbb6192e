#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod dialect;
mod error;
pub mod events;
pub mod issuances;
pub mod keys;
pub mod ledger;
mod lock;
mod migrations;
pub mod notices;
mod open;
pub mod pats;
pub mod queue;
pub mod report;

pub use error::StoreError;
pub use migrations::{Migration, Standing};
pub use open::{ConnectOptions, Store};

/// The fingerprint of a secret: the identity of its row. 32 bytes.
pub type Fingerprint = [u8; 32];
