use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

use portcullis_test_support::{SigningKey, private_jwks, scratch_dir};

use super::super::KeysError;
use super::*;
use crate::keyfile::KeyFileError;

const ES256: Algorithm = Algorithm::Es256;

struct World(tempfile::TempDir);

impl World {
    /// With a key that always signed.
    fn new() -> Self {
        let world = Self(scratch_dir());
        assert_eq!(add(&world.path(), &recipe("first"), false, at(0)).unwrap().0, "first");
        world
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("keys.json")
    }

    fn keys(&self) -> Value {
        let set: Value = serde_json::from_slice(&fs::read(self.path()).unwrap()).unwrap();
        set["keys"].clone()
    }

    /// `kid`, `nbf` and `exp` of each.
    fn times(&self) -> Vec<(String, Value, Value)> {
        let keys = self.keys();
        let one = |key: &Value| {
            (key["kid"].as_str().unwrap().to_owned(), key["nbf"].clone(), key["exp"].clone())
        };
        keys.as_array().unwrap().iter().map(one).collect()
    }

    fn rotate(&self, kid: &str, now: i64) -> Result<Rotated, EditError> {
        rotate(&self.path(), &rotation(kid), at(now))
    }

    fn files(&self) -> usize {
        fs::read_dir(self.0.path()).unwrap().count()
    }
}

fn at(second: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(second).unwrap()
}

fn recipe(kid: &str) -> Recipe {
    Recipe { algorithm: ES256, bits: None, kid: Some(kid.to_owned()) }
}

fn rotation(kid: &str) -> Rotation {
    let seconds = Duration::from_secs;
    let recipe = recipe(kid);
    Rotation { recipe, publish_for: seconds(100), longest_token: seconds(1000), forget: false }
}

fn row(kid: &str, from: impl Into<Value>, until: impl Into<Value>) -> (String, Value, Value) {
    (kid.to_owned(), from.into(), until.into())
}

#[test]
fn the_new_key_waits_and_the_old_one_outlives_its_tokens() {
    let world = World::new();
    let told = world.rotate("second", 5000).unwrap();
    let wanted = Rotated {
        kid: "second".to_owned(),
        signs_from: 5100,
        retire: vec![("first".to_owned(), 6100)],
        forgotten: vec![],
    };
    assert_eq!(told, wanted);
    let (none, kept) = (Value::Null, row("first", Value::Null, 6100));
    assert_eq!(world.times(), [kept.clone(), row("second", 5100, none.clone())]);
    // What was told of the first stays so.
    world.rotate("third", 6000).unwrap();
    let second = row("second", 5100, 7100);
    assert_eq!(world.times(), [kept, second.clone(), row("third", 6100, none.clone())]);
    let forget = Rotation { forget: true, ..rotation("fourth") };
    assert_eq!(rotate(&world.path(), &forget, at(6099)).unwrap().forgotten, [""; 0]);
    let forget = Rotation { forget: true, ..rotation("fifth") };
    let told = rotate(&world.path(), &forget, at(6100)).unwrap();
    assert_eq!(told.forgotten, ["first"]);
    assert_eq!(world.times()[0], second);
}

#[test]
fn a_part_of_a_second_counts_as_a_whole_one() {
    let world = World::new();
    let now = at(5000) + Duration::from_nanos(1);
    let parts = Duration::from_millis(2500);
    let rotation = Rotation { publish_for: parts, longest_token: parts, ..rotation("second") };
    let told = rotate(&world.path(), &rotation, now).unwrap();
    assert_eq!((told.signs_from, told.retire[0].1), (5004, 5007));
    let endless = Duration::MAX;
    let rotation = Rotation { publish_for: endless, longest_token: endless, ..rotation };
    let rotation = Rotation { recipe: recipe("third"), ..rotation };
    assert_eq!(rotate(&world.path(), &rotation, now).unwrap().signs_from, i64::MAX);
}

#[test]
fn a_wait_is_longer_than_any_cache() {
    for (cache, wait) in [(0, 2), (1, 3), (2, 4), (3, 6), (300, 600)] {
        let (cache, wait) = (Duration::from_secs(cache), Duration::from_secs(wait));
        assert_eq!(shortest_wait(cache), wait);
    }
}

#[test]
fn only_what_signs_by_that_algorithm_is_retired() {
    let world = World::new();
    let others = ["EdDSA", "ES384"].map(|name| SigningKey::generate(name, name));
    let mut set = private_jwks(&others);
    let mut public = SigningKey::generate("ES256", "public").jwk();
    public["x5t"] = json!("kept");
    set["keys"].as_array_mut().unwrap().extend([public, world.keys()[0].clone()]);
    set["comment"] = json!("kept too");
    fs::write(world.path(), set.to_string()).unwrap();
    assert_eq!(world.rotate("second", 5000).unwrap().retire.len(), 1);
    let after: Value = serde_json::from_slice(&fs::read(world.path()).unwrap()).unwrap();
    assert_eq!(after["comment"], "kept too");
    for n in 0..3 {
        assert_eq!(after["keys"][n], set["keys"][n]);
    }
    assert_eq!((&after["keys"][3]["exp"], &after["keys"][4]["nbf"]), (&json!(6100), &json!(5100)));
}

#[test]
fn what_cannot_be_rotated_is_left_as_it_is() {
    let world = World::new();
    let eddsa = Recipe { algorithm: Algorithm::EdDsa, ..recipe("e") };
    let other = Rotation { recipe: eddsa, ..rotation("") };
    let before = fs::read(world.path()).unwrap();
    let error = rotate(&world.path(), &other, at(0)).unwrap_err();
    assert!(matches!(error, EditError::Nothing(Algorithm::EdDsa)), "{error}");
    let error = world.rotate("first", 0).unwrap_err();
    assert!(matches!(error, EditError::Namesake { .. }), "{error}");
    let error = add(&world.path(), &recipe("second"), false, at(0)).unwrap_err();
    assert!(matches!(error, EditError::Beside(ES256)), "{error}");
    assert_eq!(fs::read(world.path()).unwrap(), before);
    assert_eq!(
        add(&world.path(), &recipe("second"), true, at(0)).unwrap(),
        ("second".into(), false)
    );

    world.rotate("third", 5000).unwrap();
    let sooner = Rotation { publish_for: Duration::from_secs(99), ..rotation("fourth") };
    let error = rotate(&world.path(), &sooner, at(5000)).unwrap_err();
    assert!(matches!(&error, EditError::Later(kid) if kid == "third"), "{error}");

    // As after a rotation that was taken back by hand: the key that signs is on its way out.
    let mut leaving: Value = serde_json::from_slice(&before).unwrap();
    leaving["keys"][0]["exp"] = json!(5050);
    fs::write(world.path(), leaving.to_string()).unwrap();
    let error = world.rotate("sixth", 5000).unwrap_err();
    assert!(matches!(error, EditError::Gap(ES256)), "{error}");

    fs::write(world.path(), &before[..before.len() / 2]).unwrap();
    let error = world.rotate("fifth", 5000).unwrap_err();
    let not_a_set = |error: &EditError| {
        matches!(error, EditError::File(KeyFileError::Keys(KeysError::NotASet)))
    };
    assert!(not_a_set(&error), "{error}");
    let error = add(&world.path(), &recipe("k"), true, at(0)).unwrap_err();
    assert!(not_a_set(&error), "{error}");
    fs::remove_file(world.path()).unwrap();
    assert!(matches!(world.rotate("sixth", 0), Err(EditError::Nothing(ES256))));
    assert_eq!(world.files(), 1, "nothing is left over but the lock");
}

#[test]
fn one_hand_at_a_time() {
    let world = World::new();
    let held = Locked::take(&world.path()).unwrap();
    assert!(matches!(world.rotate("second", 0), Err(EditError::Busy)));
    assert!(matches!(add(&world.path(), &recipe("k"), true, at(0)), Err(EditError::Busy)));
    drop(held);
    world.rotate("second", 0).unwrap();
}

#[test]
fn a_file_keeps_its_mode_and_a_link_stays_one() {
    let world = World::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&world.path()), 0o600);
    fs::set_permissions(world.path(), Permissions::from_mode(0o640)).unwrap();
    let before = File::open(world.path()).unwrap();
    let link = world.0.path().join("link.json");
    symlink("keys.json", &link).unwrap();
    rotate(&link, &rotation("second"), at(0)).unwrap();
    assert_eq!((mode(&world.path()), world.times().len()), (0o640, 2));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    // Whoever has the old file open reads it to its end.
    assert_ne!(before.metadata().unwrap().ino(), fs::metadata(world.path()).unwrap().ino());
    assert_eq!(world.files(), 3, "the file, its link, its lock");
}
