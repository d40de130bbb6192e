//! What each command does: one file each.

mod check;
mod demo;
mod migrate;
mod output;
mod pat;
mod secrets;
mod serve;

use std::process::ExitCode;

use portcullis_base::SystemRandomness;

use crate::cli::{Cli, Command, PatCommand, SecretsCommand};
use crate::config::Environment;
use crate::error::StartError;
use output::Output;

/// Runs one command to its end. Exit status 0, or 1 with the reason on standard error.
pub fn run(cli: &Cli, environment: &Environment) -> ExitCode {
    let mut output = Output::new(cli.json);
    match dispatch(cli, environment, &mut output) {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(
    cli: &Cli,
    environment: &Environment,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let random = &SystemRandomness;
    match &cli.command {
        Command::Check(args) => return check::run(&args.sources(environment), output),
        Command::Demo { once } => return demo::run(*once, environment, output),
        Command::Serve(args) => serve::run(&args.sources(environment), random),
        Command::Migrate(args) => migrate::run(&args.sources(environment), output),
        Command::Secrets(SecretsCommand::Show { name, sources }) => {
            secrets::show(name.0, &sources.sources(environment), output)
        }
        Command::Pat(PatCommand::Generate { keys }) => pat::generate(keys, random, output),
        Command::Pat(PatCommand::Parse { keys, token }) => pat::parse(keys, token, output),
    }
    .map(|()| ExitCode::SUCCESS)
}
