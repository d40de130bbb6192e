//! `portcullis backup`

use std::path::Path;

use portcullis_base::SystemRandomness;
use portcullis_store::Store;
use serde_json::json;

use super::output::Output;
use super::runtime;
use crate::config::{self, DatabaseKind, Sources};
use crate::error::StartError;

/// Copies the SQLite database into a new file, also while a gateway uses it. The master key is not in it.
pub(super) fn run(sources: &Sources, to: &Path, output: &mut Output) -> Result<(), StartError> {
    let reading = config::read(sources);
    output.warnings(&reading.warnings);
    let config = reading.config.map_err(StartError::Config)?;
    if config.database.kind == DatabaseKind::Postgres {
        let text = "this is for SQLite; Postgres has pg_dump: see docs/backup.md";
        return Err(StartError::new("postgres", text));
    }
    let copied = runtime::block_on(Store::back_up(&config.database.url, to, &SystemRandomness))?;
    copied.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})"));
        StartError::new("backup", format!("{error}{}", cause.unwrap_or_default()))
    })?;
    let file = to.display().to_string();
    output.result(
        &format!(
            "the database is copied to {file}; the master key is not in it, and is needed with it"
        ),
        &json!({"ok": true, "file": file}),
    );
    Ok(())
}
