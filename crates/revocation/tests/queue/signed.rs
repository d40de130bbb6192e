//! Tokens that nobody can call back: noted, and what brings them refused first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_base::SystemRandomness;
use portcullis_base::seal::MasterKey;
use portcullis_base::secret::SecretString;
use portcullis_revocation::catalog::{Catalog, Handling, Mode};
use portcullis_revocation::formats::Format;
use portcullis_revocation::intake::{Intake, Report};
use portcullis_revocation::own::{NoOwnTokens, Signed, SignedTokens};
use portcullis_revocation::vault::Vault;
use portcullis_revocation::{Once, QueueError};
use portcullis_store::{Store, StoreError};

use crate::support::Database;

on_both_databases![the_refusal_comes_before_the_row];

/// Knows what begins with `signed`; `signed 1` came of the origin `1`, `signed ?` of nobody knows what.
struct Signers {
    refused: Mutex<Vec<u8>>,
    fails: bool,
    store: Store,
}

#[async_trait]
impl SignedTokens for Signers {
    fn recognise(&self, secret: &str) -> Option<Signed> {
        let origin = secret.strip_prefix("signed ")?.parse().ok();
        let once = |n: u8| Once { digest: [n; 32], keep: Duration::from_mins(1) };
        let reason = "as the test said".to_owned();
        Some(Signed { provider: "signer", code: "signed", reason, origin: origin.map(once) })
    }

    async fn refuse(&self, origins: &[Once]) -> Result<(), QueueError> {
        assert_eq!(self.store.count_by_state().await?, [], "no row is there yet");
        if self.fails {
            return Err(StoreError::Address.into());
        }
        self.refused.lock().unwrap().extend(origins.iter().map(|once| once.digest[0]));
        Ok(())
    }
}

fn report(token_type: &str, secret: &str) -> Report {
    let location = Some(format!("https://ann:{secret}@host/"));
    Report { token_type: token_type.into(), secret: secret.into(), location }
}

async fn the_refusal_comes_before_the_row(db: Database) {
    let store = db.open().await;
    let master = MasterKey::generate(&SystemRandomness);
    let vault = Vault::open(&store, &master, &SystemRandomness).await.unwrap();
    let mut catalog = Catalog::default();
    let format = Format::new("^.*$").unwrap();
    catalog.add("any", Handling { provider: "other".into(), mode: Mode::Revoke, format });
    let intake = |fails| {
        let (refused, store) = (Mutex::default(), store.clone());
        let signers = Arc::new(Signers { refused, fails, store: store.clone() });
        let (own, random) = (Arc::new(NoOwnTokens), Arc::new(SystemRandomness));
        let intake = Intake::new(store, vault.clone(), catalog.clone(), own, random, 10);
        (intake.with_signed(Arc::clone(&signers) as _), signers)
    };
    let (intake_that_fails, _) = intake(true);
    let batch = || vec![report("any", "signed 7"), report("x", "signed ?"), report("any", "else")];
    assert!(intake_that_fails.accept("test", batch()).await.is_err());
    assert_eq!(store.count_by_state().await.unwrap(), [], "nothing is taken, and all comes again");

    let (intake, signers) = intake(false);
    let all = ["signed 7", "else", "signed ?"].map(SecretString::from);
    let ours = intake.ours(&all.each_ref()).await.unwrap();
    assert_eq!((ours, intake.offers("x")), (vec![true, false, true], false));
    intake.accept("test", batch()).await.unwrap();
    assert_eq!(*signers.refused.lock().unwrap(), [7]);
    for (secret, token_type) in [("signed 7", "any"), ("signed ?", "x")] {
        let fingerprint = vault.fingerprint(&secret.into());
        let detail = store.revocation(&fingerprint).await.unwrap().unwrap();
        let row = detail.revocation;
        assert_eq!((row.state.as_str(), row.provider.as_str()), ("noted", "signer"));
        assert_eq!((row.token_type.as_str(), row.code.as_deref()), (token_type, Some("signed")));
        assert_eq!(row.reason.as_deref(), Some("as the test said"));
        assert!(!detail.sightings[0].location.as_ref().unwrap().contains("signed"));
    }
    let other = store.revocation(&vault.fingerprint(&"else".into())).await.unwrap().unwrap();
    assert_eq!((other.revocation.state.as_str(), other.revocation.reason), ("pending", None));
}

/// Looks at what others have done meanwhile.
struct Watching(Arc<AtomicUsize>, Mutex<Vec<usize>>);

#[async_trait]
impl SignedTokens for Watching {
    fn recognise(&self, _: &str) -> Option<Signed> {
        self.1.lock().unwrap().push(self.0.load(Ordering::SeqCst));
        None
    }

    async fn refuse(&self, _: &[Once]) -> Result<(), QueueError> {
        Ok(())
    }
}

/// On one thread.
#[tokio::test]
async fn others_have_their_turn_while_many_are_judged() {
    let db = Database::sqlite();
    let store = db.open().await;
    let master = MasterKey::generate(&SystemRandomness);
    let vault = Vault::open(&store, &master, &SystemRandomness).await.unwrap();
    let turns = Arc::<AtomicUsize>::default();
    let watching = Arc::new(Watching(Arc::clone(&turns), Mutex::default()));
    let (own, random) = (Arc::new(NoOwnTokens), Arc::new(SystemRandomness));
    let intake = Intake::new(store, vault, Catalog::default(), own, random, 10);
    let intake = intake.with_signed(Arc::clone(&watching) as _);
    let other = tokio::spawn(async move {
        loop {
            turns.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    });
    let all = (0..300).map(|n| report("x", &format!("secret {n}"))).collect();
    intake.accept("test", all).await.unwrap();
    other.abort();
    let seen = watching.1.lock().unwrap();
    assert_eq!(seen.len(), 300);
    assert!(seen[299] >= seen[0] + 5, "{seen:?}");
}
