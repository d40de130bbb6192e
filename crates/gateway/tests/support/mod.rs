//! A gateway in the test's own process, and short ways to talk to it.
//!
//! A test binary that needs only a part of this says `#[expect(dead_code, reason = "…")] mod support;`.

pub(crate) mod audit;
pub(crate) mod broker;
pub(crate) mod everything;

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::{Clock as _, SystemClock, SystemRandomness};
use portcullis_gateway::config::{self, Environment, Loaded, Sources};
use portcullis_gateway::data_dir::DataDir;
use portcullis_gateway::error::StartError;
use portcullis_gateway::serve::Gateway;
use portcullis_test_support::{PgDatabase, postgres, scratch_dir};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::format_description::well_known::Rfc3339;

/// Holders of it administer.
pub(crate) const ADMIN: &str = "the-admin-token-of-these-tests-0123456789";
/// The client `gitlab` reports with it, where a test names no clients of its own.
pub(crate) const REPORTING: &str = "the-reporting-token-of-these-tests-0123456789";
/// The type of our own tokens.
pub(crate) const PAT_TYPE: &str = "gitleaks_rule_id_gitpod_personal_access_token";
/// The type of a GitLab's tokens.
pub(crate) const GITLAB_TYPE: &str = "gitleaks_rule_id_gitlab_personal_access_token_routable";

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A database and a folder for one test, gone when dropped.
pub(crate) struct Database {
    folder: TempDir,
    pub(crate) url: String,
    // Held as long as the database is needed.
    _postgres: Option<PgDatabase>,
}

impl Database {
    #[expect(clippy::unused_async, reason = "as its sister is")]
    pub(crate) async fn sqlite() -> Self {
        let folder = scratch_dir();
        let url = format!("sqlite://{}/portcullis.db", folder.path().display());
        Self { folder, url, _postgres: None }
    }

    pub(crate) async fn postgres() -> Self {
        let database = postgres().await;
        let url = database.url().to_owned();
        Self { folder: scratch_dir(), url, _postgres: Some(database) }
    }

    /// A database that the test keeps by itself.
    pub(crate) fn at(url: String) -> Self {
        Self { folder: scratch_dir(), url, _postgres: None }
    }

    /// Where SQLite's database, the configuration file and the data directory lie.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A configuration file on this database. `listen` are the ports of the two listeners, 0 for
    /// any; `rest` is TOML that follows, without `[server]`, `[database]` and `[secrets]`.
    pub(crate) fn configuration(&self, listen: (u16, u16), rest: &str) -> PathBuf {
        let master_key = "bWFzdGVyLWtleS1vZi10aGVzZS10ZXN0cy0wMTIzNDU";
        let mut text = format!(
            "[server]\nlisten = \"127.0.0.1:{}\"\nadmin_listen = \"127.0.0.1:{}\"\n\
             workers = 2\nshutdown_grace = \"2s\"\n\
             [database]\nurl = \"{}\"\n\
             [secrets]\nmaster_key = \"{master_key}\"\nadmin_tokens = [\"{ADMIN}\"]\n{rest}\n",
            listen.0, listen.1, self.url,
        );
        if !rest.contains("[[revocation_api.clients]]") {
            text += &client_toml("gitlab", REPORTING, "");
        }
        let file = self.folder().join("portcullis.toml");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        file
    }

    pub(crate) fn load(&self, rest: &str) -> Loaded {
        let sources = Sources {
            file: Some(self.configuration((0, 0), rest)),
            data_dir: DataDir::at(self.folder().join("data")),
            environment: Environment::default(),
        };
        config::load(&sources, &SystemRandomness).unwrap()
    }
}

/// A reporter, with more keys in `rest`.
pub(crate) fn client_toml(name: &str, token: &str, rest: &str) -> String {
    format!("[[revocation_api.clients]]\nname = \"{name}\"\ntoken = \"{token}\"\n{rest}\n")
}

/// The provider for a GitLab at `url`.
pub(crate) fn gitlab_toml(url: &str) -> String {
    format!("[[revocation.providers]]\nkind = \"gitlab\"\nurl = \"{url}\"\n")
}

/// `after` from now as RFC 3339 has it.
pub(crate) fn in_future(after: Duration) -> String {
    (SystemClock.now() + after).format(&Rfc3339).unwrap()
}

/// A PAT that was made.
pub(crate) struct Minted {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// A header that comes once; `None` where it does not come.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        assert!(self.headers.get_all(name).iter().count() <= 1, "{name} comes twice");
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The `code` of a problem, which says its own status.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem["code"].as_str().unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }
}

/// A process that another test starts this moment has our files open until it becomes its program, and
/// with them the lock of a gateway that was stopped just before: that passes.
async fn started(config: &Loaded) -> Result<Gateway, StartError> {
    for _ in 0..100 {
        match Gateway::start(config).await {
            Err(error) if error.to_string().contains("another process uses this database") => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            started => return started,
        }
    }
    panic!("the database stayed locked");
}

/// A running gateway. `stop` it at the end of a test.
pub(crate) struct TestGateway {
    gateway: Gateway,
    http: reqwest::Client,
    audit: audit::Log,
}

impl TestGateway {
    /// Starts one on `database` with the TOML `rest` (see [`Database::configuration`]). Several may
    /// share a Postgres.
    pub(crate) async fn start(database: &Database, rest: &str) -> Self {
        Self::of(&database.load(rest)).await
    }

    /// One that was configured elsewhere.
    pub(crate) async fn of(loaded: &Loaded) -> Self {
        Self::attempt(loaded).await.unwrap()
    }

    /// The same, where it may fail.
    pub(crate) async fn attempt(loaded: &Loaded) -> Result<Self, StartError> {
        let gateway = started(loaded).await?;
        let options = ClientOptions { timeout: PATIENCE, ..ClientOptions::default() };
        Ok(Self { gateway, http: client(&options).unwrap(), audit: audit::Log::of(loaded) })
    }

    pub(crate) async fn stop(self) {
        self.gateway.stop().await;
        self.audit.assert_whole_and_clean().await;
    }

    /// The audit log so far.
    pub(crate) async fn audited(&self) -> Vec<Value> {
        self.audit.entries().await.unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway.public_address()
    }

    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.gateway.admin_address()
    }

    /// A request to the public listener; `path` may carry a query.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address()))
    }

    /// A request to the operators' listener.
    pub(crate) fn admin_request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.admin_address()))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// A call of the PAT service with the admin token.
    pub(crate) async fn pats(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, &format!("/v1/pats{path}")).bearer_auth(ADMIN);
        send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// Makes a PAT of `owner` with these scopes that lives as long as `life`.
    pub(crate) async fn mint_for(&self, owner: &str, scopes: &[&str], life: Duration) -> Minted {
        let body = json!({
            "name": "a laptop", "owner": owner, "scopes": scopes, "expires_at": in_future(life),
        });
        let answer = self.pats(Method::POST, "", Some(body)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let made = answer.json();
        let text = |member: &str| made[member].as_str().unwrap().to_owned();
        Minted { id: text("id"), token: text("token") }
    }

    /// Makes a PAT of `user:ann` without scopes that lives an hour.
    pub(crate) async fn mint(&self) -> Minted {
        self.mint_for("user:ann", &[], Duration::from_hours(1)).await
    }

    /// `GET /auth` with a bearer token.
    pub(crate) async fn auth(&self, token: &str) -> Answer {
        send(self.request(Method::GET, "/auth").bearer_auth(token)).await
    }

    /// Reports leaks as GitLab does, with the bare token of the default client.
    pub(crate) async fn report(&self, items: &Value) -> Answer {
        self.report_as(REPORTING, items.to_string()).await
    }

    /// Reports whatever bytes as the client with this token.
    pub(crate) async fn report_as(&self, token: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, "/v1/revoke_tokens");
        send(request.header(AUTHORIZATION, token).body(body)).await
    }

    /// All reported secrets, in the order of their first report; `query` is `?state=…` or empty.
    pub(crate) async fn revocations(&self, query: &str) -> Vec<Value> {
        let (mut all, mut next) = (Vec::new(), String::new());
        let joint = if query.is_empty() { '?' } else { '&' };
        loop {
            let path = format!("/v1/revocations{query}{joint}limit=1000{next}");
            let page = send(self.admin_request(Method::GET, &path).bearer_auth(ADMIN)).await;
            assert_eq!(page.status, 200, "{page:?}");
            let mut page = page.json();
            all.append(page["revocations"].as_array_mut().unwrap());
            match page["next"].as_str() {
                Some(cursor) => next = format!("&after={cursor}"),
                None => return all,
            }
        }
    }

    /// The only reported secret, once it has ended.
    pub(crate) async fn ended(&self) -> Value {
        eventually(PATIENCE, async || {
            let all = self.revocations("").await;
            assert_eq!(all.len(), 1, "{all:?}");
            all.into_iter().find(|row| !row["ended_at"].is_null())
        })
        .await
    }
}

/// Sends a request and reads its answer.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// What `probe` finds, asked again until it finds something.
pub(crate) async fn eventually<T>(within: Duration, probe: impl AsyncFn() -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(within, search).await;
    found.unwrap_or_else(|_| panic!("not within {within:?}"))
}
