//! What is asked of a gateway: from outside, over HTTP, as its users do.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_base::{Clock as _, SystemClock};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::config::{ADMIN, REPORTER};

pub(crate) const TYPE: &str = "gitleaks_rule_id_gitlab_personal_access_token_routable";
const LIFE: Duration = Duration::from_hours(1);
const STATES: [&str; 10] = [
    "pending",
    "held",
    "revoked",
    "inactive",
    "submitted",
    "refused",
    "noted",
    "simulated",
    "cancelled",
    "failed",
];

/// Looks at a page that may fail, and what lies between them.
const PATIENCE: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);
/// How long one page may take.
const PAGE: Duration = Duration::from_secs(2);

/// Where a gateway listens on loopback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) public: u16,
    pub(crate) admin: u16,
}

/// A way to one gateway, with the tokens of its operator and of its reporter.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    ports: Ports,
}

/// A row as the admin API shows it: what must never change once it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) fingerprint: String,
    pub(crate) state: String,
    pub(crate) ended_at: Option<String>,
    /// Claims in the round of attempts that ended it.
    pub(crate) attempts: u64,
}

/// What was written down of an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) lease: u64,
    pub(crate) at: Option<String>,
    pub(crate) outcome: String,
}

/// A personal access token of the gateway's own.
#[derive(Debug, Clone)]
pub(crate) struct Minted {
    pub(crate) token: String,
}

impl Client {
    pub(crate) fn new(http: reqwest::Client, ports: Ports) -> Self {
        Self { http, ports }
    }

    /// Where clients find it.
    pub fn public_port(&self) -> u16 {
        self.ports.public
    }

    fn public(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.public)
    }

    fn admin(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports.admin)
    }

    /// Whether all of them were acknowledged.
    pub async fn report(&self, tokens: &[String]) -> bool {
        self.post(tokens).await.is_ok_and(|response| response.status() == 204)
    }

    /// The status of a report, and whether the answer says when to come back.
    ///
    /// # Panics
    /// Where nothing answers.
    pub async fn answer(&self, tokens: &[String]) -> (u16, bool) {
        let response = self.post(tokens).await.expect("the gateway answers");
        (response.status().as_u16(), response.headers().contains_key("retry-after"))
    }

    /// As GitLab does: a bare token, and a whole vulnerability beside each secret.
    async fn post(&self, tokens: &[String]) -> reqwest::Result<reqwest::Response> {
        let item = |token: &String| {
            json!({
                "type": TYPE,
                "token": token,
                "location": "https://gitlab.example/a/-/blob/main/.env",
                "vulnerability": { "id": 1 },
            })
        };
        let items: Vec<Value> = tokens.iter().map(item).collect();
        let request = self.http.post(self.public("/v1/revoke_tokens"));
        request.header("Authorization", REPORTER).json(&items).send().await
    }

    /// Asks for a token with a job's JWT: the status, and the token where it is 200.
    ///
    /// # Errors
    /// Where no answer comes.
    pub async fn borrow(&self, jwt: &str) -> reqwest::Result<(u16, String)> {
        let response = self.http.get(self.public("/token")).bearer_auth(jwt).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// Whether it lives.
    pub async fn is_healthy(&self) -> bool {
        self.says_yes("/health").await
    }

    /// Whether it can work.
    pub async fn is_ready(&self) -> bool {
        self.says_yes("/ready").await
    }

    async fn says_yes(&self, path: &str) -> bool {
        self.http.get(self.public(path)).send().await.is_ok_and(|r| r.status().is_success())
    }

    /// How many rows are in each state that has any.
    ///
    /// # Panics
    /// Where it does not answer.
    pub async fn count_ends(&self) -> BTreeMap<String, usize> {
        let mut ends = BTreeMap::new();
        for state in STATES {
            let rows = self.rows(&format!("&state={state}")).await.expect("the gateway answers");
            if !rows.is_empty() {
                ends.insert(state.to_owned(), rows.len());
            }
        }
        ends
    }

    /// All rows that fit the rest of the query.
    async fn rows(&self, query: &str) -> Option<Vec<Row>> {
        rows(std::slice::from_ref(self), query).await
    }

    /// Every attempt at a row that was written down.
    pub(crate) async fn attempts(&self, row: &Row) -> reqwest::Result<Vec<Made>> {
        let detail = self.look(&format!("/v1/revocations/{}", row.fingerprint)).await?;
        Ok(detail["attempts_made"].as_array().into_iter().flatten().map(made).collect())
    }

    /// Whether anything is still to be done.
    pub(crate) async fn something_waits(&self) -> reqwest::Result<bool> {
        let page = self.look("/v1/revocations?limit=1&state=pending").await?;
        Ok(page["revocations"] != json!([]))
    }

    async fn look(&self, path: &str) -> reqwest::Result<Value> {
        let request = self.http.get(self.admin(path)).bearer_auth(ADMIN);
        request.send().await?.error_for_status()?.json().await
    }

    /// A fresh token for anybody.
    pub(crate) async fn mint(&self) -> reqwest::Result<Minted> {
        let expires_at = (SystemClock.now() + LIFE).format(&Rfc3339);
        let body = json!({
            "name": "chaos",
            "owner": "user:chaos@example.com",
            "expires_at": expires_at.expect("this century can be written"),
        });
        let request = self.http.post(self.public("/v1/pats")).bearer_auth(ADMIN).json(&body);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        Ok(Minted { token: answer["token"].as_str().unwrap_or_default().to_owned() })
    }

    /// The status with which `/auth` answers to a token.
    pub(crate) async fn auth(&self, minted: &Minted) -> reqwest::Result<u16> {
        let request = self.http.get(self.public("/auth")).bearer_auth(&minted.token);
        Ok(request.send().await?.status().as_u16())
    }
}

/// All rows that fit the rest of the query, page by page, each from whichever gateway answers: one that
/// was killed or stands still is passed over, or waited for where there is no other. `None` where none
/// answered for long.
pub(crate) async fn rows(clients: &[Client], query: &str) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let mut after = String::new();
    let mut clients = clients.iter().cycle();
    let mut client = clients.next()?;
    let mut failures = 0;
    loop {
        let path = format!("/v1/revocations?limit=1000{query}{after}");
        let Ok(Ok(page)) = tokio::time::timeout(PAGE, client.look(&path)).await else {
            if failures == PATIENCE {
                return None;
            }
            failures += 1;
            client = clients.next()?;
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        rows.extend(page["revocations"].as_array().into_iter().flatten().map(row));
        let Some(next) = page["next"].as_str() else { return Some(rows) };
        after = format!("&after={next}");
    }
}

fn row(value: &Value) -> Row {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Row {
        fingerprint: text("fingerprint").unwrap_or_default(),
        state: text("state").unwrap_or_default(),
        ended_at: text("ended_at"),
        attempts: value["attempts"].as_u64().unwrap_or_default(),
    }
}

fn made(value: &Value) -> Made {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Made {
        lease: value["lease"].as_u64().unwrap_or_default(),
        at: text("at"),
        outcome: text("outcome").unwrap_or_default(),
    }
}
