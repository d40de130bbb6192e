#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod backoff;
pub mod catalog;
mod error;
pub mod formats;
pub mod gitlab;
pub mod http;
pub mod identity;
pub mod intake;
pub mod issuance;
pub mod notify;
pub mod observer;
pub mod own;
pub mod partner;
pub mod provider;
pub mod vault;
pub mod worker;

pub use error::QueueError;
pub use portcullis_store::Fingerprint;
pub use portcullis_store::issuances::Once;
