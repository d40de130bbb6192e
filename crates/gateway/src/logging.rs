//! Log lines: to standard error, for people or as JSON.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::error::StartError;

/// Sets the process's logger. Colours only where a terminal shows them.
pub fn init(log: &Log) -> Result<(), StartError> {
    let filter = EnvFilter::try_new(&log.filter).map_err(|e| StartError::new("log", e))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(log.format == LogFormat::Human && io::stderr().is_terminal());
    match log.format {
        LogFormat::Human => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| StartError::new("log", error))
}
