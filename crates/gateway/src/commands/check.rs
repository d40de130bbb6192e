//! `portcullis check`

use std::process::ExitCode;

use serde_json::json;

use super::output::Output;
use crate::config::{self, Sources};
use crate::error::StartError;

/// Says `ok`, or every problem of the configuration; makes nothing.
pub(super) fn run(sources: &Sources, output: &mut Output) -> Result<ExitCode, StartError> {
    let reading = config::check(sources);
    let warnings = &reading.warnings;
    // Machines read them in the result.
    if !output.for_machines() {
        output.warnings(warnings);
    }
    match reading.config {
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
