//! The audit log: who writes into it, and what is read of it.

mod entry;
mod handlers;
pub(crate) mod head;
mod log;
mod refused;

use std::sync::Arc;

use portcullis_base::seal::MasterKeys;
use portcullis_base::{Clock, Randomness};
use portcullis_revocation::vault::{VaultError, kept_key, own_key};
use portcullis_store::Store;
use portcullis_store::audit::{AuditKey, Batch, CLOSE, Told};
use serde_json::{Map, Value};

pub(crate) use handlers::routes;
pub use log::Log;
pub(crate) use log::Watch;

/// The name under which the key of the log is kept.
const KEY: &str = "audit";

/// Begins this process's chain in the log of this database. `what` says who begins: a command's name.
pub async fn begin(
    store: &Store,
    master: &MasterKeys,
    random: &Arc<dyn Randomness>,
    clock: &Arc<dyn Clock>,
    what: &str,
) -> Result<AuditKey, VaultError> {
    let key = AuditKey::new(&own_key(store, master, KEY, random.as_ref()).await?);
    let about = Map::from_iter([
        ("command".to_owned(), Value::from(what)),
        ("version".to_owned(), Value::from(env!("CARGO_PKG_VERSION"))),
        ("process".to_owned(), Value::from(std::process::id())),
    ]);
    store.begin_chain(key.clone(), random.uuid_v4(), Arc::clone(clock), &about).await?;
    Ok(key)
}

/// For commands that change the database without a gateway: a chain with this one event.
pub async fn record_once(
    store: &Store,
    master: &MasterKeys,
    random: &Arc<dyn Randomness>,
    clock: &Arc<dyn Clock>,
    (command, event): (&str, &str),
    members: &Map<String, Value>,
) -> Result<(), VaultError> {
    begin(store, master, random, clock, command).await?;
    let mut members = members.clone();
    members.insert("by".to_owned(), serde_json::json!({ "method": "command_line" }));
    store.record(&mut Batch::new(vec![Told::new(clock.now_ms(), event, &members)])).await?;
    Ok(store.witness(CLOSE).await?)
}

/// The key of the log, where there is a log.
pub(crate) async fn key(
    store: &Store,
    master: &MasterKeys,
) -> Result<Option<AuditKey>, VaultError> {
    Ok(kept_key(store, master, KEY).await?.map(|key| AuditKey::new(&key)))
}
