//! `portcullis audit verify`, `head` and `export`

mod export;
mod line;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use portcullis_base::seal::{MasterKey, MasterKeys};
use portcullis_base::secret::ExposeSecret as _;
use portcullis_base::{Clock as _, SystemClock};
use portcullis_store::audit::AuditKey;
use portcullis_store::{ConnectOptions, Store};
use serde_json::json;

use super::output::Output;
use super::{runtime, secrets};
use crate::audit::head::Heads;
use crate::audit::key;
use crate::cli::AuditCommand;
use crate::compose::of_vault;
use crate::config::{self, Environment, Sources};
use crate::data_dir::SecretName;
use crate::error::StartError;

/// The log of a database, opened to be read beside whoever writes it.
struct Opened {
    store: Store,
    key: AuditKey,
}

/// Runs one of them.
pub(super) fn run(
    command: &AuditCommand,
    environment: &Environment,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let (AuditCommand::Verify { sources, .. }
    | AuditCommand::Head { sources, .. }
    | AuditCommand::Export { sources, .. }) = command;
    let sources = sources.sources(environment);
    runtime::block_on(async {
        let opened = open(&sources, output).await?;
        let done = match command {
            AuditCommand::Verify { head, file: None, .. } => {
                verify::database(&opened, head, output).await
            }
            AuditCommand::Verify { head, file: Some(file), .. } => {
                verify::file(&opened.key, head, file, output)
            }
            AuditCommand::Head { out, .. } => head(&opened, out.as_deref(), output).await,
            AuditCommand::Export { since, until, .. } => {
                export::run(&opened, since.as_ref(), until.as_ref()).await
            }
        };
        opened.store.close().await;
        done
    })?
}

async fn open(sources: &Sources, output: &mut Output) -> Result<Opened, StartError> {
    let reading = config::read(sources);
    output.warnings(&reading.warnings);
    let config = reading.config.map_err(StartError::Config)?;
    let master = secrets::find(SecretName::MasterKey, &config, sources, output)?;
    let master = MasterKey::from_base64url(master.expose_secret())
        .map_err(|error| StartError::new("master-key", error))?;
    // While the master key is changed, any of them may have wrapped the log's.
    let mut previous = config.secrets.previous_master_keys.clone();
    if config.secrets.master_key.is_none() {
        previous.extend(sources.data_dir.read()?.and_then(|kept| kept.secrets.previous()));
    }
    let master = MasterKeys::new(master, previous);
    let options = ConnectOptions { url: config.database.url.clone(), max_connections: 2 };
    let store =
        Store::connect_to_read(&options).await.map_err(|error| StartError::of_store(&error))?;
    let key = key(&store, &master).await.map_err(of_vault)?.ok_or_else(|| {
        StartError::new("no-audit-log", "nothing has written an audit log into this database yet")
    })?;
    Ok(Opened { store, key })
}

fn of_file(path: &Path, error: &dyn std::fmt::Display) -> StartError {
    StartError::new("file", format!("{}: {error}", path.display()))
}

async fn head(
    opened: &Opened,
    out: Option<&Path>,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let heads = Heads::of(&opened.store, &opened.key, SystemClock.now_ms()).await;
    let heads = heads.map_err(|error| StartError::of_store(&error))?;
    let text = json!(heads).to_string() + "\n";
    let Some(out) = out else {
        output.bytes(text.as_bytes());
        return Ok(ExitCode::SUCCESS);
    };
    // An older head says more: it is never written over.
    let made = std::fs::File::create_new(out);
    let written = made.and_then(|mut file| {
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| of_file(out, &error))?;
    let said = format!("the ends of {} chain(s) are in {}", heads.len(), out.display());
    output.result(&said, &json!({ "chains": heads.len(), "file": out.display().to_string() }));
    Ok(ExitCode::SUCCESS)
}
