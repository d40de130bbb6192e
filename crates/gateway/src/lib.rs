#![doc = include_str!("../README.md")]

pub mod cli;
pub mod commands;
pub mod config;
pub mod data_dir;
pub mod error;
pub mod logging;
pub mod serve;
