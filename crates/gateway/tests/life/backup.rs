//! The lines of `docs/backup.md`, pasted.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use portcullis_fake_gitlab::{FakeGitlab, TokenState};
use portcullis_test_support::{postgres, scratch_dir};

use super::gateway::{Gateway, PAT_TYPE, WAITING_TYPE, nobody, portcullis, shipped, stderr, write};
use super::master_key::{config, leak};

const PAGE: &str = include_str!("../../../../docs/backup.md");
const MASTER_KEY: &str = "bWFzdGVyLWtleS1vZi10aGVzZS10ZXN0cy0wMTIzNDU";
const SERVE: [&str; 3] = ["serve", "--config", "portcullis.toml"];

/// Runs the block of this name in `folder`, as somebody pastes it.
fn paste(name: &str, folder: &Path, variables: &[(&str, &str)]) -> Output {
    let start = format!("```sh {name}\n");
    let block = PAGE.split(&start).nth(1).unwrap().split("```").next().unwrap();
    let programs = "for bin in /usr/lib/postgresql/*/bin; do PATH=\"$bin:$PATH\"; done";
    let script = format!("{programs}; PATH=\"$OURS:$PATH\"\n{block}");
    let output = Command::new("sh")
        .args(["-e", "-c", &script])
        .current_dir(folder)
        .env("OURS", shipped().parent().unwrap())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", stderr(&output));
    output
}

/// What is there of backups that are not whole.
fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "part")).collect()
}

/// What was there when the backup was made.
struct Before {
    alive: String,
    dead: String,
    fingerprints: Vec<String>,
}

fn fingerprints(rows: Vec<(String, String)>) -> Vec<String> {
    rows.into_iter().map(|(fingerprint, _)| fingerprint).collect()
}

impl Before {
    async fn make(gateway: &Gateway) -> Self {
        let (alive, dead) = (gateway.mint().await, gateway.mint().await);
        assert_eq!(gateway.report(PAT_TYPE, &dead).await, 204);
        for n in 0..2 {
            assert_eq!(gateway.report(WAITING_TYPE, &leak(n)).await, 204);
        }
        gateway.rows_once(|rows| rows.iter().any(|(_, state)| state == "revoked")).await;
        let fingerprints = fingerprints(gateway.rows().await);
        Self { alive, dead, fingerprints }
    }

    /// What happens after the backup: it is not in it.
    async fn go_on(&self, gateway: &Gateway) {
        assert_eq!(gateway.report(PAT_TYPE, &self.alive).await, 204);
        assert_eq!(gateway.auth(&self.alive).await, 401);
        assert_eq!(gateway.report(WAITING_TYPE, &leak(7)).await, 204);
    }

    /// On the restored data: as it was then, and what waited is revoked.
    async fn assert_back(&self, gateway: &Gateway, gitlab: &FakeGitlab) {
        assert_eq!((gateway.auth(&self.alive).await, gateway.auth(&self.dead).await), (200, 401));
        gateway.rows_once(|rows| rows.iter().all(|(_, state)| state == "revoked")).await;
        for n in 0..2 {
            assert_eq!(gitlab.state(&leak(n)), Some(TokenState::Revoked));
            assert_eq!(gateway.report(WAITING_TYPE, &leak(n)).await, 204);
        }
        assert_eq!(fingerprints(gateway.rows().await), self.fingerprints);
        // As the page says: it is alive again, and a report ends that.
        assert_eq!(gateway.report(PAT_TYPE, &self.alive).await, 204);
        assert_eq!(gateway.auth(&self.alive).await, 401);
    }
}

fn with_leaks() -> (FakeGitlab, String) {
    let gitlab = FakeGitlab::start();
    for n in 0..2 {
        gitlab.add_token(&leak(n));
    }
    let toml = format!("[[revocation.providers]]\nkind = \"gitlab\"\nurl = \"{}\"\n", gitlab.url());
    (gitlab, toml)
}

fn refused(folder: &Path) {
    let output = portcullis(&shipped(), folder, &SERVE, &[]);
    assert!(stderr(&output).contains("error: master-key: "), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_comes_back_by_the_lines_of_the_page() {
    let [first, second, third] = [(); 3].map(|()| scratch_dir());
    write(&first.path().join("portcullis.toml"), &nobody());
    let gateway = Gateway::start(first.path()).await;
    let before = Before::make(&gateway).await;
    paste("sqlite-backup", first.path(), &[]);
    before.go_on(&gateway).await;
    gateway.stop();
    let kept = ["portcullis-backup.db", "portcullis-secrets.toml"];
    for (folder, file) in [(&second, kept[0]), (&second, kept[1]), (&third, kept[0])] {
        use std::os::unix::fs::MetadataExt as _;
        let from = first.path().join(file);
        assert_eq!(fs::metadata(&from).unwrap().mode() & 0o077, 0, "{file} is its owner's alone");
        fs::copy(from, folder.path().join(file)).unwrap();
    }
    let (gitlab, toml) = with_leaks();
    write(&second.path().join("portcullis.toml"), &toml);
    paste("sqlite-restore", second.path(), &[]);
    let gateway = Gateway::start(second.path()).await;
    before.assert_back(&gateway, &gitlab).await;
    gateway.stop();
    // Without the master key: another is made, and is the wrong one.
    write(&third.path().join("portcullis.toml"), &toml);
    fs::create_dir(third.path().join("portcullis-data")).unwrap();
    let place = third.path().join("portcullis-data/portcullis.db");
    fs::copy(third.path().join(kept[0]), place).unwrap();
    refused(third.path());
    // What is there is not written over, and Postgres has its own way.
    let out = ["backup", "--out", kept[0]];
    let again = portcullis(&shipped(), first.path(), &out, &[]);
    assert!(stderr(&again).starts_with("error: backup: "), "{}", stderr(&again));
    // What lies beside it is not touched, whatever its name, and the copy is its owner's alone.
    let (beside, victim) = (first.path().join("b.db.part"), first.path().join("victim"));
    fs::write(&victim, "somebody's").unwrap();
    symlink(&victim, &beside).unwrap();
    let more = portcullis(&shipped(), first.path(), &["backup", "--out", "b.db"], &[]);
    assert!(more.status.success(), "{}", stderr(&more));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "somebody's");
    let mode = fs::metadata(first.path().join("b.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(parts(first.path()), [beside]);
    let url = [("PORTCULLIS__DATABASE__URL", "postgres://nobody@127.0.0.1:1/x")];
    let config = [
        ("PORTCULLIS__SECRETS__MASTER_KEY", MASTER_KEY),
        ("PORTCULLIS__SECRETS__ADMIN_TOKENS", "[\"an-admin-token-0123456789-abcdef\"]"),
        ("PORTCULLIS__REVOCATION_API__CLIENTS__0__NAME", "x"),
        ("PORTCULLIS__REVOCATION_API__CLIENTS__0__TOKEN", "a-reporting-token-0123456789"),
    ];
    let variables = [&url[..], &config].concat();
    let other = portcullis(&shipped(), first.path(), &["backup", "--out", "x.db"], &variables);
    assert!(stderr(&other).contains("error: postgres: "), "{}", stderr(&other));
    let missing = portcullis(
        &shipped(),
        third.path(),
        &["backup", "--data-dir", "none", "--out", "x.db"],
        &[],
    );
    assert!(stderr(&missing).contains("error: backup: "), "{}", stderr(&missing));
    assert!(!third.path().join("x.db").exists() && parts(third.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_comes_back_by_the_lines_of_the_page() {
    let [first, second] = [(); 2].map(|()| scratch_dir());
    let (from, to) = (postgres().await, postgres().await);
    let keys = format!("master_key = \"{MASTER_KEY}\"");
    config(first.path(), from.url(), &keys, &nobody());
    let gateway = Gateway::start(first.path()).await;
    let before = Before::make(&gateway).await;
    paste("postgres-backup", first.path(), &[("DATABASE_URL", from.url())]);
    before.go_on(&gateway).await;
    gateway.stop();
    fs::copy(first.path().join("portcullis.dump"), second.path().join("portcullis.dump")).unwrap();
    let (gitlab, toml) = with_leaks();
    config(second.path(), to.url(), &keys, &toml);
    paste("postgres-restore", second.path(), &[("DATABASE_URL", to.url())]);
    let gateway = Gateway::start(second.path()).await;
    before.assert_back(&gateway, &gitlab).await;
    gateway.stop();
    config(second.path(), to.url(), &keys.replace("bWF", "bWG"), &toml);
    refused(second.path());
}
