#![doc = include_str!("../README.md")]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod admin;
pub mod audit;
mod auth;
pub mod cli;
pub mod commands;
mod compose;
pub mod config;
pub mod data_dir;
mod demo;
pub mod error;
mod health;
pub mod logging;
pub mod metrics;
pub mod openapi;
pub mod pats;
mod problems;
mod revocations;
pub mod serve;
mod tls;
