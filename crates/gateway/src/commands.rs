//! What each command does: one file each.

mod audit;
mod backup;
mod check;
mod demo;
mod doctor;
mod explain;
mod health;
mod jwt;
mod keys;
mod listing;
mod master_key;
mod migrate;
mod oidc;
mod output;
mod pat;
mod pats;
mod remote;
mod report;
mod revocations;
mod runtime;
mod secrets;
mod serve;
mod several;
mod standard_input;
mod table;
mod terminal;
mod times;

use std::process::ExitCode;

use portcullis_base::SystemRandomness;

use crate::cli::{Cli, Command, OidcCommand, PatCommand, SecretsCommand};
use crate::config::Environment;
use crate::error::StartError;
use output::Output;

/// Runs one command to its end. Exit status 0, or 1 with the reason on standard error; of `report` and `audit verify` also 2.
pub fn run(cli: &Cli, environment: &Environment) -> ExitCode {
    let mut output = Output::new(cli.json);
    let code = dispatch(cli, environment, &mut output).unwrap_or_else(|error| {
        output.error(&error);
        ExitCode::FAILURE
    });
    let Some(error) = output.unwritten() else { return code };
    output.error(&error);
    ExitCode::FAILURE
}

fn dispatch(
    cli: &Cli,
    environment: &Environment,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let random = &SystemRandomness;
    match &cli.command {
        Command::Audit(command) => return audit::run(command, environment, output),
        Command::Check { sources, online } => {
            return check::run(&sources.sources(environment), *online, output);
        }
        Command::Demo { once } => return demo::run(*once, environment, output),
        Command::Doctor(args) => return doctor::run(args, environment, output),
        Command::Explain { sources, claims } => {
            return explain::run(&sources.sources(environment), claims.as_ref(), output);
        }
        Command::Health(args) => health::run(args, environment, output),
        Command::Serve(args) => serve::run(&args.sources(environment), random),
        Command::Backup { sources, out } => backup::run(&sources.sources(environment), out, output),
        Command::Migrate { sources, dry_run } => {
            migrate::run(&sources.sources(environment), *dry_run, output)
        }
        Command::Secrets(SecretsCommand::Show { name, sources }) => {
            secrets::show(name.0, &sources.sources(environment), output)
        }
        Command::Secrets(SecretsCommand::RotateMasterKey(args)) => {
            master_key::rotate(&args.sources(environment), random, output)
        }
        Command::Pat(PatCommand::Generate { keys }) => pat::generate(keys, random, output),
        Command::Pat(PatCommand::Parse { keys, token }) => pat::parse(keys, token, output),
        Command::Oidc(OidcCommand::Import { file }) => oidc::import(file, output),
        Command::Keys(command) => keys::run(command, environment, output),
        Command::Jwt(command) => jwt::run(command, output),
        Command::Pats(command) => return pats::run(command, environment, output),
        Command::Revocations(command) => return revocations::run(command, environment, output),
        Command::Report(args) => return Ok(report::run(args, environment, output)),
    }
    .map(|()| ExitCode::SUCCESS)
}
