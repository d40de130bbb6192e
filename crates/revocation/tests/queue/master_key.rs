//! Another master key in the place of the present one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis_base::SystemRandomness;
use portcullis_base::seal::{MasterKey, MasterKeys};
use portcullis_revocation::catalog::{Catalog, Handling, Mode};
use portcullis_revocation::formats::Format;
use portcullis_revocation::intake::{Intake, Report};
use portcullis_revocation::own::NoOwnTokens;
use portcullis_revocation::vault::{OpenError, Rotation, Vault, VaultError, own_key, rotate};
use portcullis_store::Store;
use portcullis_store::seals::Seal;

use super::support::Database;

on_both_databases![
    a_new_master_key_opens_all_and_the_old_one_nothing,
    while_it_is_changed_both_are_needed,
    who_works_meanwhile_moves_on,
    what_was_sealed_too_late_waits_for_its_key,
];

const PAT_KEY: &str = "pat-signing";
/// More than are sealed anew at a time, and no multiple of it.
const MANY: usize = 450;

fn key() -> MasterKey {
    MasterKey::generate(&SystemRandomness)
}

fn both(new: &MasterKey, old: &MasterKey) -> MasterKeys {
    MasterKeys::new(new.clone(), vec![old.clone()])
}

async fn open(store: &Store, keys: impl Into<MasterKeys>) -> Result<Vault, VaultError> {
    Vault::open(store, keys, &SystemRandomness).await
}

/// Where nobody else is at work.
async fn change(store: &Store, keys: &MasterKeys) -> Result<Rotation, VaultError> {
    rotate(store, keys, Duration::from_millis(50), &SystemRandomness).await
}

/// Takes reports whose secrets are held, each with its seal.
fn intake(store: &Store, vault: &Vault) -> Intake {
    let mut catalog = Catalog::default();
    let format = Format::new("^.*$").unwrap();
    let handling = Handling { provider: "nobody".into(), mode: Mode::Approve, format };
    assert!(catalog.add("any", handling));
    let random = Arc::new(SystemRandomness);
    Intake::new(store.clone(), vault.clone(), catalog, Arc::new(NoOwnTokens), random, 1_000_000)
}

async fn report(intake: &Intake, secrets: impl Iterator<Item = String>) {
    let report =
        |secret: String| Report { token_type: "any".into(), secret: secret.into(), location: None };
    intake.accept("test", secrets.map(report).collect()).await.unwrap();
}

/// Every seal of the database.
async fn seals(store: &Store) -> Vec<Seal> {
    store.seals_of_others(0, None, 100_000).await.unwrap()
}

/// No wrapped key and no seal opens under this master key, whatever number it is given.
async fn assert_opens_nothing(store: &Store, key: &MasterKey) {
    for (name, wrapped) in store.keys().await.unwrap() {
        assert!(key.unwrap(&name, &wrapped).is_err(), "{name}");
    }
    let sealing = key.sealing_key().unwrap();
    for seal in seals(store).await {
        for version in 1..5_i32 {
            let place = [&version.to_be_bytes()[..], &seal.fingerprint].concat();
            assert!(sealing.open(&place, &seal.sealed).is_err());
        }
    }
}

async fn a_new_master_key_opens_all_and_the_old_one_nothing(db: Database) {
    use portcullis_base::secret::ExposeSecret as _;
    let (store, old) = (db.open().await, key());
    let vault = open(&store, &old).await.unwrap();
    let pat_key = own_key(&store, &old, PAT_KEY, &SystemRandomness).await.unwrap();
    report(&intake(&store, &vault), (0..MANY).map(|n| format!("secret {n}"))).await;
    let fingerprint = vault.fingerprint(&"secret 7".into());
    let mut before = old;
    // Twice, so that no number is taken for granted.
    for version in [2, 3] {
        let new = key();
        let rotation = change(&store, &both(&new, &before)).await.unwrap();
        let sealed = u64::try_from(MANY).unwrap();
        assert_eq!(rotation, Rotation { version, wrapped: 2, sealed, lost: 0 });
        assert_opens_nothing(&store, &before).await;
        assert!(matches!(open(&store, &before).await, Err(VaultError::WrongMasterKey)));
        let again = change(&store, &both(&new, &before)).await.unwrap();
        assert_eq!(again, Rotation { version, wrapped: 0, sealed: 0, lost: 0 });
        let vault = open(&store, &new).await.unwrap();
        assert_eq!(vault.fingerprint(&"secret 7".into()), fingerprint);
        let kept = own_key(&store, &new, PAT_KEY, &SystemRandomness).await.unwrap();
        assert_eq!(kept.as_slice(), pat_key.as_slice());
        let all = seals(&store).await;
        assert_eq!(all.len(), MANY);
        for Seal { fingerprint, key_version, sealed } in all {
            assert_eq!(key_version, version);
            let secret = vault.open_seal(&fingerprint, key_version, &sealed).unwrap();
            assert!(secret.expose_secret().starts_with("secret "));
            assert_eq!(vault.fingerprint(&secret), fingerprint);
        }
        before = new;
    }
}

/// As a crash right after the first step leaves it.
async fn while_it_is_changed_both_are_needed(db: Database) {
    let (store, old, new, third) = (db.open().await, key(), key(), key());
    open(&store, &old).await.unwrap();
    let begun = new.wrap("master-key-check/2", &[7; 32], &SystemRandomness).unwrap();
    store.keep_key("master-key-check/2", &begun).await.unwrap();
    assert!(matches!(open(&store, &old).await, Err(VaultError::NewKeyMissing)));
    assert!(matches!(open(&store, &new).await, Err(VaultError::OldKeyMissing)));
    assert!(matches!(open(&store, &third).await, Err(VaultError::WrongMasterKey)));
    for other in [both(&third, &old), both(&old, &new)] {
        let refused = change(&store, &other).await;
        assert!(matches!(refused, Err(VaultError::NewKeyMissing)), "{refused:?}");
    }
    // In whatever order they are given, the newest seals.
    for keys in [both(&new, &old), both(&old, &new)] {
        assert_eq!(open(&store, &keys).await.unwrap().key_version(), 2);
    }
    let rotation = change(&store, &both(&new, &old)).await.unwrap();
    assert_eq!((rotation.version, rotation.wrapped), (2, 1));
    open(&store, &new).await.unwrap();
    assert_opens_nothing(&store, &old).await;
    // A key that is nobody's is no reason to take the old one away.
    let strange = third.wrap("strange", &[7; 32], &SystemRandomness).unwrap();
    store.keep_key("strange", &strange).await.unwrap();
    let refused = change(&store, &both(&key(), &new)).await;
    assert!(matches!(refused, Err(VaultError::Foreign(name)) if name == "strange"));
}

async fn who_works_meanwhile_moves_on(db: Database) {
    let (store, old, new) = (db.open().await, key(), key());
    open(&store, &old).await.unwrap();
    let vault = open(&store, &both(&new, &old)).await.unwrap();
    assert_eq!(vault.key_version(), 1, "nobody has changed it yet");
    let stop = Arc::new(AtomicBool::new(false));
    let replica = tokio::spawn({
        let (store, vault, stop) = (store.clone(), vault.clone(), Arc::clone(&stop));
        async move {
            let intake = intake(&store, &vault);
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                report(&intake, (0..10).map(|n| format!("secret {count} {n}"))).await;
                count += 1;
                if count % 3 == 0 {
                    vault.follow(&store, &SystemRandomness).await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            count * 10
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The replica has heard of it by then, also on a busy machine.
    let heard = Duration::from_secs(2);
    let rotation = rotate(&store, &both(&new, &old), heard, &SystemRandomness).await.unwrap();
    assert!(rotation.sealed > 0, "{rotation:?}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.store(true, Ordering::Relaxed);
    let count: usize = replica.await.unwrap();
    assert_opens_nothing(&store, &old).await;
    let vault = open(&store, &new).await.unwrap();
    let all = seals(&store).await;
    assert_eq!(all.len(), count);
    for Seal { fingerprint, key_version, sealed } in all {
        vault.open_seal(&fingerprint, key_version, &sealed).unwrap();
    }
}

async fn what_was_sealed_too_late_waits_for_its_key(db: Database) {
    let (store, old, new) = (db.open().await, key(), key());
    let late = open(&store, &old).await.unwrap();
    change(&store, &both(&new, &old)).await.unwrap();
    assert!(matches!(
        late.follow(&store, &SystemRandomness).await,
        Err(VaultError::WrongMasterKey)
    ));
    report(&intake(&store, &late), ["late".to_owned()].into_iter()).await;
    let vault = open(&store, &new).await.unwrap();
    let [seal] = seals(&store).await.try_into().ok().unwrap();
    let opened = vault.open_seal(&seal.fingerprint, seal.key_version, &seal.sealed).err();
    assert_eq!(opened, Some(OpenError::OtherMasterKey));
    let rotation = change(&store, &both(&new, &old)).await.unwrap();
    assert_eq!((rotation.version, rotation.sealed), (2, 1));
    let [seal] = seals(&store).await.try_into().ok().unwrap();
    vault.open_seal(&seal.fingerprint, seal.key_version, &seal.sealed).unwrap();
    let mut broken = seal.sealed.clone();
    broken[20] ^= 1;
    let opened = vault.open_seal(&seal.fingerprint, seal.key_version, &broken).err();
    assert!(matches!(opened, Some(OpenError::Seal(_))), "that is lost, and nothing to wait for");
}
