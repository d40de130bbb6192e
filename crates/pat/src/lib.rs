#![doc = include_str!("../README.md")]

mod digest;
mod key;
mod ring;
mod token;

pub use digest::Digest;
pub use key::{KeyError, MIN_KEY_BYTES, SigningKey};
pub use ring::{KeyRing, KeyRingError, MAX_PREFIX_LEN};
pub use token::{MAX_TOKEN_LEN, ParseError, Pat};

/// The prefix of the tokens of Gitpod, whose format this is.
pub const DEFAULT_PREFIX: &str = "gitpod_pat_";

/// The length of the value of a generated token, in characters of `[0-9A-Za-z]`: 238 bits.
pub const VALUE_LEN: usize = 40;
