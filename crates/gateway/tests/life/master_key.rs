//! `secrets rotate-master-key`, killed at each of its steps and run again.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use portcullis_base::fault::Point;
use portcullis_chaos::faulty_beside;
use portcullis_test_support::{dump, postgres, scratch_dir};

use super::gateway::{Gateway, PAT_TYPE, WAITING_TYPE, nobody, portcullis, shipped, stderr, write};

/// The command's steps, each with how often it is passed before the last of it.
const STEPS: [(Point, u32); 6] = [
    (Point::MasterKeyMade, 1),
    (Point::KeyKept, 1),
    (Point::KeyRewrapped, 1),
    (Point::KeyRewrapped, 2),
    (Point::Resealed, 1),
    (Point::MasterKeyRetired, 1),
];

const CHANGE: [&str; 4] = ["secrets", "rotate-master-key", "--config", "portcullis.toml"];
const OLD: &str = "bWFzdGVyLWtleS1vZi10aGVzZS10ZXN0cy0wMTIzNDU";
const NEW: &str = "YW5vdGhlci1tYXN0ZXIta2V5LW9mLXRlc3RzLTAxMjM";

pub(crate) fn leak(n: usize) -> String {
    format!("glpat-{n:020}")
}

/// What must be the same ever after: a PAT, a dead one, and the rows of secrets that wait.
struct Kept {
    alive: String,
    dead: String,
    rows: Vec<(String, String)>,
}

impl Kept {
    async fn make(gateway: &Gateway) -> Self {
        let (alive, dead) = (gateway.mint().await, gateway.mint().await);
        assert_eq!(gateway.report(PAT_TYPE, &dead).await, 204);
        for n in 0..3 {
            assert_eq!(gateway.report(WAITING_TYPE, &leak(n)).await, 204);
        }
        let settled = |rows: &[(String, String)]| {
            rows.len() == 4 && rows.iter().filter(|(_, state)| state == "pending").count() == 3
        };
        gateway.rows_once(settled).await;
        Self { alive, dead, rows: gateway.rows().await }
    }

    /// The same rows, also when the secrets are reported again: their fingerprints are those of before.
    async fn assert_kept(&self, gateway: &Gateway) {
        assert_eq!((gateway.auth(&self.alive).await, gateway.auth(&self.dead).await), (200, 401));
        for n in 0..3 {
            assert_eq!(gateway.report(WAITING_TYPE, &leak(n)).await, 204);
        }
        assert_eq!(gateway.rows().await, self.rows);
        assert!(!gateway.log().contains("other_master_key"), "{}", gateway.log());
    }
}

fn audit(folder: &Path, what: &str) -> String {
    let arguments = ["audit", what, "--config", "portcullis.toml"];
    let output = portcullis(&shipped(), folder, &arguments, &[]);
    assert!(output.status.success(), "{what}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The log is whole, wherever it was cut off.
fn assert_whole(folder: &Path) {
    audit(folder, "verify");
    audit(folder, "head");
}

/// It says how often the key was changed, too.
fn assert_told(folder: &Path, changes: usize) {
    assert_whole(folder);
    let log = audit(folder, "export");
    assert_eq!(log.matches(r#"{"event":"master_key.change""#).count(), changes, "{log}");
    assert!(log.contains(r#""by":{"method":"command_line"}"#), "{log}");
    assert!(log.matches(r#""command":"secrets rotate-master-key""#).count() > changes, "{log}");
}

fn killed(folder: &Path, point: Point, count: u32) {
    let order = format!("{} {count}", point.name());
    let output =
        portcullis(&faulty_beside(&shipped()), folder, &CHANGE, &[("PORTCULLIS_FAULT", &order)]);
    assert_eq!(output.status.signal(), Some(9), "{order}: {}", stderr(&output));
}

fn secrets(folder: &Path) -> String {
    fs::read_to_string(folder.join("portcullis-data/secrets.toml")).unwrap()
}

fn master_key(folder: &Path) -> String {
    let secrets = secrets(folder);
    let line = secrets.lines().find_map(|line| line.strip_prefix("master_key = ")).unwrap();
    line.trim_matches('"').to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_is_cut_off_the_next_start_works_on_sqlite() {
    let folder = scratch_dir();
    let folder = folder.path();
    write(&folder.join("portcullis.toml"), &nobody());
    let gateway = Gateway::start(folder).await;
    let kept = Kept::make(&gateway).await;
    let first = secrets(folder);
    // While somebody uses the database nothing is touched.
    let refused = portcullis(&shipped(), folder, &CHANGE, &[]);
    assert!(stderr(&refused).contains("another process uses this database"), "{refused:?}");
    assert_eq!(secrets(folder), first);
    gateway.stop();
    for (point, count) in STEPS {
        let before = master_key(folder);
        killed(folder, point, count);
        assert!(secrets(folder).contains("previous_master_key"), "{}", point.name());
        assert_whole(folder);
        let gateway = Gateway::start(folder).await;
        kept.assert_kept(&gateway).await;
        gateway.stop();
        // Run again it comes to its end with the key that it had made.
        let after = master_key(folder);
        let output = portcullis(&shipped(), folder, &CHANGE, &[]);
        assert!(output.status.success(), "{}: {}", point.name(), stderr(&output));
        assert_eq!(master_key(folder), after);
        assert!(before != after && !secrets(folder).contains(&before), "{}", point.name());
        let gateway = Gateway::start(folder).await;
        kept.assert_kept(&gateway).await;
        gateway.stop();
    }
    assert_told(folder, STEPS.len());
    // The tokens are those of before, and an old file opens nothing.
    let tokens = |text: &str| text.lines().filter(|l| l.contains("_token = ")).count();
    assert_eq!((tokens(&first), tokens(&secrets(folder))), (2, 2));
    write(&folder.join("portcullis-data/secrets.toml"), &first);
    let arguments = ["serve", "--config", "portcullis.toml"];
    let refused = portcullis(&shipped(), folder, &arguments, &[]);
    assert!(stderr(&refused).starts_with("error: master-key: "), "{}", stderr(&refused));
    let refused = portcullis(&shipped(), folder, &CHANGE, &[]);
    assert!(stderr(&refused).starts_with("error: master-key: "), "{}", stderr(&refused));
    assert_eq!(secrets(folder), first, "what opens nothing is not written over");
}

pub(crate) fn config(folder: &Path, url: &str, keys: &str, more: &str) {
    let text = format!(
        "{more}[database]\nurl = \"{url}\"\n[secrets]\nadmin_tokens = [\"an-admin-token-0123456789-abcdef\"]\n\
         {keys}\n[[revocation_api.clients]]\nname = \"gitlab\"\n\
         token = \"a-reporting-token-0123456789-abc\"\n"
    );
    write(&folder.join("portcullis.toml"), &text);
}

/// The way of the guide: every replica gets both keys, the command, every replica gets the new one alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_go_on_while_it_is_changed_on_postgres() {
    let (database, root) = (postgres().await, scratch_dir());
    let folders = ["a", "b"].map(|name| root.path().join(name));
    let [old, both, new] = [
        format!("master_key = \"{OLD}\""),
        format!("master_key = \"{NEW}\"\nprevious_master_keys = [\"{OLD}\"]"),
        format!("master_key = \"{NEW}\""),
    ];
    let configure = |keys: &str| {
        for folder in &folders {
            config(folder, database.url(), keys, &nobody());
        }
    };
    for folder in &folders {
        fs::create_dir(folder).unwrap();
    }
    configure(&old);
    let gateway = Gateway::start(&folders[0]).await;
    let kept = Kept::make(&gateway).await;
    gateway.stop();
    let refused = portcullis(&shipped(), &folders[0], &CHANGE, &[]);
    assert!(stderr(&refused).starts_with("error: no-new-key: "), "{}", stderr(&refused));
    configure(&both);
    let [one, two] = [Gateway::start(&folders[0]).await, Gateway::start(&folders[1]).await];
    // Cut off, while both work; the first step of the other is none here.
    for (point, count) in [(Point::KeyKept, 1), (Point::KeyRewrapped, 1), (Point::Resealed, 1)] {
        killed(&folders[0], point, count);
        kept.assert_kept(&one).await;
        kept.assert_kept(&two).await;
    }
    let output = portcullis(&shipped(), &folders[0], &CHANGE, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    kept.assert_kept(&one).await;
    kept.assert_kept(&two).await;
    let late = leak(9);
    assert_eq!(one.report(WAITING_TYPE, &late).await, 204, "sealed by the new key");
    one.stop();
    configure(&new);
    let one = Gateway::start(&folders[0]).await;
    two.stop();
    let again = portcullis(&shipped(), &folders[0], &CHANGE, &[]);
    assert!(stderr(&again).starts_with("error: no-new-key: "), "{}", stderr(&again));
    assert_eq!(one.report(WAITING_TYPE, &late).await, 204);
    assert_eq!(one.rows().await.len(), kept.rows.len() + 1);
    assert_eq!(one.auth(&kept.alive).await, 200);
    one.stop();
    assert!(dump(database.url()).contains("master-key-check/2"), "the dump has the keys");
    assert_told(&folders[0], 1);
    configure(&old);
    let refused =
        portcullis(&shipped(), &folders[0], &["serve", "--config", "portcullis.toml"], &[]);
    assert!(stderr(&refused).contains("error: master-key: "), "{}", stderr(&refused));
}
