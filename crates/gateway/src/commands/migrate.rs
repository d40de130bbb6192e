//! `portcullis migrate`

use portcullis_store::{ConnectOptions, Store, StoreError};
use serde_json::json;

use super::output::Output;
use super::runtime;
use crate::config::{self, Config, Sources};
use crate::error::StartError;

/// Brings the database to this program's version, and leaves. Needs no secret.
pub(super) fn run(sources: &Sources, output: &mut Output) -> Result<(), StartError> {
    let reading = config::read(sources);
    output.warnings(&reading.warnings);
    let config = reading.config.map_err(StartError::Config)?;
    if config.database_is_in(&sources.data_dir) {
        output.warnings(&sources.data_dir.ensure()?);
    }
    runtime::block_on(migrate(&config))?.map_err(|e| StartError::new("database", e))?;
    output.result("the database is at this version", &json!({"ok": true}));
    Ok(())
}

async fn migrate(config: &Config) -> Result<(), StoreError> {
    let options = ConnectOptions { url: config.database.url.clone(), max_connections: 1 };
    Store::connect(&options).await?.close().await;
    Ok(())
}
