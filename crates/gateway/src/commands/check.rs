//! `portcullis check`

mod online;

use std::process::ExitCode;

use portcullis_base::{Clock as _, SystemClock};
use serde_json::json;

use self::online::Told;
use super::output::Output;
use super::{runtime, terminal};
use crate::config::{self, Config, Sources};
use crate::error::StartError;

/// Says `ok`, or every problem of the configuration; makes nothing. With `online` every upstream is asked
/// too, and what each says is told.
pub(super) fn run(
    sources: &Sources,
    online: bool,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let reading = config::check(sources);
    let warnings = reading.warnings;
    // Machines read them in the result.
    if !output.for_machines() {
        output.warnings(&warnings);
    }
    match reading.config {
        Ok(config) if online => ask(&config, warnings, output),
        Ok(_) => {
            output.result("ok", &json!({"ok": true, "problems": [], "warnings": warnings}));
            Ok(ExitCode::SUCCESS)
        }
        // The problems are what a machine asked for, not a failure to answer.
        Err(problems) if output.for_machines() => {
            output.result("", &json!({"ok": false, "problems": problems, "warnings": warnings}));
            Ok(ExitCode::FAILURE)
        }
        Err(problems) => Err(StartError::Config(problems)),
    }
}

fn ask(
    config: &Config,
    mut warnings: Vec<String>,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let upstreams = online::upstreams(config)?;
    let told = runtime::block_on(online::ask_all(upstreams, SystemClock.now()))?;
    let new: Vec<String> = told.iter().filter_map(Told::warning).collect();
    if !output.for_machines() {
        output.warnings(&new);
    }
    warnings.extend(new);
    let ok = told.iter().all(Told::is_good);
    let lines: Vec<String> = told.iter().map(|one| terminal::plain(&one.line())).collect();
    let people =
        if lines.is_empty() { "ok: there is no upstream".to_owned() } else { lines.join("\n") };
    let machines = json!({"ok": ok, "problems": [], "warnings": warnings, "upstreams": told});
    output.result(&people, &machines);
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
