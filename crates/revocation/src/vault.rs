//! Keys and seals: what the database may hold because only the master key opens it.

mod in_force;
mod rotate;

use std::sync::Arc;

use arc_swap::ArcSwap;
use portcullis_base::Randomness;
use portcullis_base::seal::{MasterKey, MasterKeys, SealError, SealingKey};
use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};
use portcullis_store::{Fingerprint, Store, StoreError};
use thiserror::Error;

use crate::identity::Fingerprinter;
use in_force::InForce;

pub use rotate::{Rotation, rotate};

const FINGERPRINT: &str = "fingerprint";

/// Why the vault stays closed.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The database was set up with another master key, or has been given another.
    #[error(
        "the master key is not the one that this database was set up with, or was last changed to"
    )]
    WrongMasterKey,
    /// Of two master keys that the database hangs on while one takes the other's place, the new one is not
    /// there.
    #[error(
        "the master key of this database is being changed: the new one must be secrets.master_key, \
         and the old one among secrets.previous_master_keys"
    )]
    NewKeyMissing,
    /// The same, and the old one is not there.
    #[error(
        "the change to this master key is not finished: the one before must be among \
         secrets.previous_master_keys until `portcullis secrets rotate-master-key` has come to its end"
    )]
    OldKeyMissing,
    /// Somebody went on sealing by the old key.
    #[error(
        "a replica still seals by the old master key: give every replica both keys, restart it, and \
         run this again"
    )]
    OldKeyInUse,
    /// A key of ours that none of the master keys opens.
    #[error("the key {0:?} in the database opens under none of the master keys that are given")]
    Foreign(String),
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
    keys: Arc<MasterKeys>,
    /// One for each master key.
    opening: Arc<[SealingKey]>,
    sealing: Arc<ArcSwap<Sealing>>,
}

/// What seals now.
#[derive(Debug)]
struct Sealing {
    key: SealingKey,
    version: i32,
    /// The numbers of all master keys that the database hangs on; each is one of ours.
    known: Vec<i32>,
}

/// A sealed secret.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The secret, for its row alone.
    pub bytes: Vec<u8>,
    /// The number of the master key that sealed it, for the same row.
    pub key_version: i32,
}

/// Why a seal stays closed.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// It was made by a master key that is not here.
    #[error("the seal was made by a master key that is not configured here")]
    OtherMasterKey,
    /// It does not open, and will never.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Vault {
    /// Opens the vault of this database. A fresh database takes the current master key as its own; one that
    /// hangs on a key that is not given refuses.
    pub async fn open(
        store: &Store,
        keys: impl Into<MasterKeys>,
        random: &dyn Randomness,
    ) -> Result<Self, VaultError> {
        let keys = keys.into();
        let now = InForce::of(store, &keys, random).await?;
        let key = own_key(store, &keys, FINGERPRINT, random).await?;
        let opening = sealing_keys(&keys)?;
        Ok(Self {
            fingerprinter: Fingerprinter::new(&key),
            sealing: Arc::new(ArcSwap::from_pointee(Sealing::by(&now, &opening))),
            opening: opening.into(),
            keys: Arc::new(keys),
        })
    }

    /// The identity of a secret.
    pub fn fingerprint(&self, secret: &SecretString) -> Fingerprint {
        self.fingerprinter.of(secret)
    }

    /// The number of the master key that seals now, for rows without a seal.
    pub fn key_version(&self) -> i32 {
        self.sealing.load().version
    }

    /// Seals a secret for its row: bound to the key's number and the fingerprint, never to a row number.
    pub fn seal(
        &self,
        fingerprint: &Fingerprint,
        secret: &SecretString,
        random: &dyn Randomness,
    ) -> Result<Sealed, SealError> {
        // Loaded once: the key and its number must be of one moment.
        let sealing = self.sealing.load();
        let bytes = secret.expose_secret().as_bytes();
        let bytes = sealing.key.seal(&associated(sealing.version, fingerprint), bytes, random)?;
        Ok(Sealed { bytes, key_version: sealing.version })
    }

    /// Opens what was sealed for this row. Every master key is tried: another replica may have moved on to
    /// one before we heard of its number.
    pub fn open_seal(
        &self,
        fingerprint: &Fingerprint,
        key_version: i32,
        sealed: &[u8],
    ) -> Result<SecretString, OpenError> {
        let opened = open(&self.opening, fingerprint, key_version, sealed)?;
        let Some(bytes) = opened else {
            let ours = self.sealing.load().known.contains(&key_version);
            return Err(if ours {
                SealError::DoesNotOpen.into()
            } else {
                OpenError::OtherMasterKey
            });
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| SealError::DoesNotOpen)?;
        Ok(SecretString::from(text))
    }

    /// Seals by the newest master key of the database from now on. Replicas do so while the key is changed;
    /// an error says which key is missing here, and leaves all as it was.
    pub async fn follow(&self, store: &Store, random: &dyn Randomness) -> Result<(), VaultError> {
        let now = InForce::of(store, &self.keys, random).await?;
        let sealing = self.sealing.load();
        if now.version != sealing.version || now.known != sealing.known {
            self.sealing.store(Arc::new(Sealing::by(&now, &self.opening)));
        }
        Ok(())
    }
}

impl Sealing {
    fn by(now: &InForce, keys: &[SealingKey]) -> Self {
        Self { key: keys[now.at].clone(), version: now.version, known: now.known.clone() }
    }
}

/// A random key of this installation, made once and kept in the database wrapped by the master key:
/// every replica gets the same.
pub async fn own_key(
    store: &Store,
    keys: impl Into<MasterKeys>,
    name: &str,
    random: &dyn Randomness,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let keys = keys.into();
    let wrapped = if let Some(wrapped) = store.key(name).await? {
        wrapped
    } else {
        let now = InForce::of(store, &keys, random).await?;
        let mut fresh = Zeroizing::new([0; 32]);
        random.fill(fresh.as_mut_slice());
        let wrapped = keys.all()[now.at].wrap(name, fresh.as_slice(), random)?;
        store.keep_key(name, &wrapped).await?
    };
    unwrapped(&keys, name, &wrapped)
}

/// The same where it was made before; makes nothing.
pub async fn kept_key(
    store: &Store,
    keys: impl Into<MasterKeys>,
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let Some(wrapped) = store.key(name).await? else { return Ok(None) };
    unwrapped(&keys.into(), name, &wrapped).map(Some)
}

fn unwrapped(
    keys: &MasterKeys,
    name: &str,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let found = keys.unwrap(name, wrapped)?;
    found.map(|(_, key)| key).ok_or_else(|| VaultError::Foreign(name.to_owned()))
}

/// What each of them seals with, in their order.
fn sealing_keys(keys: &MasterKeys) -> Result<Vec<SealingKey>, SealError> {
    keys.all().iter().map(MasterKey::sealing_key).collect()
}

/// What one of the keys sealed; `None` where none of them did.
fn open(
    keys: &[SealingKey],
    fingerprint: &Fingerprint,
    key_version: i32,
    sealed: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>, SealError> {
    let associated = associated(key_version, fingerprint);
    for key in keys {
        match key.open(&associated, sealed) {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(SealError::DoesNotOpen) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn associated(key_version: i32, fingerprint: &Fingerprint) -> [u8; 36] {
    let mut bytes = [0; 36];
    bytes[..4].copy_from_slice(&key_version.to_be_bytes());
    bytes[4..].copy_from_slice(fingerprint);
    bytes
}
