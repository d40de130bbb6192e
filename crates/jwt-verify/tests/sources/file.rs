//! Keys in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_base::ManualClock;
use portcullis_jwt_verify::Error;
use portcullis_jwt_verify::sources::{JwksFile, KeyError, KeySource as _};
use portcullis_test_support::{SigningKey, jwks, scratch_dir};
use tempfile::TempDir;

use crate::world::{
    SECOND, TICK, clock, eventually, found, just_before, key, last_error, verdict, verifier,
};

struct Place {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new() -> Self {
        Self { folder: scratch_dir(), clock: clock() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.json")
    }

    fn write(&self, keys: &[&SigningKey]) {
        self.write_text(&jwks(keys.iter().copied()).to_string());
    }

    fn write_text(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    fn open(&self) -> Result<JwksFile, KeyError> {
        JwksFile::open(self.path(), self.clock.clone())
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_refused_at_once() {
    let place = Place::new();
    let refused = || place.open().map(drop).unwrap_err();
    assert_eq!(refused(), KeyError::File(std::io::ErrorKind::NotFound));
    for (text, wanted) in [
        ("", KeyError::Malformed("is not a set of keys")),
        ("{\"keys\":[", KeyError::Malformed("is not a set of keys")),
        ("{\"keys\":[]}", KeyError::NoKeys),
        ("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", KeyError::NoKeys),
    ] {
        place.write_text(text);
        assert_eq!(refused(), wanted, "{text}");
    }
    place.write_text(&" ".repeat(1024 * 1024 + 1));
    assert_eq!(refused(), KeyError::TooLarge(1024 * 1024));
    let folder = JwksFile::open(place.folder.path(), place.clock.clone()).map(drop);
    assert_eq!(folder, Err(KeyError::Malformed("is not a plain file")));
    // As a pipe would be, but for the waiting.
    let endless = JwksFile::open("/dev/zero", place.clock.clone()).map(drop);
    assert_eq!(endless, Err(KeyError::Malformed("is not a plain file")));
}

#[tokio::test]
async fn a_change_is_seen_within_a_second_and_no_sooner() {
    let place = Place::new();
    let (old, new) = (key("old"), key("new"));
    place.write(&[&old]);
    let source = place.open().unwrap();
    let opened = source.health();
    assert_eq!((opened.keys, opened.last_error), (1, None));
    let verifier = verifier(source.clone(), 10);
    assert_eq!(verdict(&verifier, &old).await, Ok(()));
    place.write(&[&new]);
    place.clock.advance(just_before(SECOND));
    assert_eq!(verdict(&verifier, &new).await, Err(Error::KeyUnknown));
    assert_eq!(verdict(&verifier, &old).await, Ok(()));
    place.clock.advance(TICK);
    // The very token that needs the new key finds it.
    assert_eq!(verdict(&verifier, &new).await, Ok(()));
    assert_eq!(verdict(&verifier, &old).await, Err(Error::KeyUnknown));
    assert_eq!(source.health().fetched_at, opened.fetched_at.map(|at| at + SECOND));
}

#[tokio::test]
async fn a_change_is_seen_by_those_who_only_ask_for_what_is_known() {
    let place = Place::new();
    place.write(&[&key("old")]);
    let source = place.open().unwrap();
    place.write(&[&key("new")]);
    place.clock.advance(SECOND);
    eventually(|| source.known().unwrap().has(Some("new"))).await;
    assert!(!source.known().unwrap().has(Some("old")));
}

#[test]
fn a_change_is_seen_without_a_runtime() {
    let place = Place::new();
    place.write(&[&key("old")]);
    let source = place.open().unwrap();
    place.write(&[&key("new")]);
    place.clock.advance(SECOND);
    assert!(source.known().unwrap().has(Some("new")));
}

#[tokio::test]
async fn a_file_that_breaks_or_goes_leaves_the_keys_and_tells() {
    let place = Place::new();
    let good = key("good");
    place.write(&[&good]);
    let source = place.open().unwrap();
    let verifier = verifier(source.clone(), 0);
    let fetched_at = source.health().fetched_at;
    let broken: [(&dyn Fn(), KeyError); 4] = [
        (&|| place.write_text("{\"keys\":[{\"kty\":"), KeyError::Malformed("is not a set of keys")),
        (&|| place.write_text("{\"keys\":[]}"), KeyError::NoKeys),
        (&|| place.write_text(""), KeyError::Malformed("is not a set of keys")),
        (&|| remove(&place.path()), KeyError::File(std::io::ErrorKind::NotFound)),
    ];
    for (breaks, wanted) in broken {
        breaks();
        place.clock.advance(SECOND);
        assert_eq!(found(&source, Some("other")).await.unwrap(), ["good"]);
        assert_eq!(last_error(&source), Some(wanted));
        assert_eq!(verdict(&verifier, &good).await, Ok(()));
        assert_eq!((source.health().keys, source.health().fetched_at), (1, fetched_at));
    }
    place.write(&[&good, &key("next")]);
    place.clock.advance(SECOND);
    assert_eq!(found(&source, Some("next")).await.unwrap(), ["good", "next"]);
    assert_eq!(last_error(&source), None);
}

#[tokio::test]
async fn a_file_of_the_same_length_and_age_in_its_place_is_another() {
    let place = Place::new();
    place.write(&[&key("a")]);
    let source = place.open().unwrap();
    let old = std::fs::metadata(place.path()).unwrap();
    let other = place.folder.path().join("other");
    std::fs::write(&other, jwks([&key("b")]).to_string()).unwrap();
    let file = std::fs::File::options().write(true).open(&other).unwrap();
    file.set_modified(old.modified().unwrap()).unwrap();
    assert_eq!(std::fs::metadata(&other).unwrap().len(), old.len());
    std::fs::rename(&other, place.path()).unwrap();
    place.clock.advance(SECOND);
    assert_eq!(found(&source, Some("b")).await.unwrap(), ["b"]);
}

fn remove(path: &Path) {
    std::fs::remove_file(path).unwrap();
}
