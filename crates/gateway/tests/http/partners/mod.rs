//! What GitHub and GitLab report under their partner programmes: ours dies, nothing else is kept.

pub(crate) mod bad;
pub(crate) mod trouble;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;
use openssl::sign::Signer;
use portcullis_fake_gitlab::{JobSpec, TokenState};
use portcullis_test_support::{Reply, SigningKey, Site};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::garbage::MARK;
use crate::support::broker::{broker_toml, gitlab, given};
use crate::support::{ADMIN, Answer, Database, PAT_TYPE, PATIENCE, TestGateway, eventually, send};

pub(crate) const GITHUB: &str = "/v1/partners/github";
pub(crate) const GITLAB: &str = "/v1/partners/gitlab";
const KEYS: &str = "/keys";

/// A programme: its key, and the place where that is published.
pub(crate) struct Programme {
    pub(crate) site: Site,
    pub(crate) key: SigningKey,
}

impl Programme {
    pub(crate) fn start() -> Self {
        let one = Self { site: Site::start(), key: SigningKey::generate("ES256", "now") };
        let retired = SigningKey::generate("ES256", "before");
        one.publish(&[(&one.key, "now", true), (&retired, "before", false)]);
        one
    }

    pub(crate) fn publish(&self, keys: &[(&SigningKey, &str, bool)]) {
        let entry = |(key, identifier, is_current): &(&SigningKey, &str, bool)| {
            let pem = String::from_utf8(key.pkey().public_key_to_pem().unwrap()).unwrap();
            json!({ "key_identifier": identifier, "key": pem, "is_current": is_current })
        };
        let keys: Vec<Value> = keys.iter().map(entry).collect();
        self.site.set(KEYS, Reply::json(json!({ "public_keys": keys })));
    }

    /// Both sections, with the keys of this one; `rest` are more keys of GitHub's.
    pub(crate) fn toml(&self, rest: &str) -> String {
        let url = format!("keys_url = \"{}{KEYS}\"\n", self.site.url());
        format!("[partners.gitlab]\n{url}[partners.github]\n{url}{rest}\n")
    }

    pub(crate) fn sign(&self, body: &[u8]) -> String {
        let mut signer = Signer::new(MessageDigest::sha256(), self.key.pkey()).unwrap();
        STANDARD.encode(signer.sign_oneshot_to_vec(body).unwrap())
    }

    /// A request that holds in every respect.
    pub(crate) fn request(
        &self,
        gateway: &TestGateway,
        path: &str,
        body: impl Into<Vec<u8>>,
    ) -> RequestBuilder {
        let body = body.into();
        let signature = self.sign(&body);
        claimed(gateway, path, "now", &signature).body(body)
    }

    pub(crate) async fn report(&self, gateway: &TestGateway, path: &str, items: &Value) -> Answer {
        send(self.request(gateway, path, items.to_string())).await
    }
}

/// A request without a body that says of itself who signed it.
pub(crate) fn claimed(
    gateway: &TestGateway,
    path: &str,
    identifier: &str,
    signature: &str,
) -> RequestBuilder {
    let prefix = if path.ends_with("github") { "GITHUB" } else { "Gitlab" };
    gateway
        .request(Method::POST, path)
        .header(format!("{prefix}-PUBLIC-KEY-IDENTIFIER"), identifier)
        .header(format!("{prefix}-PUBLIC-KEY-SIGNATURE"), signature)
}

pub(crate) async fn sightings(gateway: &TestGateway, row: &Value) -> Vec<[Value; 3]> {
    let path = format!("/v1/revocations/{}", row["fingerprint"].as_str().unwrap());
    let shown = send(gateway.admin_request(Method::GET, &path).bearer_auth(ADMIN)).await.json();
    let one = |seen: &Value| ["reporter", "type", "location"].map(|name| seen[name].clone());
    shown["sightings_kept"].as_array().unwrap().iter().map(one).collect()
}

fn labels(answer: &Answer) -> Vec<&'static str> {
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let label = |one: &Value| match one["label"].as_str().unwrap() {
        "true_positive" => "true",
        "false_positive" => "false",
        other => panic!("{other}"),
    };
    answer.json().as_array().unwrap().iter().map(label).collect()
}

pub(crate) async fn our_pat_is_dead_at_the_label(database: Database) {
    let programme = Programme::start();
    let mapped = format!("types = {{ their_name = \"{PAT_TYPE}\" }}");
    let gateway = TestGateway::start(&database, &programme.toml(&mapped)).await;
    let pat = gateway.mint().await.token;
    assert_eq!(gateway.auth(&pat).await.status, 200, "and is remembered");
    let found = format!("{MARK}-of-another");
    let url = "https://github.com/a/b/blob/c/.env";
    let items = json!([
        { "type": "their_name", "token": found, "url": url, "source": "content" },
        { "type": "their_name", "token": pat, "url": url, "source": "content" },
        { "type": "whatever", "token": pat, "url": format!("https://x:{pat}@a.example/") },
    ]);
    let answer = programme.report(&gateway, GITHUB, &items).await;
    assert_eq!(gateway.auth(&pat).await.status, 401, "at once");
    assert_eq!(labels(&answer), ["false", "true", "true"]);
    assert_eq!(
        answer.json()[1],
        json!({ "token_raw": pat, "token_type": "their_name", "label": "true_positive" })
    );
    let row = gateway.ended().await;
    assert_eq!((&row["state"], &row["type"]), (&json!("revoked"), &json!(PAT_TYPE)));
    let mut seen = sightings(&gateway, &row).await;
    seen.sort_by_key(|[_, token_type, _]| token_type.to_string());
    assert_eq!(
        seen,
        [
            [json!("github"), json!(PAT_TYPE), json!(format!("{url} (content)"))],
            [json!("github"), json!("whatever"), json!("https://x:[secret]@a.example/")],
        ]
    );
    // What was sent once can be sent again, by whoever has seen it.
    for _ in 0..3 {
        let again = programme.report(&gateway, GITHUB, &items).await;
        assert_eq!(labels(&again), ["false", "true", "true"], "dead, and still ours");
    }
    let again = gateway.ended().await;
    assert_eq!((&again["state"], &again["ended_at"]), (&row["state"], &row["ended_at"]));
    assert_eq!(sightings(&gateway, &again).await.len(), 2);
    assert_eq!(programme.site.count(KEYS), 1);
    gateway.stop().await;
}

pub(crate) async fn our_pat_is_dead_at_the_204(database: Database) {
    let programme = Programme::start();
    let gateway = TestGateway::start(&database, &programme.toml("")).await;
    let pat = gateway.mint().await.token;
    assert_eq!(gateway.auth(&pat).await.status, 200);
    let items = json!([
        { "type": PAT_TYPE, "token": format!("{MARK}-of-another"), "url": "https://a.example" },
        { "type": "my_api_token", "token": pat, "url": "https://gitlab.com/a/-/raw/b/c" },
    ]);
    let answer = programme.report(&gateway, GITLAB, &items).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(gateway.auth(&pat).await.status, 401, "at once");
    let row = gateway.ended().await;
    assert_eq!(row["state"], "revoked");
    let location = json!("https://gitlab.com/a/-/raw/b/c");
    let seen = [json!("gitlab-partner"), json!("my_api_token"), location];
    assert_eq!(sightings(&gateway, &row).await, [seen]);
    gateway.stop().await;
}

pub(crate) async fn a_lent_token_dies_whatever_it_is_taken_for(database: Database) {
    let (programme, gitlab) = (Programme::start(), gitlab());
    // In pieces of two: what is lent is found in each of them.
    let rest =
        format!("revoke_seconds = 600\n[revocation_api]\nmax_batch = 2\n{}", programme.toml(""));
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, &rest)).await;
    for path in [GITHUB, GITLAB] {
        let one = given(&gateway, &gitlab, &JobSpec::default()).await;
        let other = given(&gateway, &gitlab, &JobSpec::default()).await;
        let item = |token: &str| json!({ "type": "t", "token": token, "url": "https://a.example" });
        let unknown = item(&format!("{MARK}-of-another"));
        let items = json!([item(&one), unknown, unknown, unknown, item(&other)]);
        let answer = programme.report(&gateway, path, &items).await;
        if path == GITHUB {
            assert_eq!(labels(&answer), ["true", "false", "false", "false", "true"]);
        }
        let dead = |token: &str| gitlab.state(token) == Some(TokenState::Revoked);
        eventually(PATIENCE, async || (dead(&one) && dead(&other)).then_some(())).await;
        let again = programme.report(&gateway, path, &items).await;
        assert_eq!(again.status, answer.status, "{path}");
    }
    let rows = gateway.revocations("").await;
    assert_eq!(rows.len(), 4, "nothing is kept of what is not ours");
    assert!(rows.iter().all(|row| row["provider"] == "impersonation"), "{rows:?}");
    gateway.stop().await;
}
