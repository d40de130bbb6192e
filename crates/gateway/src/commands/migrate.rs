//! `portcullis migrate`

use portcullis_store::{ConnectOptions, Migration, Standing, Store, StoreError};
use serde_json::json;

use super::output::Output;
use super::runtime;
use crate::config::{self, Config, Sources};
use crate::error::StartError;

/// Brings the database to this program's version, and leaves. Needs no secret. With `dry_run` it says what
/// would be applied, and changes nothing.
pub(super) fn run(sources: &Sources, dry_run: bool, output: &mut Output) -> Result<(), StartError> {
    let reading = config::read(sources);
    output.warnings(&reading.warnings);
    let config = reading.config.map_err(StartError::Config)?;
    let failed = |error: StoreError| StartError::of_store(&error);
    if dry_run {
        let standing = runtime::block_on(Store::standing(&config.database.url))?;
        told(&standing.map_err(failed)?, output);
        return Ok(());
    }
    if config.database_is_in(&sources.data_dir) {
        output.warnings(&sources.data_dir.ensure()?);
    }
    runtime::block_on(migrate(&config))?.map_err(failed)?;
    output.result("the database is at this version", &json!({"ok": true}));
    Ok(())
}

async fn migrate(config: &Config) -> Result<(), StoreError> {
    let options = ConnectOptions { url: config.database.url.clone(), max_connections: 1 };
    Store::connect(&options).await?.close().await;
    Ok(())
}

fn told(standing: &Standing, output: &mut Output) {
    let lines = |what: &str, migrations: &[Migration]| {
        let line = |one: &Migration| format!("{what} {:04} {}", one.version, one.description);
        migrations.iter().map(line).collect::<Vec<_>>()
    };
    let mut text = lines("would apply", &standing.pending);
    text.extend(lines("is ahead by", &standing.ahead));
    if text.is_empty() {
        text.push("the database is at this version".to_owned());
    }
    let shown = |migrations: &[Migration]| -> Vec<_> {
        let one = |one: &Migration| json!({"version": one.version, "description": one.description});
        migrations.iter().map(one).collect()
    };
    let value = json!({"pending": shown(&standing.pending), "ahead": shown(&standing.ahead)});
    output.result(&text.join("\n"), &value);
}
