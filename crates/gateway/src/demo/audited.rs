//! What was done can be said afterwards, and proven.

use futures_util::FutureExt as _;
use portcullis_base::seal::{MasterKey, MasterKeys};
use portcullis_base::secret::ExposeSecret as _;
use portcullis_store::audit::verify::{Fault, Verifier};
use portcullis_store::{ConnectOptions, Store};

use super::walk::{Chapter, Line, Mismatch, Step, equal};
use super::world::World;
use crate::audit::head::Heads;
use crate::audit::key;
use crate::data_dir::SecretName;

pub(super) fn chapter() -> Chapter<World> {
    let steps = vec![Step::new("audit", |world, line| audit(world, line).boxed_local())];
    Chapter { title: "What was done, said afterwards", steps }
}

async fn audit(world: &mut World, line: &mut Line) -> Result<(), Mismatch> {
    line.sent("GET /v1/audit/head; the log is read beside the gateway and proven against it");
    let head = world.api()?.audit_head().await?.with_status(200)?.text;
    let failed = |error: &dyn std::fmt::Display| Mismatch::new("an audit log", error);
    let master = world.secret(SecretName::MasterKey).map_err(|error| failed(&error))?;
    let master = MasterKey::from_base64url(master.expose_secret()).map_err(|e| failed(&e))?;
    let url = format!("sqlite://{}", world.data_dir.path().join("portcullis.db").display());
    let options = ConnectOptions { url: url.into(), max_connections: 2 };
    let store = Store::connect_to_read(&options).await.map_err(|error| failed(&error))?;
    let key = key(&store, &MasterKeys::new(master, Vec::new())).await.map_err(|e| failed(&e))?;
    let key = key.ok_or_else(|| Mismatch::new("an audit log", "none"))?;
    let heads = Heads::open(&key, head.as_bytes()).map_err(|error| failed(&error))?;
    let mut faults: Vec<Fault> = Vec::new();
    let mut tell = |defect: portcullis_store::audit::verify::Defect| faults.push(defect.fault);
    let mut verifier = Verifier::new(&key, &heads, &mut tell);
    let read = store.verify_audit(&mut verifier, &|_| ()).await;
    read.map_err(|error| failed(&error))?;
    let entries = verifier.entries;
    let chains = verifier.finish().len();
    store.close().await;
    equal("defects of the log:", faults.len(), 0)?;
    // One of the gateway that was stopped, one of that which runs.
    equal("chains:", chains, 2)?;
    line.came(format!("whole: {entries} entries in {chains} chains, each bound to its place"));
    Ok(())
}
