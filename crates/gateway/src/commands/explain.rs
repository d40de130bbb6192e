//! `portcullis explain`

mod given;
mod meant;

use std::process::ExitCode;

use portcullis_base::secret::SecretString;
use portcullis_base::{Clock as _, SystemClock};
use portcullis_impersonation::policy::{Explanation, Policy, Refused};
use serde_json::{Value, json};

use self::given::Given;
use self::meant::Meant;
use super::output::Output;
use crate::compose;
use crate::config::{self, Impersonation, Sources};
use crate::error::StartError;

/// In the first line, so that nobody takes what follows for proved.
const LOUDLY: &str =
    "NOT VERIFIED: anybody can write these claims. `portcullis jwt verify` proves a token.";

/// Says what becomes of these claims, or without any, what the rules are. Makes nothing, and asks nobody.
pub(super) fn run(
    sources: &Sources,
    claims: Option<&SecretString>,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let reading = config::check(sources);
    output.warnings(&reading.warnings);
    let config = reading.config.map_err(StartError::Config)?;
    let Some(section) = &config.impersonation else {
        let text = "the configuration has no [impersonation]: no job is given a token";
        return Err(StartError::new("no-broker", text));
    };
    let policy = compose::broker::policy(section);
    let Some(claims) = claims else {
        let written = policy.written();
        output.result(&written.to_string(), &json!(written));
        return Ok(ExitCode::SUCCESS);
    };
    let given = given::read(claims)?;
    Ok(tell(section, &policy, &given, output))
}

/// What the job would be answered decides the exit status.
fn tell(section: &Impersonation, policy: &Policy, given: &Given, output: &mut Output) -> ExitCode {
    let meant = Meant::of(&section.jwt, given, SystemClock.now());
    let mut explained = policy.explain(&given.claims);
    if let Some(refused) = paused(section).or_else(|| meant.refused()) {
        explained =
            Explanation { granted: None, refused: Some(refused), open: vec![], ..explained };
    }
    let people = format!("{LOUDLY}\n\n{meant}\n{explained}");
    output.result(&people, &machines(&meant, &explained));
    if explained.is_granted() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What every job is told meanwhile.
fn paused(section: &Impersonation) -> Option<Refused> {
    let text = "impersonation.paused: no job is given a token".to_owned();
    section.paused.then_some(Refused { code: "paused", text })
}

fn machines(meant: &Meant, explained: &Explanation) -> Value {
    let mut value = json!(explained);
    value["verified"] = json!(false);
    value["jwt"] = json!(meant.lines);
    value
}
