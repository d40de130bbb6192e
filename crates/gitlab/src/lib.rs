#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod admin;
mod answer;
mod client;
mod failure;
mod info;
mod moment;
mod rights;
mod users;
mod wait;

pub use admin::{AdminFailure, Identified};
pub use client::GitlabClient;
pub use failure::Failure;
pub use info::TokenInfo;
pub use rights::{Lack, Rights};
pub use users::{
    Administrator, CreatedToken, ListedToken, NewImpersonationToken, Page, User, UserFailure,
};
pub use wait::{LONGEST_WAIT, asked_for};
