//! The audit log of a gateway under test: whole and without secrets whatever the test did.

use portcullis_base::seal::MasterKeys;
use portcullis_gateway::config::Loaded;
use portcullis_revocation::vault::own_key;
use portcullis_store::audit::AuditKey;
use portcullis_store::audit::verify::Verifier;
use portcullis_store::{ConnectOptions, Store, StoreError};
use serde_json::Value;

use super::{ADMIN, REPORTING};

/// What every token of these tests holds, or is; a JWT begins with `{"` in base64url.
const SECRETS: [&str; 5] = ["gitpod_pat_", "glpat-", "eyJ", ADMIN, REPORTING];

pub(crate) struct Log {
    options: ConnectOptions,
    master: MasterKeys,
}

impl Log {
    pub(crate) fn of(loaded: &Loaded) -> Self {
        let url = loaded.config.database.url.clone();
        let options = ConnectOptions { url, max_connections: 1 };
        Self { options, master: loaded.master_key.clone() }
    }

    /// Every entry, in the order of the chains.
    pub(crate) async fn entries(&self) -> Result<Vec<Value>, StoreError> {
        let store = Store::connect_to_read(&self.options).await?;
        let mut entries = Vec::new();
        for chain in store.audit_chains(0, 1000).await? {
            let rows = store.audit_entries(&chain.chain, -1, 100_000).await?;
            entries.extend(rows.iter().map(|row| serde_json::from_str(&row.entry).unwrap()));
        }
        store.close().await;
        Ok(entries)
    }

    /// Nothing to say where the database is gone with its test.
    pub(crate) async fn assert_whole_and_clean(&self) {
        let Ok(entries) = self.entries().await else { return };
        let text = serde_json::to_string(&entries).unwrap();
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} is in the audit log: {text}");
        }
        let store = Store::connect_to_read(&self.options).await.unwrap();
        let key = own_key(&store, &self.master, "audit", &portcullis_base::SystemRandomness).await;
        let (key, mut defects) = (AuditKey::new(&key.unwrap()), Vec::new());
        let mut tell = |defect| defects.push(defect);
        let mut verifier = Verifier::new(&key, &[], &mut tell);
        store.verify_audit(&mut verifier, &|_| ()).await.unwrap();
        verifier.finish();
        store.close().await;
        assert_eq!(defects, []);
    }
}
