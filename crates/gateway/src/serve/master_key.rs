//! Replicas that work while the master key is changed.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::Randomness;
use portcullis_revocation::vault::{Vault, VaultError};
use portcullis_store::Store;
use tokio::task::JoinHandle;

/// How often it is looked for another master key that seals.
pub(crate) const FOLLOW_MASTER_KEY: Duration = Duration::from_secs(2);

/// Seals by the newest master key, as soon as the command has made it that. On SQLite nobody changes it while
/// we run: the command needs the database for itself.
pub(super) fn follow(
    store: &Store,
    vault: &Vault,
    random: &Arc<dyn Randomness>,
) -> Option<JoinHandle<()>> {
    let (store, vault, random) = (store.clone(), vault.clone(), Arc::clone(random));
    store.is_shared().then(|| {
        tokio::spawn(async move {
            let mut told = false;
            loop {
                tokio::time::sleep(FOLLOW_MASTER_KEY).await;
                match vault.follow(&store, random.as_ref()).await {
                    // The next question will be answered, or everything else says that none is.
                    Ok(()) | Err(VaultError::Store(_)) => told = false,
                    Err(error) if !told => {
                        tracing::error!(error = %error, "the master key of the database was changed");
                        told = true;
                    }
                    Err(_) => {}
                }
            }
        })
    })
}
