#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod digest;
mod error;
mod key;
mod ring;
mod token;

pub use digest::Digest;
pub use error::{KeyError, ParseError, RingError};
pub use key::SigningKey;
pub use ring::KeyRing;
pub use token::Pat;

/// The prefix of the origin's tokens.
pub const DEFAULT_PREFIX: &str = "gitpod_pat_";
