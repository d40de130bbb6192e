//! `portcullis secrets rotate-master-key`

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::fault::{Point, point};
use portcullis_base::seal::{MasterKey, MasterKeys};
use portcullis_base::{Clock, Randomness, SystemClock};
use portcullis_revocation::vault::{self, Rotation, Vault};
use portcullis_store::Store;
use serde_json::{Map, Value, json};

use super::output::Output;
use super::runtime;
use crate::audit;
use crate::compose::{of_vault, open_store};
use crate::config::{self, Config, Sources};
use crate::data_dir::{Opened, SecretName};
use crate::error::StartError;
use crate::serve::FOLLOW_MASTER_KEY;

/// Until every replica that works has heard of the new key, also one that was busy when it was to look.
const HEARD: Duration = FOLLOW_MASTER_KEY.saturating_mul(3);

/// Puts a new master key in the place of the present one: the configuration's, where it has one, and else a
/// fresh one in the data directory's secrets file.
pub(super) fn rotate(
    sources: &Sources,
    random: &dyn Randomness,
    output: &mut Output,
) -> Result<(), StartError> {
    let reading = config::read(sources);
    output.warnings(&reading.warnings);
    let config = reading.config.map_err(StartError::Config)?;
    let rotation = runtime::block_on(async {
        match &config.secrets.master_key {
            Some(key) => to_configured(&config, key, random).await,
            None => to_fresh(&config, sources, random).await,
        }
    })??;
    let kept = config.secrets.master_key.is_none();
    output.result(
        &told(&rotation, kept),
        &json!({
            "ok": true,
            "version": rotation.version,
            "wrapped": rotation.wrapped,
            "sealed": rotation.sealed,
            "lost": rotation.lost,
        }),
    );
    Ok(())
}

/// The operator has made the key, and has told it to all who need it.
async fn to_configured(
    config: &Config,
    key: &MasterKey,
    random: &dyn Randomness,
) -> Result<Rotation, StartError> {
    let previous = config.secrets.previous_master_keys.clone();
    if previous.is_empty() {
        let text = "the master key is in the configuration: put the new one there, the old one into \
                    secrets.previous_master_keys, and run this again";
        return Err(StartError::new("no-new-key", text));
    }
    let store = open_store(config).await?;
    let keys = MasterKeys::new(key.clone(), previous);
    let rotation = change(&store, &keys, HEARD, random).await;
    store.close().await;
    rotation
}

/// At each moment the secrets file has every key that the database hangs on, so that a start succeeds
/// wherever this was cut off.
async fn to_fresh(
    config: &Config,
    sources: &Sources,
    random: &dyn Randomness,
) -> Result<Rotation, StartError> {
    read(sources)?;
    let store = open_store(config).await?;
    let rotation = with_file(&store, sources, random).await;
    store.close().await;
    rotation
}

/// Under the lock of the database, so that no other of our kind writes the file.
async fn with_file(
    store: &Store,
    sources: &Sources,
    random: &dyn Randomness,
) -> Result<Rotation, StartError> {
    let of_file = |error| sources.data_dir.secrets_error(error);
    let secrets = read(sources)?.secrets;
    let kept = secrets.master_key().map_err(of_file)?;
    // Begun before, and cut off.
    let keys = if let Some(previous) = secrets.previous() {
        MasterKeys::new(kept, vec![previous])
    } else {
        // A key that is not this database's is no reason to write anything.
        Vault::open(store, &kept, random).await.map_err(of_vault)?;
        let fresh = MasterKey::generate(random);
        sources.data_dir.change_master_key(secrets, &fresh, Some(kept.clone()), random)?;
        point(Point::MasterKeyMade);
        MasterKeys::new(fresh, vec![kept])
    };
    let rotation = change(store, &keys, Duration::ZERO, random).await?;
    let secrets = read(sources)?.secrets;
    sources.data_dir.change_master_key(secrets, &keys.all()[0], None, random)?;
    Ok(rotation)
}

/// A chain of the audit log is begun before anything is changed, and says in the end what came of it.
async fn change(
    store: &Store,
    keys: &MasterKeys,
    heard: Duration,
    random: &dyn Randomness,
) -> Result<Rotation, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let begun = audit::begin(store, keys, random, &clock, "secrets rotate-master-key").await;
    begun.map_err(of_vault)?;
    let rotation = vault::rotate(store, keys, heard, random).await;
    let outcome = if rotation.is_ok() { "done" } else { "failed" };
    let mut members = Map::from_iter([("outcome".to_owned(), outcome.into())]);
    if let Ok(Rotation { version, wrapped, sealed, lost }) = &rotation {
        let touched: Value =
            json!({ "version": version, "wrapped": wrapped, "sealed": sealed, "lost": lost });
        members.insert("touched".to_owned(), touched);
    }
    let told = audit::record_and_close(store, clock.as_ref(), "master_key.change", members).await;
    let rotation = rotation.map_err(of_vault)?;
    told.map_err(|error| StartError::new("audit-log", error))?;
    Ok(rotation)
}

fn read(sources: &Sources) -> Result<Opened, StartError> {
    sources.data_dir.read()?.ok_or_else(|| {
        let path = sources.data_dir.secrets_path();
        let name = SecretName::MasterKey;
        StartError::new(
            "no-secrets",
            format!("{}: there is no {name} to change yet", path.display()),
        )
    })
}

fn told(rotation: &Rotation, kept: bool) -> String {
    let Rotation { wrapped, sealed, lost, .. } = rotation;
    let changed = format!(
        "the master key is changed: {wrapped} key(s) wrapped and {sealed} waiting secret(s) sealed anew\n"
    );
    let lost = match lost {
        0 => String::new(),
        lost => format!("{lost} waiting secret(s) open under none of the keys, as before\n"),
    };
    let next = if kept {
        "keep a copy of the new one: portcullis secrets show master_key\n"
    } else {
        "take secrets.previous_master_keys out of every replica's configuration, and restart it\n"
    };
    changed
        + &lost
        + next
        + "the old one opens backups of before, and nothing else any more: keep it with them"
}
