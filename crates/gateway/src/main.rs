//! The `portcullis` binary.

use std::process::ExitCode;

use clap::Parser as _;
use portcullis_gateway::cli::Cli;
use portcullis_gateway::commands;
use portcullis_gateway::config::Environment;

fn main() -> ExitCode {
    commands::run(&Cli::parse(), &Environment::of_process())
}
