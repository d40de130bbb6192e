//! The real binary as a process of its own.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use serde_json::{Value, json};

const TYPE: &str = "gitleaks_rule_id_gitlab_personal_access_token_routable";
const ADMIN: &str = "an-admin-token-of-this-test-0123456789";
const REPORTER: &str = "a-reporting-token-of-this-test-0123456789";
/// 32 bytes.
const MASTER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

pub(crate) enum Place {
    Sqlite,
    Postgres(String),
}

pub(crate) struct Process {
    child: Child,
    directory: PathBuf,
    public: u16,
    admin: u16,
    http: reqwest::Client,
}

impl Process {
    pub(crate) async fn start(place: &Place, directory: &Path, gitlab: &str) -> Self {
        Self::launch(place, directory, gitlab, spawn).await
    }

    /// One whose files cannot grow beyond `kibibytes` each, until it is started again.
    pub(crate) async fn start_limited(
        place: &Place,
        directory: &Path,
        gitlab: &str,
        kibibytes: u32,
    ) -> Self {
        Self::launch(place, directory, gitlab, |directory| {
            // Without the trap the system would kill it instead of refusing the write.
            let limit = format!("trap '' XFSZ; ulimit -S -f {}; exec \"$0\" \"$@\"", kibibytes * 2);
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &limit, env!("CARGO_BIN_EXE_portcullis")]);
            spawn_as(command, directory)
        })
        .await
    }

    async fn launch(
        place: &Place,
        directory: &Path,
        gitlab: &str,
        spawn: impl FnOnce(&Path) -> Child,
    ) -> Self {
        let ports = (portcullis_test_support::free_port(), portcullis_test_support::free_port());
        std::fs::write(directory.join("portcullis.toml"), config(place, ports, gitlab)).unwrap();
        let options =
            ClientOptions { timeout: Duration::from_secs(10), ..ClientOptions::default() };
        let process = Self {
            child: spawn(directory),
            directory: directory.to_owned(),
            public: ports.0,
            admin: ports.1,
            http: client(&options).unwrap(),
        };
        process.wait_until_ready().await;
        process
    }

    /// Its files may grow again.
    pub(crate) fn lift_limit(&self) {
        let pid = self.child.id().to_string();
        let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status();
        assert!(lifted.unwrap().success());
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        self.child = spawn(&self.directory);
        self.wait_until_ready().await;
    }

    /// SIGTERM, and a clean end.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    pub(crate) fn reporter(&self) -> Reporter {
        let url = format!("http://127.0.0.1:{}/v1/revoke_tokens", self.public);
        Reporter { http: self.http.clone(), url }
    }

    pub(crate) async fn wait_until_nothing_waits(&self) {
        for _ in 0..600 {
            if self.page("pending", "").await["revocations"] == json!([]) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("something still waits");
    }

    /// How many rows are in each state.
    pub(crate) async fn count_ends(&self) -> BTreeMap<String, usize> {
        let mut ends = BTreeMap::new();
        for state in ["pending", "held", "revoked", "inactive", "refused", "failed", "cancelled"] {
            let mut after = String::new();
            loop {
                let page = self.page(state, &after).await;
                let count = page["revocations"].as_array().unwrap().len();
                if count > 0 {
                    *ends.entry(state.to_owned()).or_default() += count;
                }
                let Some(next) = page["next"].as_str() else { break };
                after = format!("&after={next}");
            }
        }
        ends
    }

    async fn page(&self, state: &str, after: &str) -> Value {
        let url = format!(
            "http://127.0.0.1:{}/v1/revocations?limit=1000&state={state}{after}",
            self.admin
        );
        let request = self.http.get(url).bearer_auth(ADMIN);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    pub(crate) async fn is_healthy(&self) -> bool {
        self.says_yes("health").await
    }

    pub(crate) async fn is_ready(&self) -> bool {
        self.says_yes("ready").await
    }

    async fn says_yes(&self, path: &str) -> bool {
        let url = format!("http://127.0.0.1:{}/{path}", self.public);
        self.http.get(&url).send().await.is_ok_and(|r| r.status().is_success())
    }

    async fn wait_until_ready(&self) {
        for _ in 0..600 {
            if self.is_ready().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        panic!("the gateway did not come up: {log}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Dead already where the test went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reports as GitLab does.
pub(crate) struct Reporter {
    http: reqwest::Client,
    url: String,
}

impl Reporter {
    /// Whether all of them were acknowledged.
    pub(crate) async fn report(&self, tokens: &[String]) -> bool {
        let response = self.post(tokens).await;
        response.is_ok_and(|response| response.status() == 204)
    }

    /// The status, and whether the answer says when to come back.
    pub(crate) async fn answer(&self, tokens: &[String]) -> (u16, bool) {
        let response = self.post(tokens).await.unwrap();
        (response.status().as_u16(), response.headers().contains_key("retry-after"))
    }

    async fn post(&self, tokens: &[String]) -> reqwest::Result<reqwest::Response> {
        let items: Vec<Value> = tokens
            .iter()
            .map(|token| {
                json!({
                    "type": TYPE,
                    "token": token,
                    "location": "https://gitlab.example/a/-/blob/main/.env",
                    "vulnerability": { "id": 1 },
                })
            })
            .collect();
        let request = self.http.post(&self.url).header("Authorization", REPORTER).json(&items);
        request.send().await
    }
}

fn spawn(directory: &Path) -> Child {
    spawn_as(Command::new(env!("CARGO_BIN_EXE_portcullis")), directory)
}

fn spawn_as(mut command: Command, directory: &Path) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(directory.join("log")).unwrap();
    command
        .args(["serve", "--config", "portcullis.toml", "--data-dir", "data"])
        .current_dir(directory)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn config(place: &Place, (public, admin): (u16, u16), gitlab: &str) -> String {
    let database = match place {
        Place::Sqlite => String::new(),
        Place::Postgres(url) => format!("[database]\nurl = \"{url}\"\n"),
    };
    format!(
        r#"
[server]
listen = "127.0.0.1:{public}"
admin_listen = "127.0.0.1:{admin}"
shutdown_grace = "2s"
{database}
[log]
filter = "debug"
[secrets]
master_key = "{MASTER}"
admin_tokens = ["{ADMIN}"]
[revocation]
call_timeout = "2s"
retry_base = "50ms"
poll_interval = "200ms"
[[revocation.providers]]
kind = "gitlab"
url = "{gitlab}"
[[revocation_api.clients]]
name = "gitlab"
token = "{REPORTER}"
rate_limit = {{ per_second = 100000, burst = 100000 }}
"#
    )
}
