use portcullis_base::ManualClock;
use portcullis_jwt_verify::Algorithm;
use portcullis_test_support::{SigningKey, private_jwks, scratch_dir};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::*;
use crate::keyring::Choice;

const ES256: Algorithm = Algorithm::Es256;

struct World {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(OffsetDateTime::from_unix_timestamp(1000).unwrap()));
        Self { folder: scratch_dir(), clock }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.json")
    }

    fn write(&self, text: &str) {
        let beside = self.folder.path().join("keys.json.new");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.path()).unwrap();
    }

    fn open(&self) -> Result<KeyFile, KeyFileError> {
        let signing = Signing { choices: [(ES256, Choice::Latest)].into(), default: ES256 };
        KeyFile::open(self.path(), signing, Arc::clone(&self.clock) as Arc<dyn Clock>)
    }

    fn signs(&self, file: &KeyFile) -> String {
        let keyring = file.keyring().load_full();
        keyring.signs_now(self.clock.now().unix_timestamp())[0].1.to_owned()
    }
}

fn set(kid: &str) -> Value {
    private_jwks([&SigningKey::generate("ES256", kid)])
}

#[test]
fn a_file_that_changes_is_read_again_and_one_that_does_not_is_left_alone() {
    let world = World::new();
    world.write(&set("a").to_string());
    let file = world.open().unwrap();
    let before = file.keyring().load_full();
    file.refresh();
    assert!(Arc::ptr_eq(&before, &file.keyring().load_full()));
    world.write(&set("b").to_string());
    assert_eq!(world.signs(&file), "a");
    file.refresh();
    assert_eq!((world.signs(&file), file.fault()), ("b".to_owned(), None));
}

#[test]
fn a_file_that_cannot_be_used_leaves_the_keys_of_before() {
    let world = World::new();
    let good = set("a").to_string();
    world.write(&good);
    let file = world.open().unwrap();
    let (half, other) = (&good[..good.len() / 2], set("x").to_string().replace("ES256", "ES384"));
    for broken in ["", half, "[]", r#"{"keys":[]}"#, &other] {
        world.write(broken);
        file.refresh();
        assert_eq!(world.signs(&file), "a", "{broken:.20}");
        let fault = file.fault().expect("it is broken");
        assert!(matches!(fault, KeyFileError::Keys(_) | KeyFileError::Keyring(_)), "{fault:?}");
        file.refresh();
        assert_eq!(file.fault(), Some(fault));
    }
    fs::remove_file(world.path()).unwrap();
    file.refresh();
    assert_eq!(file.fault(), Some(KeyFileError::Read(io::ErrorKind::NotFound)));
    fs::create_dir(world.path()).unwrap();
    file.refresh();
    assert_eq!((world.signs(&file), file.fault()), ("a".to_owned(), Some(KeyFileError::Kind)));
    fs::remove_dir(world.path()).unwrap();
    world.write(&good);
    file.refresh();
    assert_eq!(file.fault(), None);
}

#[test]
fn a_key_comes_and_goes_at_its_time_though_the_file_stays() {
    let world = World::new();
    let (mut old, mut new) = (set("old"), set("new"));
    old["keys"][0]["exp"] = json!(3000);
    new["keys"][0]["nbf"] = json!(2000);
    let both = json!({"keys": [old["keys"][0], new["keys"][0]]});
    world.write(&both.to_string());
    let file = world.open().unwrap();
    for (second, signs, published) in [(1999, "old", 2), (2000, "new", 2), (3000, "new", 1)] {
        let wait = second - world.clock.now().unix_timestamp();
        world.clock.advance(std::time::Duration::from_secs(u64::try_from(wait).unwrap()));
        file.refresh();
        assert_eq!(world.signs(&file), signs, "{second}");
        let document = file.keyring().load().document().to_owned();
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["keys"].as_array().unwrap().len(), published, "{second}");
    }
}

#[test]
fn what_is_no_file_of_keys_does_not_open() {
    let world = World::new();
    assert_eq!(world.open().unwrap_err(), KeyFileError::Read(io::ErrorKind::NotFound));
    world.write(&" ".repeat(1024 * 1024 + 1));
    assert_eq!(world.open().unwrap_err(), KeyFileError::Kind);
    world.write("{}");
    assert_eq!(world.open().unwrap_err(), KeyFileError::Keys(KeysError::NotASet));
}
