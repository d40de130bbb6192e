//! `portcullis keys …`: the file of the re-signer's keys, and nothing else.

mod export;
mod list;
mod rotate;

use std::path::{Path, PathBuf};

use portcullis_base::{Clock as _, SystemClock};
use portcullis_jwt_verify::Algorithm;
use portcullis_oidc_proxy::keyring::Choice;
use portcullis_oidc_proxy::keys::{EditError, Recipe, add};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::output::Output;
use super::table;
use crate::cli::{KeyPlace, KeysCommand, NewKeyArgs};
use crate::config::{self, Environment, KeySettings, files};
use crate::error::StartError;

/// Does it.
pub(super) fn run(
    command: &KeysCommand,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), StartError> {
    let now = SystemClock.now();
    match command {
        KeysCommand::Generate { place, key, beside } => {
            let place = Place::find(place, environment)?;
            generate(&place, key, *beside, now, output)
        }
        KeysCommand::Rotate(args) => {
            rotate::run(&Place::find(&args.place, environment)?, args, now, output)
        }
        KeysCommand::List(place) => list::run(&Place::find(place, environment)?, now, output),
        KeysCommand::Export { folder, issuer, place } => {
            export::run(folder, issuer.as_deref(), place, environment, now, output)
        }
    }
}

/// The file, and what the configuration says about it where it was asked.
struct Place {
    file: PathBuf,
    settings: Option<KeySettings>,
}

impl Place {
    fn find(place: &KeyPlace, environment: &Environment) -> Result<Self, StartError> {
        if let Some(file) = &place.file {
            return Ok(Self { file: file.clone(), settings: None });
        }
        let settings = config::read_keys(&place.sources.sources(environment));
        let settings = settings.map_err(StartError::Config)?.ok_or_else(no_file)?;
        Ok(Self { file: settings.jwks_file.clone(), settings: Some(settings) })
    }

    /// How the configuration chooses among the keys of an algorithm.
    fn choice(&self, algorithm: Algorithm) -> Option<&Choice> {
        self.settings.as_ref()?.choices.get(&algorithm)
    }

    fn bad(&self, error: &EditError) -> StartError {
        StartError::new(error.code(), format!("{} {error}", self.file.display()))
    }
}

/// Secrets that others can read are a warning, here as everywhere. A file that is not there is nobody's.
fn warn_of_exposed(file: &Path, output: &mut Output) {
    if files::read_small(file).is_ok_and(|content| content.exposed) {
        let warning = "others on this machine can read the file; chmod 600 it";
        output.warnings(&[format!("{}: {warning}", file.display())]);
    }
}

fn no_file() -> StartError {
    StartError::new("no-file", "say --file, or --config with an [oidc_proxy]")
}

fn recipe(key: &NewKeyArgs) -> Recipe {
    Recipe { algorithm: key.alg, bits: key.bits, kid: key.kid.clone() }
}

fn generate(
    place: &Place,
    key: &NewKeyArgs,
    beside: bool,
    now: OffsetDateTime,
    output: &mut Output,
) -> Result<(), StartError> {
    warn_of_exposed(&place.file, output);
    let beside = beside || matches!(place.choice(key.alg), Some(Choice::Pinned(_)));
    let made = add(&place.file, &recipe(key), beside, now);
    let (kid, is_new) = made.map_err(|error| place.bad(&error))?;
    let (alg, file) = (key.alg.name(), place.file.display().to_string());
    let facts = [
        ("kid", kid.clone()),
        ("alg", alg.to_owned()),
        ("file", format!("{file}{}", if is_new { " (new)" } else { "" })),
    ];
    let machines = json!({"kid": kid, "alg": alg, "file": file, "new": is_new});
    output.result(&table::facts(&facts, 0), &machines);
    Ok(())
}

/// As RFC 3339 has it; what lies beyond the calendar stays a number.
fn moment(seconds: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
