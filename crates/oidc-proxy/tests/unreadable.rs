//! Files of keys that could not be opened for a moment, such as by a process that may open no more files. Alone in
//! its binary: for that moment nothing in it can open any.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portcullis_base::ManualClock;
use portcullis_jwt_verify::Algorithm;
use portcullis_jwt_verify::sources::{JwksFile, KeySource as _};
use portcullis_oidc_proxy::keyfile::{KeyFile, KeyFileError};
use portcullis_oidc_proxy::keyring::{Choice, Signing};
use portcullis_test_support::{SigningKey, jwks, private_jwks, scratch_dir};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use time::OffsetDateTime;

const ES256: Algorithm = Algorithm::Es256;

fn without_files(deed: impl FnOnce()) {
    let before = getrlimit(Resource::Nofile);
    let none = Rlimit { current: Some(0), maximum: before.maximum };
    setrlimit(Resource::Nofile, none).unwrap();
    deed();
    setrlimit(Resource::Nofile, before).unwrap();
}

fn put(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, path).unwrap();
}

/// What changed meanwhile is seen, cannot be read, and is read when it can be: a key that was taken out must not
/// stay for ever.
#[test]
fn what_could_not_be_opened_once_is_opened_later() {
    let folder = scratch_dir();
    let [theirs, ours] = ["theirs.json", "ours.json"].map(|name| folder.path().join(name));
    let clock = Arc::new(ManualClock::at(OffsetDateTime::from_unix_timestamp(1000).unwrap()));
    let [old, new] = ["old", "new"].map(|kid| SigningKey::generate("ES256", kid));
    put(&theirs, &jwks([&old]).to_string());
    put(&ours, &private_jwks([&old]).to_string());
    let verifies = JwksFile::open(&theirs, clock.clone()).unwrap();
    let signing = Signing { choices: [(ES256, Choice::Latest)].into(), default: ES256 };
    let signs = KeyFile::open(&ours, signing, clock.clone()).unwrap();
    let kid = || signs.keyring().load_full().signs_now(1000)[0].1.to_owned();

    put(&theirs, &jwks([&new]).to_string());
    put(&ours, &private_jwks([&new]).to_string());
    clock.advance(Duration::from_secs(1));
    without_files(|| {
        verifies.known();
        signs.refresh();
    });
    assert!(verifies.known().unwrap().has(Some("old")));
    assert!(matches!(signs.fault(), Some(KeyFileError::Read(_))), "{:?}", signs.fault());
    assert_eq!(kid(), "old");

    clock.advance(Duration::from_secs(1));
    verifies.known();
    assert!(verifies.known().unwrap().has(Some("new")));
    signs.refresh();
    assert_eq!((kid().as_str(), signs.fault()), ("new", None));
}
