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
use portcullis_store::audit::{AuditKey, Batch, CLOSE, Told};
use portcullis_store::{Store, StoreError};
use serde_json::{Map, Value};

pub(crate) use handlers::routes;
pub use log::Log;
pub(crate) use log::{Standing, Watched};

/// The name under which the key of the log is kept.
const KEY: &str = "audit";

/// Begins this process's chain in the log of this database. `what` says who begins: a command's name.
pub async fn begin(
    store: &Store,
    master: &MasterKeys,
    random: &dyn Randomness,
    clock: &Arc<dyn Clock>,
    what: &str,
) -> Result<AuditKey, VaultError> {
    let key = AuditKey::new(&own_key(store, master, KEY, random).await?);
    let about = Map::from_iter([
        ("command".to_owned(), Value::from(what)),
        ("version".to_owned(), Value::from(env!("CARGO_PKG_VERSION"))),
        ("process".to_owned(), Value::from(std::process::id())),
    ]);
    store.begin_chain(key.clone(), random.uuid_v4(), Arc::clone(clock), &about).await?;
    Ok(key)
}

/// The one event of a command that changes the database without a gateway, and the end of its chain.
pub(crate) async fn record_and_close(
    store: &Store,
    clock: &dyn Clock,
    event: &str,
    mut members: Map<String, Value>,
) -> Result<(), StoreError> {
    members.insert("by".to_owned(), serde_json::json!({ "method": "command_line" }));
    store.record(&mut Batch::new(vec![Told::new(clock.now_ms(), event, &members)])).await?;
    store.witness(CLOSE).await
}

/// The key of the log, where there is a log.
pub(crate) async fn key(
    store: &Store,
    master: &MasterKeys,
) -> Result<Option<AuditKey>, VaultError> {
    Ok(kept_key(store, master, KEY).await?.map(|key| AuditKey::new(&key)))
}
