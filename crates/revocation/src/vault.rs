//! Keys and seals: what the database may hold because only the master key opens it.

use portcullis_base::Randomness;
use portcullis_base::seal::{MasterKey, SealError, SealingKey};
use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};
use portcullis_store::{Fingerprint, Store, StoreError};
use thiserror::Error;

use crate::identity::Fingerprinter;

const CHECK: &str = "master-key-check";
const FINGERPRINT: &str = "fingerprint";

/// The master key's number, which every seal carries; a later rotation counts it up.
const KEY_VERSION: i32 = 1;

/// Why the vault stays closed.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The database was set up with another master key.
    #[error("the master key is not the one that this database was set up with")]
    WrongMasterKey,
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cryptographic library refused.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Seals secrets, opens them, and gives them their fingerprints.
#[derive(Debug, Clone)]
pub struct Vault {
    fingerprinter: Fingerprinter,
    sealing: SealingKey,
}

impl Vault {
    /// Opens the vault of this database. A fresh database takes the master key as its own; one that
    /// was set up with another refuses.
    pub async fn open(
        store: &Store,
        master: &MasterKey,
        random: &dyn Randomness,
    ) -> Result<Self, VaultError> {
        own_key(store, master, CHECK, random).await?;
        let key = own_key(store, master, FINGERPRINT, random).await?;
        Ok(Self { fingerprinter: Fingerprinter::new(&key), sealing: master.sealing_key()? })
    }

    /// The identity of a secret.
    pub fn fingerprint(&self, secret: &SecretString) -> Fingerprint {
        self.fingerprinter.of(secret)
    }

    /// The version of the master key that [`Self::seal`] uses.
    pub fn key_version(&self) -> i32 {
        KEY_VERSION
    }

    /// Seals a secret for its row: bound to the key's version and the fingerprint, never to a row
    /// number.
    pub fn seal(
        &self,
        fingerprint: &Fingerprint,
        secret: &SecretString,
        random: &dyn Randomness,
    ) -> Result<Vec<u8>, SealError> {
        let bytes = secret.expose_secret().as_bytes();
        self.sealing.seal(&associated(KEY_VERSION, fingerprint), bytes, random)
    }

    /// Opens what was sealed for this row.
    pub fn open_seal(
        &self,
        fingerprint: &Fingerprint,
        key_version: i32,
        sealed: &[u8],
    ) -> Result<SecretString, SealError> {
        let bytes = self.sealing.open(&associated(key_version, fingerprint), sealed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| SealError::DoesNotOpen)?;
        Ok(SecretString::from(text))
    }
}

/// A random key of this installation, made once and kept in the database wrapped by the master key:
/// every replica gets the same.
pub async fn own_key(
    store: &Store,
    master: &MasterKey,
    name: &str,
    random: &dyn Randomness,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let wrapped = if let Some(wrapped) = store.key(name).await? {
        wrapped
    } else {
        let mut fresh = Zeroizing::new([0; 32]);
        random.fill(fresh.as_mut_slice());
        store.keep_key(name, &master.wrap(name, fresh.as_slice(), random)?).await?
    };
    master.unwrap(name, &wrapped).map_err(|error| match error {
        SealError::DoesNotOpen => VaultError::WrongMasterKey,
        error => error.into(),
    })
}

/// The same where it was made before; makes nothing.
pub async fn kept_key(
    store: &Store,
    master: &MasterKey,
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let Some(wrapped) = store.key(name).await? else { return Ok(None) };
    master.unwrap(name, &wrapped).map(Some).map_err(|error| match error {
        SealError::DoesNotOpen => VaultError::WrongMasterKey,
        error => error.into(),
    })
}

fn associated(key_version: i32, fingerprint: &Fingerprint) -> [u8; 36] {
    let mut bytes = [0; 36];
    bytes[..4].copy_from_slice(&key_version.to_be_bytes());
    bytes[4..].copy_from_slice(fingerprint);
    bytes
}
