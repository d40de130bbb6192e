//! Which master keys a database hangs on: those whose check values it holds.
//!
//! There is one, and two while one takes the other's place. Whoever opens the database must have them all: so
//! nobody who knows only one of two seals what others cannot open, or meets what he cannot open himself.

use portcullis_base::Randomness;
use portcullis_base::seal::MasterKeys;
use portcullis_base::secret::Zeroizing;
use portcullis_store::Store;

use super::VaultError;

/// The check value of the first master key; that of the nth has `/n` behind it.
const CHECK: &str = "master-key-check";

/// The master keys of a database, each known to be one of those that are given.
pub(super) struct InForce {
    /// The number of the newest, which seals.
    pub(super) version: i32,
    /// Its place in [`MasterKeys::all`].
    pub(super) at: usize,
    /// The numbers of all.
    pub(super) known: Vec<i32>,
}

/// A check value as the database holds it.
pub(super) struct Check {
    pub(super) version: i32,
    pub(super) name: String,
    pub(super) wrapped: Vec<u8>,
}

impl InForce {
    /// A database without any takes the current master key.
    pub(super) async fn of(
        store: &Store,
        keys: &MasterKeys,
        random: &dyn Randomness,
    ) -> Result<Self, VaultError> {
        let mut checks = checks(store).await?;
        if checks.is_empty() {
            keep(store, keys, 1, random).await?;
            checks = self::checks(store).await?;
        }
        let mut places = Vec::with_capacity(checks.len());
        for check in &checks {
            let found = keys.unwrap(&check.name, &check.wrapped)?;
            places.push((check.version, found.map(|(at, _)| at)));
        }
        match places.as_slice() {
            [.., (version, Some(at))] if places.iter().all(|(_, at)| at.is_some()) => {
                let known = places.iter().map(|(version, _)| *version).collect();
                Ok(Self { version: *version, at: *at, known })
            }
            [.., (_, Some(_))] => Err(VaultError::OldKeyMissing),
            _ if places.iter().any(|(_, at)| at.is_some()) => Err(VaultError::NewKeyMissing),
            _ => Err(VaultError::WrongMasterKey),
        }
    }
}

/// All check values, the oldest first.
pub(super) async fn checks(store: &Store) -> Result<Vec<Check>, VaultError> {
    let all = store.keys().await?.into_iter();
    let check = |(name, wrapped): (String, Vec<u8>)| {
        version_of(&name).map(|version| Check { version, name, wrapped })
    };
    let mut checks: Vec<Check> = all.filter_map(check).collect();
    checks.sort_unstable_by_key(|check| check.version);
    Ok(checks)
}

/// Makes the current master key that of this number, unless another replica was faster with another.
pub(super) async fn keep(
    store: &Store,
    keys: &MasterKeys,
    version: i32,
    random: &dyn Randomness,
) -> Result<(), VaultError> {
    let mut fresh = Zeroizing::new([0; 32]);
    random.fill(fresh.as_mut_slice());
    let name = name_of(version);
    let wrapped = keys.all()[0].wrap(&name, fresh.as_slice(), random)?;
    store.keep_key(&name, &wrapped).await?;
    Ok(())
}

/// The number in the name of a check value; `None` for every other key.
pub(super) fn version_of(name: &str) -> Option<i32> {
    match name.strip_prefix(CHECK)? {
        "" => Some(1),
        rest => rest.strip_prefix('/')?.parse().ok().filter(|version| *version > 1),
    }
}

fn name_of(version: i32) -> String {
    if version == 1 { CHECK.to_owned() } else { format!("{CHECK}/{version}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_value_has_its_number_in_its_name() {
        for version in [1, 2, 10, i32::MAX] {
            assert_eq!(version_of(&name_of(version)), Some(version));
        }
        for other in
            ["fingerprint", "master-key-check/1", "master-key-check/x", "master-key-checks"]
        {
            assert_eq!(version_of(other), None, "{other}");
        }
    }
}
