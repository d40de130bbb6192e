//! Another master key in the place of the present one.
//!
//! Every step is a statement that may be the last one for a while: what is there after it opens under the
//! keys that are still asked for, and the next run goes on from there.

use std::time::Duration;

use portcullis_base::Randomness;
use portcullis_base::fault::{Point, point};
use portcullis_base::seal::{MasterKeys, SealingKey};
use portcullis_store::seals::{Reseal, Seal};
use portcullis_store::{Fingerprint, Store, StoreError};

use super::in_force::{self, InForce, checks, version_of};
use super::{VaultError, associated, open, sealing_keys};

/// Seals in one statement.
const AT_ONCE: u32 = 200;
/// How often a statement is tried that stands in another's way.
const TRIES: u32 = 5;
/// How often all is looked through for what somebody still does with the old key.
const PASSES: u32 = 50;
/// Between two of these.
const PAUSE: Duration = Duration::from_millis(50);

/// What a change of the master key came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The number of the master key that the database hangs on now.
    pub version: i32,
    /// Keys of ours that were wrapped anew.
    pub wrapped: u64,
    /// Waiting secrets that were sealed anew.
    pub sealed: u64,
    /// Seals that none of the keys opens: they were lost before.
    pub lost: u64,
}

/// Makes the first of `keys` the master key of the database: afterwards no other opens anything in it. The
/// others must hold the one that it hangs on now.
///
/// Replicas that have all these keys may work meanwhile; `heard` is how long they take to hear that the new
/// one seals. It may be called again at any time, also after it was cut off.
pub async fn rotate(
    store: &Store,
    keys: &MasterKeys,
    heard: Duration,
    random: &dyn Randomness,
) -> Result<Rotation, VaultError> {
    let version = begin(store, keys, random).await?;
    let turn = Turn { store, keys, version, random, sealing: sealing_keys(keys)? };
    let mut sum = Rotation { version, ..Rotation::default() };
    if checks(store).await?.len() > 1 {
        tokio::time::sleep(heard).await;
    }
    // Until there is nothing left: who had not heard yet went on with the old one.
    let mut passes = 0;
    loop {
        let wrapped = turn.wrap().await?;
        let (sealed, lost) = turn.seal().await?;
        (sum.wrapped, sum.sealed, sum.lost) = (sum.wrapped + wrapped, sum.sealed + sealed, lost);
        if wrapped + sealed == 0 {
            break;
        }
        passes += 1;
        if passes == PASSES {
            return Err(VaultError::OldKeyInUse);
        }
    }
    for check in checks(store).await?.into_iter().filter(|check| check.version < version) {
        store.forget_key(&check.name, &check.wrapped).await?;
    }
    point(Point::MasterKeyRetired);
    Ok(sum)
}

/// The number of the current key, which from now on is the newest that the database hangs on.
async fn begin(
    store: &Store,
    keys: &MasterKeys,
    random: &dyn Randomness,
) -> Result<i32, VaultError> {
    let before = InForce::of(store, keys, random).await?;
    if before.at == 0 {
        return Ok(before.version);
    }
    // The current key stands behind a newer one: two changes would undo each other.
    for check in checks(store).await? {
        if matches!(keys.unwrap(&check.name, &check.wrapped)?, Some((0, _))) {
            return Err(VaultError::NewKeyMissing);
        }
    }
    in_force::keep(store, keys, before.version + 1, random).await?;
    let now = InForce::of(store, keys, random).await?;
    if now.at == 0 { Ok(now.version) } else { Err(VaultError::NewKeyMissing) }
}

struct Turn<'t> {
    store: &'t Store,
    keys: &'t MasterKeys,
    version: i32,
    random: &'t dyn Randomness,
    /// The current one first.
    sealing: Vec<SealingKey>,
}

impl Turn<'_> {
    /// Wraps our keys anew; how many.
    async fn wrap(&self) -> Result<u64, VaultError> {
        let mut wrapped = 0;
        for (name, old) in self.store.keys().await? {
            if version_of(&name).is_some() {
                continue;
            }
            let key = match self.keys.unwrap(&name, &old)? {
                Some((0, _)) => continue,
                Some((_, key)) => key,
                None => return Err(VaultError::Foreign(name)),
            };
            let new = self.keys.all()[0].wrap(&name, &key, self.random)?;
            wrapped += u64::from(self.store.replace_key(&name, &old, &new).await?);
            point(Point::KeyRewrapped);
        }
        Ok(wrapped)
    }

    /// Seals anew what waits under other keys: how many, and how many open under none.
    async fn seal(&self) -> Result<(u64, u64), VaultError> {
        let (mut sealed, mut lost) = (0, 0);
        let mut after: Option<Fingerprint> = None;
        loop {
            let found = self.store.seals_of_others(self.version, after.as_ref(), AT_ONCE).await?;
            let Some(last) = found.last() else { return Ok((sealed, lost)) };
            after = Some(last.fingerprint);
            let mut seals = Vec::with_capacity(found.len());
            for seal in found {
                match self.again(seal)? {
                    Some(seal) => seals.push(seal),
                    None => lost += 1,
                }
            }
            sealed += self.replace(&seals).await?;
            point(Point::Resealed);
        }
    }

    fn again(&self, seal: Seal) -> Result<Option<Reseal>, VaultError> {
        let Seal { fingerprint, key_version, sealed } = seal;
        let Some(secret) = open(&self.sealing, &fingerprint, key_version, &sealed)? else {
            return Ok(None);
        };
        let place = associated(self.version, &fingerprint);
        let new = self.sealing[0].seal(&place, &secret, self.random)?;
        Ok(Some(Reseal { fingerprint, old: sealed, new }))
    }

    async fn replace(&self, seals: &[Reseal]) -> Result<u64, StoreError> {
        let mut tries = 1;
        loop {
            match self.store.reseal(seals, self.version).await {
                Err(error) if error.is_unavailable() && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                result => return result,
            }
        }
    }
}
