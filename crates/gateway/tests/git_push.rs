//! What it is all for: a job pushes as its user with one line of shell, and seconds later the same line's
//! token opens nothing any more.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use portcullis_test_support::scratch_dir;
use server::{GitServer, USER};
use support::broker::{broker_toml, gitlab, jwt};
use support::{Database, TestGateway};
use tempfile::TempDir;

#[path = "git_push/server.rs"]
mod server;
#[expect(dead_code, reason = "this test needs a part of it")]
mod support;

/// The line that a pipeline of gitlab-jwt-2-pat has, but for the hosts and TLS.
const LINE: &str = r#"git push "http://user:$(curl -fsS -H "Authorization: Bearer $JWT" "http://$GATEWAY/token")@$HOST/my-group/my-project.git" "#;

/// A folder with a repository at the server (`served`) and a clone of it with one commit more.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(scratch_dir());
        std::fs::create_dir_all(scratch.served()).unwrap();
        scratch.git("init -q --bare served/my-group/my-project.git");
        // Who pushed what.
        scratch.git("-C served/my-group/my-project.git config core.logAllRefUpdates always");
        scratch.git("clone -q served/my-group/my-project.git clone");
        scratch.commit();
        scratch
    }

    fn served(&self) -> PathBuf {
        self.0.path().join("served")
    }

    fn commit(&self) -> String {
        self.git(
            "-C clone -c user.name=Job -c user.email=job@example.com \
             commit -q --allow-empty -m change",
        );
        self.git("-C clone rev-parse HEAD")
    }

    fn git(&self, words: &str) -> String {
        let output = self.command(&format!("git {words}")).output().unwrap();
        assert!(output.status.success(), "git {words}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What a name stands for at the server.
    fn at_the_server(&self, name: &str) -> String {
        self.git(&format!(
            "-C served/my-group/my-project.git for-each-ref '--format=%(objectname)' {name}"
        ))
    }

    /// A line of shell, far from the settings of whoever runs the tests.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.0.path());
        command.env("HOME", self.0.path()).env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

struct World {
    scratch: Scratch,
    gitlab: Arc<FakeGitlab>,
    gateway: TestGateway,
    server: GitServer,
    // Held as long as the gateway needs it.
    _database: Database,
}

impl World {
    async fn new(database: Database, rest: &str) -> Self {
        let (scratch, gitlab) = (Scratch::new(), Arc::new(gitlab()));
        let gateway = TestGateway::start(&database, &broker_toml(&gitlab, rest)).await;
        let server = GitServer::start(Arc::clone(&gitlab), &scratch.served());
        Self { scratch, gitlab, gateway, server, _database: database }
    }

    fn job(&self) -> String {
        jwt(&self.gitlab, &JobSpec { user_id: USER.1, ..JobSpec::default() })
    }

    /// The line with `what` at its end, run in the clone.
    async fn run(&self, line: &str, what: &str, jwt: &str) -> Output {
        let mut command = self.scratch.command(&format!("cd clone && {line}{what}"));
        command
            .env("JWT", jwt)
            .env("GATEWAY", self.gateway.address().to_string())
            .env("HOST", self.server.address().to_string());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// The tokens that were made so far, the newest last.
    fn tokens(&self) -> Vec<String> {
        self.gitlab.impersonation_tokens(USER.1).into_iter().map(|one| one.token).collect()
    }

    /// As the first line, with a token that is there already.
    async fn push_again(&self, token: &str) -> Output {
        let line = format!("git push http://user:{token}@$HOST/my-group/my-project.git ");
        self.run(&line, "HEAD:refs/heads/again", "").await
    }

    async fn revoked(&self, token: &str) {
        support::broker::revoked(&self.gitlab, token).await;
    }

    async fn stop(self) {
        self.server.stop().await;
        self.gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_pushes_as_its_user_for_seconds() {
    let world = World::new(Database::sqlite().await, "revoke_seconds = 15").await;
    let head = world.scratch.git("-C clone rev-parse HEAD");
    let pushed = world.run(LINE, "HEAD:refs/heads/a-change", &world.job()).await;
    assert!(pushed.status.success(), "{}", said(&pushed));
    assert_eq!(world.scratch.at_the_server("refs/heads/a-change"), head);
    let tokens = world.tokens();
    assert_eq!(tokens.len(), 1);

    world.revoked(&tokens[0]).await;
    world.scratch.commit();
    let refused = world.push_again(&tokens[0]).await;
    assert!(!refused.status.success());
    assert!(said(&refused).contains("Authentication failed"), "{}", said(&refused));
    assert_eq!(world.scratch.at_the_server("refs/heads/again"), "");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_pushes_a_tag_and_gives_the_token_back() {
    let world = World::new(Database::postgres().await, "revoke_seconds = 600").await;
    let head = world.scratch.git("-C clone rev-parse HEAD");
    world.scratch.git("-C clone -c user.name=Job -c user.email=job@example.com tag -a v1 -m v1");
    let (job, what) = (world.job(), "HEAD:refs/heads/release v1");
    let pushed = world.run(LINE, what, &job).await;
    assert!(pushed.status.success(), "{}", said(&pushed));
    assert_eq!(world.scratch.at_the_server("refs/heads/release"), head);
    let tag = world.scratch.git("-C clone rev-parse refs/tags/v1");
    assert_eq!(world.scratch.at_the_server("refs/tags/v1"), tag);
    let pusher = "-C served/my-group/my-project.git log -g -1 --format=%gn refs/heads/release";
    assert_eq!(world.scratch.git(pusher), USER.0, "it is the user who pushed");

    let back = r#"curl -fsS -X DELETE -H "Authorization: Bearer $JWT" "http://$GATEWAY/token""#;
    let given = world.run(back, "", &job).await;
    assert!(given.status.success(), "{}", said(&given));
    let token = world.tokens().pop().unwrap();
    world.revoked(&token).await;
    world.scratch.commit();
    assert!(!world.push_again(&token).await.status.success());
    assert_eq!(world.scratch.at_the_server("refs/heads/again"), "");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_good_jwt_nothing_is_pushed() {
    let world = World::new(Database::sqlite().await, "").await;
    let late = JobSpec { issued_at: -7200, ..JobSpec::default() };
    for bad in [String::new(), "x.y.z".to_owned(), jwt(&world.gitlab, &late)] {
        let refused = world.run(LINE, "HEAD:refs/heads/a-change", &bad).await;
        assert!(!refused.status.success());
        assert!(said(&refused).contains("401"), "{}", said(&refused));
    }
    assert_eq!(world.scratch.at_the_server("refs"), "");
    assert_eq!(world.tokens(), Vec::<String>::new());
    world.stop().await;
}
