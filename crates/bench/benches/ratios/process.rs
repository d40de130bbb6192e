//! The release binary, and the bare server beside it, as processes of their own.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cargo_metadata::Message;
use portcullis_base::http::{ClientOptions, client};
use serde_json::{Value, json};

use crate::queue::{MASTER, TYPE};

const ADMIN: &str = "an-admin-token-of-the-benches-0123456789";
const REPORTER: &str = "a-reporting-token-of-the-benches-0123456789";

/// A tick of `/proc/PID/stat`: a hundredth of a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// The binary as `make run` builds it, and never an older one.
pub(crate) fn portcullis() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--bin", "portcullis"])
            .arg("--message-format=json-render-diagnostics")
            // The workspace as a whole, or another set of features would be built.
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        let built = Message::parse_stream(output.stdout.as_slice()).find_map(|message| {
            let Message::CompilerArtifact(made) = message.expect("cargo's JSON") else {
                return None;
            };
            made.executable.filter(|_| made.target.name == "portcullis")
        });
        built.expect("the binary is built").into()
    })
}

/// A process that ends with its handle.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Processor time that it has used, in all its threads.
    pub(crate) fn used(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).expect("it runs");
        // The name, which may hold anything, ends at the last bracket; the third field follows it.
        let (_, rest) = stat.rsplit_once(')').expect("a name in brackets");
        let ticks = rest.split_whitespace().skip(11).take(2);
        ticks.map(|ticks| TICK * ticks.parse::<u32>().expect("a number")).sum()
    }

    /// The memory that is really there, in MiB (`VmRSS`).
    pub(crate) fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("a size");
        kibibytes.trim().parse::<f64>().expect("a number") / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// actix-web that does nothing but answer: the process, and its port.
pub(crate) fn bare_hello() -> (Process, u16) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bare-hello"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the bare server starts");
    let mut line = String::new();
    let output = child.stdout.take().expect("its output is a pipe");
    BufReader::new(output).read_line(&mut line).expect("it says its port");
    (Process(child), line.trim().parse().expect("a port"))
}

/// A gateway with nothing configured beyond what is needed to talk to it.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    pub(crate) port: u16,
    admin_port: u16,
    http: reqwest::Client,
    #[expect(dead_code, reason = "its working directory, there for as long as it runs")]
    folder: tempfile::TempDir,
}

impl Gateway {
    /// Starts one on the database of this address, with this GitLab if any, and waits until it is ready. How long
    /// that took comes with it.
    pub(crate) async fn start(database: &str, gitlab: Option<&str>) -> (Self, Duration) {
        let section = |url| format!("[[revocation.providers]]\nkind = \"gitlab\"\nurl = \"{url}\"");
        Self::start_with(database, &gitlab.map(section).unwrap_or_default()).await
    }

    /// The same with these sections, whatever they are.
    pub(crate) async fn start_with(database: &str, sections: &str) -> (Self, Duration) {
        let program = portcullis();
        let folder = portcullis_test_support::scratch_dir();
        let ports = (portcullis_test_support::free_port(), portcullis_test_support::free_port());
        let file = config(database, ports, sections);
        fs::write(folder.path().join("portcullis.toml"), file).expect("a file can be written");
        let log = File::create(folder.path().join("log")).expect("a file can be made");
        let begun = Instant::now();
        let child = Command::new(program)
            .args(["serve", "--config", "portcullis.toml", "--data-dir", "data"])
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle can be copied"))
            .stderr(log)
            .spawn()
            .expect("the gateway starts");
        let http = client(&ClientOptions::default()).expect("a client");
        let process = Process(child);
        let gateway = Self { process, port: ports.0, admin_port: ports.1, http, folder };
        gateway.wait_until_ready(begun).await;
        (gateway, begun.elapsed())
    }

    async fn wait_until_ready(&self, begun: Instant) {
        let url = format!("http://127.0.0.1:{}/ready", self.port);
        while !self.http.get(&url).send().await.is_ok_and(|r| r.status().is_success()) {
            assert!(begun.elapsed() < Duration::from_secs(30), "the gateway did not come up");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// A PAT that is good for a day.
    pub(crate) async fn mint(&self) -> String {
        use portcullis_base::{Clock as _, SystemClock};
        use time::format_description::well_known::Rfc3339;
        let tomorrow = SystemClock.now() + time::Duration::days(1);
        let expires_at = tomorrow.format(&Rfc3339).expect("a time of this century");
        let url = format!("http://127.0.0.1:{}/v1/pats", self.port);
        let body = json!({ "name": "bench", "owner": "user:ann@example.com", "scopes": ["read"],
            "expires_at": expires_at });
        let sent = self.http.post(url).bearer_auth(ADMIN).json(&body).send().await;
        let answer: Value = sent.expect("it answers").json().await.expect("JSON");
        answer["token"].as_str().expect("a token").to_owned()
    }

    /// Reports these as GitLab does, and hears the 204.
    pub(crate) async fn report(&self, tokens: &[String]) {
        let item =
            |token| json!({ "type": TYPE, "token": token, "location": crate::queue::LOCATION });
        let items: Vec<Value> = tokens.iter().map(item).collect();
        let url = format!("http://127.0.0.1:{}/v1/revoke_tokens", self.port);
        let sent = self.http.post(url).header("Authorization", REPORTER).json(&items).send().await;
        assert_eq!(sent.expect("it answers").status(), 204);
    }

    /// The name of the first row that is `revoked` after the one named by `after`, if there is any.
    pub(crate) async fn revoked_after(&self, after: Option<&str>) -> Option<String> {
        let after = after.map(|name| format!("&after={name}")).unwrap_or_default();
        let url = format!(
            "http://127.0.0.1:{}/v1/revocations?state=revoked&limit=1{after}",
            self.admin_port
        );
        let sent = self.http.get(url).bearer_auth(ADMIN).send().await.expect("it answers");
        let answer: Value = sent.json().await.expect("JSON");
        answer["next"].as_str().map(str::to_owned)
    }
}

fn config(database: &str, (public, admin): (u16, u16), sections: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:{public}"
admin_listen = "127.0.0.1:{admin}"
[database]
url = "{database}"
[secrets]
master_key = "{MASTER}"
admin_tokens = ["{ADMIN}"]
{sections}
[[revocation_api.clients]]
name = "gitlab"
token = "{REPORTER}"
rate_limit = {{ per_second = 100000, burst = 100000 }}
"#
    )
}
