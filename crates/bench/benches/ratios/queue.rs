//! A queue that is filled the ordinary way: fingerprinted, judged, sealed and committed.

use std::sync::Arc;

use portcullis_base::SystemRandomness;
use portcullis_base::seal::MasterKey;
use portcullis_revocation::catalog::{Catalog, Handling, Mode};
use portcullis_revocation::formats::{Format, GITLAB_TYPES};
use portcullis_revocation::gitlab::GitlabProvider;
use portcullis_revocation::intake::{Intake, Report};
use portcullis_revocation::own::NoOwnTokens;
use portcullis_revocation::vault::Vault;
use portcullis_store::{ConnectOptions, Store};

/// The master key of every queue here: 32 bytes.
pub(crate) const MASTER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

pub(crate) const TYPE: &str = GITLAB_TYPES[0];

pub(crate) const LOCATION: &str =
    "https://gitlab.example/group/project/-/blob/0123456789/src/config.rs#L21";

const BATCH: usize = 1000;

/// A token of [`TYPE`], a different one for each number.
pub(crate) fn token(n: usize) -> String {
    format!("glpat-{n:027}")
}

pub(crate) async fn open(url: &str) -> Store {
    let options = ConnectOptions { url: url.into(), max_connections: 4 };
    Store::connect(&options).await.expect("the database opens")
}

pub(crate) async fn vault(store: &Store) -> Vault {
    let master = MasterKey::from_base64url(MASTER).expect("a key");
    Vault::open(store, &master, &SystemRandomness).await.expect("its own key opens the vault")
}

pub(crate) async fn intake(store: &Store) -> Intake {
    let mut catalog = Catalog::default();
    let format = Format::built_in(TYPE).expect("a built-in format");
    let provider = GitlabProvider::NAME.to_owned();
    catalog.add(TYPE, Handling { provider, mode: Mode::Revoke, format });
    let own = Arc::new(NoOwnTokens);
    let vault = vault(store).await;
    Intake::new(store.clone(), vault, catalog, own, Arc::new(SystemRandomness), 1)
}

/// The tokens of these numbers as reports.
pub(crate) fn reports(numbers: std::ops::Range<usize>) -> Vec<Report> {
    let report = |n| Report {
        token_type: TYPE.into(),
        secret: token(n).into(),
        location: Some(LOCATION.into()),
    };
    numbers.map(report).collect()
}

/// Puts the tokens of these numbers into the queue, due now.
pub(crate) async fn fill(intake: &Intake, numbers: std::ops::Range<usize>) {
    for from in numbers.clone().step_by(BATCH) {
        let batch = reports(from..numbers.end.min(from + BATCH));
        intake.accept("gitlab", batch).await.expect("it commits");
    }
}
