//! A gateway as a process in a folder of its own, configured by what lies there.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use portcullis_base::http::{ClientOptions, client};
use portcullis_test_support::free_port;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// The type of our own tokens.
pub(crate) const PAT_TYPE: &str = "gitleaks_rule_id_gitpod_personal_access_token";
/// A type whose secrets wait: nobody answers for them.
pub(crate) const WAITING_TYPE: &str = "gitleaks_rule_id_gitlab_personal_access_token_routable";

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the binary in `folder` with these variables.
pub(crate) fn portcullis(
    binary: &Path,
    folder: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Output {
    Command::new(binary)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub(crate) fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_portcullis"))
}

/// Writes a file for its owner alone, whole at every moment.
pub(crate) fn write(path: &Path, text: &str) {
    let fresh = path.with_extension("new");
    fs::write(&fresh, text).unwrap();
    fs::set_permissions(&fresh, Permissions::from_mode(0o600)).unwrap();
    fs::rename(fresh, path).unwrap();
}

/// What a process said on standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A GitLab that is not there, so that what is reported of it waits, and a dead gateway's leases are short.
pub(crate) fn nobody() -> String {
    format!(
        "[revocation]\ncall_timeout = \"1s\"\nlease_margin = \"1s\"\n\
         [[revocation.providers]]\nkind = \"gitlab\"\nurl = \"http://127.0.0.1:{}\"\n",
        free_port()
    )
}

/// A running gateway. Killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    folder: PathBuf,
    public: u16,
    admin: u16,
    http: reqwest::Client,
}

impl Gateway {
    /// Starts `portcullis serve` in `folder` with `portcullis.toml` there, and waits until it is ready. Standard
    /// error goes to `log` there.
    pub(crate) async fn start(folder: &Path) -> Self {
        let (public, admin) = (free_port(), free_port());
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let child = Command::new(shipped())
            .args(["serve", "--config", "portcullis.toml"])
            .current_dir(folder)
            .env_clear()
            .env("PORTCULLIS__SERVER__LISTEN", format!("127.0.0.1:{public}"))
            .env("PORTCULLIS__SERVER__ADMIN_LISTEN", format!("127.0.0.1:{admin}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let options = ClientOptions { timeout: PATIENCE, ..ClientOptions::default() };
        let http = client(&options).unwrap();
        let mut gateway = Self { child, folder: folder.to_owned(), public, admin, http };
        gateway.until_ready().await;
        gateway
    }

    async fn until_ready(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let ready = self.http.get(self.url("/ready")).send().await;
            if ready.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let left = self.child.try_wait().unwrap();
            assert!(left.is_none(), "it left: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it did not come up: {}", self.log());
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.public)
    }

    /// All that it has said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A token of `secrets.toml` or of the configuration.
    pub(crate) fn secret(&self, name: &str) -> String {
        let arguments = ["secrets", "show", name, "--config", "portcullis.toml"];
        let output = portcullis(&shipped(), &self.folder, &arguments, &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Makes a PAT and gives the token.
    pub(crate) async fn mint(&self) -> String {
        let body = json!({
            "name": "a laptop", "owner": "user:ann", "expires_at": in_a_day(),
        });
        let request = self.http.post(self.url("/v1/pats")).json(&body);
        let answer = request.bearer_auth(self.secret("admin_token")).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned()
    }

    /// The status of `/auth` with a token.
    pub(crate) async fn auth(&self, token: &str) -> u16 {
        self.status(self.http.get(self.url("/auth")).bearer_auth(token)).await
    }

    /// Reports a secret of this type; the status.
    pub(crate) async fn report(&self, token_type: &str, secret: &str) -> u16 {
        self.report_as(&self.secret("revocation_api_token"), token_type, secret).await
    }

    /// The same by whoever has this token.
    pub(crate) async fn report_as(&self, by: &str, token_type: &str, secret: &str) -> u16 {
        let request = self.http.post(self.url("/v1/revoke_tokens"));
        let body = json!([{ "type": token_type, "token": secret }]);
        self.status(request.header("authorization", by).json(&body)).await
    }

    pub(crate) async fn status(&self, request: RequestBuilder) -> u16 {
        request.send().await.unwrap().status().as_u16()
    }

    /// The status of the operators' listing with this admin token.
    pub(crate) async fn administers(&self, token: &str) -> u16 {
        let url = format!("http://127.0.0.1:{}/v1/revocations", self.admin);
        self.status(self.http.get(url).bearer_auth(token)).await
    }

    /// Every row, by fingerprint, with its state.
    pub(crate) async fn rows(&self) -> Vec<(String, String)> {
        let url = format!("http://127.0.0.1:{}/v1/revocations?limit=1000", self.admin);
        let request = self.http.get(url).bearer_auth(self.secret("admin_token"));
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        let rows = page["revocations"].as_array().unwrap();
        let mut rows: Vec<_> =
            rows.iter().map(|row| (text(row, "fingerprint"), text(row, "state"))).collect();
        rows.sort();
        rows
    }

    /// The same once `holds` of them.
    pub(crate) async fn rows_once(&self, holds: impl Fn(&[(String, String)]) -> bool) {
        let begun = Instant::now();
        loop {
            let rows = self.rows().await;
            if holds(&rows) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{rows:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until it has said this so often.
    pub(crate) async fn said(&self, text: &str, times: usize) {
        let begun = Instant::now();
        while self.log().matches(text).count() < times {
            assert!(begun.elapsed() < PATIENCE, "not {times} times {text:?}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGTERM, and a clean end.
    pub(crate) fn stop(mut self) {
        self.signal("-TERM");
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Gone already where all went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn in_a_day() -> String {
    use portcullis_base::{Clock as _, SystemClock};
    use time::format_description::well_known::Rfc3339;
    (SystemClock.now() + Duration::from_hours(24)).format(&Rfc3339).unwrap()
}
