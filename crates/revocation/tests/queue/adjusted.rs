//! A provider may have the worker work otherwise for it than for the others.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_base::SystemRandomness;
use portcullis_base::seal::MasterKey;
use portcullis_revocation::catalog::{Catalog, Handling, Mode};
use portcullis_revocation::formats::Format;
use portcullis_revocation::intake::{Intake, Report};
use portcullis_revocation::own::NoOwnTokens;
use portcullis_revocation::provider::{Attempt, Finding, Provider, Verdict};
use portcullis_revocation::vault::Vault;
use portcullis_revocation::worker::{Options, Worker};
use portcullis_store::ledger::Revocation;

use crate::support::Database;

on_both_databases![each_provider_is_worked_for_as_it_asks];

const HASTY: &str = "hasty";
const LIKE_ALL: &str = "like_all";

/// Decides nothing, ever; [`HASTY`] is in a hurry with it.
struct Undecided(&'static str);

#[async_trait]
impl Provider for Undecided {
    fn name(&self) -> &str {
        self.0
    }

    async fn revoke(&self, attempt: &Attempt<'_>) -> Verdict {
        let again = Finding::Retry { after: None, uncertain: false };
        let millis = attempt.budget.as_millis();
        Verdict::new(again, "undecided").because(format!("within {millis} ms"))
    }

    fn adjust(&self, configured: &Options) -> Options {
        if self.0 == LIKE_ALL {
            return configured.clone();
        }
        Options {
            call_timeout: Duration::from_millis(1234),
            give_up_after: Duration::ZERO,
            retry_base: Duration::from_millis(1),
            retry_cap: Duration::from_millis(2),
            ..configured.clone()
        }
    }
}

/// Each as a type of its own name.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for name in [HASTY, LIKE_ALL] {
        let format = Format::new("^.*$").unwrap();
        let handling = Handling { provider: name.into(), mode: Mode::Revoke, format };
        assert!(catalog.add(name, handling));
    }
    catalog
}

async fn each_provider_is_worked_for_as_it_asks(db: Database) {
    let (store, random) = (db.open().await, Arc::new(SystemRandomness));
    let master = MasterKey::generate(&SystemRandomness);
    let vault = Vault::open(&store, &master, &SystemRandomness).await.unwrap();
    let own = Arc::new(NoOwnTokens);
    let intake =
        Intake::new(store.clone(), vault.clone(), catalog(), own, Arc::clone(&random) as _, 1000);
    let providers: Vec<Arc<dyn Provider>> =
        vec![Arc::new(Undecided(HASTY)), Arc::new(Undecided(LIKE_ALL))];
    let hour = Duration::from_hours(1);
    let options = Options { retry_base: hour, retry_cap: hour, ..Options::default() };
    let worker = Worker::start(store.clone(), vault.clone(), providers, options, random);
    let report = |name: &str| Report {
        token_type: name.into(),
        secret: format!("a secret of {name}").into(),
        location: None,
    };
    intake.accept("test", vec![report(HASTY), report(LIKE_ALL)]).await.unwrap();
    let row = async |name| -> Revocation {
        let fingerprint = vault.fingerprint(&report(name).secret);
        store.revocation(&fingerprint).await.unwrap().unwrap().revocation
    };
    let (mut hasty, mut like_all) = (row(HASTY).await, row(LIKE_ALL).await);
    for _ in 0..1500 {
        if hasty.ended_at.is_some() && like_all.code.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        (hasty, like_all) = (row(HASTY).await, row(LIKE_ALL).await);
    }
    worker.stop().await;
    assert_eq!((hasty.state.as_str(), hasty.attempts), ("failed", 5), "given up at once");
    assert_eq!(hasty.reason.as_deref(), Some("within 1234 ms"));
    assert_eq!((like_all.state.as_str(), like_all.attempts), ("pending", 1));
    assert_eq!(like_all.reason.as_deref(), Some("within 10000 ms"));
    let pause = like_all.run_at - like_all.created_at;
    assert!(pause > 1_700_000, "half an hour at least: {pause}");
}
