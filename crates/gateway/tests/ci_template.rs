//! The lines that `docs/ci` gives to pipelines, run as a runner runs them: read from the shipped YAML, in `sh`,
//! with a real gateway and a git server that asks for the users' tokens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use portcullis_fake_gitlab::{FakeGitlab, Fault, JobSpec};
use portcullis_test_support::scratch_dir;
use saphyr::{LoadableYamlNode as _, YamlOwned};
use server::{GitServer, USER};
use support::broker::{broker_toml, gitlab, jwt};
use support::{Database, TestGateway};
use tempfile::TempDir;

#[path = "git_push/server.rs"]
mod server;
#[expect(dead_code, reason = "this test needs a part of it")]
mod support;

const FILES: [&str; 2] = ["portcullis.gitlab-ci.yml", "example.gitlab-ci.yml"];

/// Everything of both files, as one pipeline has it.
fn jobs() -> Vec<(String, YamlOwned)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ci");
    let read = |name| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let documents = YamlOwned::load_from_str(&text).unwrap();
        assert_eq!(documents.len(), 1, "{name}");
        let jobs = documents[0].as_mapping().unwrap().iter();
        jobs.map(|(name, job)| (name.as_str().unwrap().to_owned(), job.clone())).collect::<Vec<_>>()
    };
    FILES.into_iter().flat_map(read).collect()
}

/// The shell of one job and key, as a runner joins it; what a job leaves out it has from `.portcullis`.
fn shell(job: &str, key: &str) -> String {
    let jobs = jobs();
    let named = |name: &str| jobs.iter().find(|(one, _)| one == name).unwrap().1.clone();
    let own = named(job);
    let lines = if let Some(lines) = own.as_mapping_get(key) {
        lines.clone()
    } else {
        assert_eq!(own.as_mapping_get("extends").unwrap().as_str(), Some(".portcullis"));
        named(".portcullis").as_mapping_get(key).unwrap().clone()
    };
    let lines = lines.as_sequence().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

struct World {
    folder: TempDir,
    gitlab: Arc<FakeGitlab>,
    gateway: TestGateway,
    server: GitServer,
    // Held as long as the gateway needs it.
    _database: Database,
}

impl World {
    async fn new(rest: &str) -> Self {
        let (folder, gitlab) = (scratch_dir(), Arc::new(gitlab()));
        let database = Database::sqlite().await;
        let gateway = TestGateway::start(&database, &broker_toml(&gitlab, rest)).await;
        let server = GitServer::start(Arc::clone(&gitlab), &folder.path().join("served"));
        let world = Self { folder, gitlab, gateway, server, _database: database };
        let commit =
            "git -C clone -c user.name=a -c user.email=a@b.c commit -q --allow-empty -m one";
        for line in [
            "git init -q --bare served/my-group/my-project.git",
            "git -C served/my-group/my-project.git config receive.advertisePushOptions true",
            "git clone -q served/my-group/my-project.git clone",
            commit,
        ] {
            let output = world.command("", line).output().unwrap();
            assert!(output.status.success(), "{line}: {}", said(&output));
        }
        world
    }

    /// Shell with what GitLab tells a job, far from the settings of whoever runs the tests. The runner's own
    /// credentials, which must not be used, stand where it puts them.
    fn command(&self, jwt: &str, lines: &str) -> Command {
        let host = self.server.address();
        let settings = self.folder.path().join("gitconfig");
        let runners = format!(
            "[credential \"http://{host}\"]\nhelper = \"!echo username=ci; echo password=ci;:\"\n
            [url \"http://gitlab-ci-token:job@{host}/my-group/my-project.git\"]
            insteadOf = http://{host}/my-group/my-project.git
            [url \"http://gitlab-ci-token:job@{host}\"]\ninsteadOf = http://{host}\n"
        );
        std::fs::write(&settings, runners).unwrap();
        let mut command = Command::new("sh");
        command.args(["-e", "-c", lines]).current_dir(self.folder.path());
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_GLOBAL", settings)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("PORTCULLIS_URL", format!("http://{}/", self.gateway.address()))
            .env("PORTCULLIS_JWT", jwt)
            .env("CI_SERVER_PROTOCOL", "http")
            .env("CI_SERVER_HOST", host.ip().to_string())
            .env("CI_SERVER_PORT", host.port().to_string())
            .env("CI_SERVER_URL", format!("http://{host}"))
            .env("CI_PROJECT_URL", format!("http://{host}/my-group/my-project"))
            .env("CI_COMMIT_BRANCH", "main")
            .env("CI_COMMIT_SHA", "HEAD")
            .env("VERSION", "0.1.0")
            .env("GITLAB_USER_NAME", "Sample User")
            .env("GITLAB_USER_EMAIL", "sample@example.com");
        command
    }

    fn job(&self) -> String {
        jwt(&self.gitlab, &JobSpec { user_id: USER.1, ..JobSpec::default() })
    }

    /// Runs lines after the ones that every job begins with.
    async fn run(&self, jwt: &str, lines: &str) -> Output {
        let before = shell(".portcullis", "before_script");
        self.shell(jwt, &format!("{before}\ncd clone\n{lines}")).await
    }

    async fn shell(&self, jwt: &str, lines: &str) -> Output {
        let mut command = self.command(jwt, lines);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    fn at_the_server(&self, name: &str) -> String {
        let repository = "served/my-group/my-project.git";
        let line =
            format!("git -C {repository} for-each-ref '--format=%(refname) %(subject)' {name}");
        said_plainly(&self.command("", &line).output().unwrap())
    }

    fn tokens(&self) -> Vec<String> {
        self.gitlab.impersonation_tokens(USER.1).into_iter().map(|one| one.token).collect()
    }

    async fn revoked(&self, token: &str) {
        support::broker::revoked(&self.gitlab, token).await;
    }

    async fn stop(self) {
        self.server.stop().await;
        self.gateway.stop().await;
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn said_plainly(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn every_job_of_the_example_has_what_it_uses() {
    let jobs = jobs();
    let template = &jobs[0].1;
    assert_eq!(jobs[0].0, ".portcullis");
    let jwt = template.as_mapping_get("id_tokens").unwrap().as_mapping_get("PORTCULLIS_JWT");
    assert_eq!(jwt.unwrap().as_mapping_get("aud").unwrap().as_str(), Some("$PORTCULLIS_URL"));
    for (name, job) in &jobs[1..] {
        let script = shell(name, "script");
        let extends = job.as_mapping_get("extends").and_then(|extends| extends.as_str());
        assert_eq!(script.contains("portcullis_"), extends == Some(".portcullis"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_push_and_give_back() {
    let world = World::new("revoke_seconds = 600").await;
    let job = world.job();
    for (name, pushed) in
        [("update", "refs/heads/main Update"), ("tag", "refs/tags/v0.1.0 Version 0.1.0")]
    {
        let output = world.run(&job, &shell(name, "script")).await;
        assert!(output.status.success(), "{name}: {}", said(&output));
        let reference = pushed.split(' ').next().unwrap();
        assert_eq!(world.at_the_server(reference), pushed);
    }
    let tokens = world.tokens();
    assert_eq!(tokens.len(), 2, "one for each push");
    let output = world.shell(&job, &shell("update", "after_script")).await;
    assert!(output.status.success(), "{}", said(&output));
    for token in tokens {
        world.revoked(&token).await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_shows_even_when_the_shell_tells_all() {
    let world = World::new("").await;
    let job = world.job();
    let lines = "set -x\nportcullis_git push \"$CI_PROJECT_URL.git\" HEAD:refs/heads/a";
    let output = world.run(&job, lines).await;
    assert!(output.status.success(), "{}", said(&output));
    let shown = format!("{}{}", said(&output), said_plainly(&output));
    assert!(shown.contains("portcullis_git push"), "the shell tells what it does: {shown}");
    let token = world.tokens().pop().unwrap();
    assert!(!shown.contains(&token) && !shown.contains(&job), "{shown}");
    let settings = std::fs::read_to_string(world.folder.path().join("clone/.git/config")).unwrap();
    assert!(!settings.contains(&token), "{settings}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_asks_again_while_gitlab_is_down_and_says_why_there_is_no_token() {
    let world = World::new("scopes = [\"write_repository\", \"read_api\"]").await;
    world.gitlab.fault_next_of("POST", 1, Fault::Status { status: 502, retry_after: None });
    let output = world.run(&world.job(), "portcullis_token '?scopes=read_api&ttl=10'").await;
    assert!(output.status.success(), "{}", said(&output));
    let token = said_plainly(&output);
    assert_eq!(world.gitlab.scopes_of(&token), Some(vec!["read_api".to_owned()]), "{token:?}");

    let more = world.run(&world.job(), "portcullis_token '?scopes=api'; echo on").await;
    assert!(!more.status.success());
    assert_eq!(said_plainly(&more), "");
    assert!(said(&more).contains("scope_not_granted"), "{}", said(&more));
    let none = world.run("", "portcullis_git push \"$CI_PROJECT_URL.git\" HEAD:refs/heads/a").await;
    assert!(!none.status.success());
    assert!(said(&none).contains("portcullis: no token"), "{}", said(&none));
    assert_eq!(world.at_the_server("refs"), "");
    world.stop().await;
}
