//! `portcullis check`

use serde_json::json;

use super::output::Output;
use crate::config::{self, Sources};
use crate::error::StartError;

/// Says `ok`, or every problem of the configuration; makes nothing.
pub(super) fn run(sources: &Sources, output: &mut Output) -> Result<(), StartError> {
    let reading = config::check(sources);
    output.warnings(&reading.warnings);
    reading.config.map_err(StartError::Config)?;
    output.result("ok", &json!({"ok": true, "warnings": reading.warnings}));
    Ok(())
}
