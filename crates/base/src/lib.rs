#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

pub mod clock;
pub mod fault;
pub mod http;
mod quiet;
pub mod random;
pub mod seal;
pub mod secret;

pub use clock::{Clock, ManualClock, SystemClock};
pub use quiet::Quiet;
pub use random::{Randomness, SystemRandomness};
