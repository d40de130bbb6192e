//! A GitLab, a gateway that signs its tokens anew, and tokens.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use portcullis_test_support::{SigningKey, base64url, private_jwks};
use reqwest::Method;
use reqwest::header::HOST;
use serde_json::{Value, json};

use crate::support::{Database, TestGateway, send};

/// Whom tokens are for.
pub(crate) const AUDIENCE: &str = "https://cloud.example.com";
/// What tokens of ours take over.
pub(crate) const CLONED: [&str; 5] =
    ["sub", "project_path", "ref_protected", "user_login", "groups_direct"];
/// By which is signed, each with a key whose `kid` is the algorithm's name.
pub(crate) const SIGNING: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"];
/// Its key is published, and does not sign.
pub(crate) const SILENT: &str = "PS512";

/// A GitLab and the gateway that knows it.
pub(crate) struct World {
    gitlab: FakeGitlab,
    keys: Vec<SigningKey>,
    pub(crate) gateway: TestGateway,
    // Held as long as the gateway needs it.
    _database: Database,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (gitlab, database) = (FakeGitlab::start(), Database::sqlite().await);
        let keys = SigningKey::one_for_each(SIGNING.into_iter().chain([SILENT]));
        let file = database.folder().join("ours.json");
        fs::write(&file, private_jwks(&keys).to_string()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let section = format!(
            "[oidc_proxy]\njwks_file = \"{}\"\nsigning_algs = {SIGNING:?}\n\
             default_signing_alg = \"RS256\"\nupstream_issuer = \"{}\"\n\
             clone_upstream_claims = {CLONED:?}\n",
            file.display(),
            gitlab.url(),
        );
        let gateway = TestGateway::start(&database, &section).await;
        Self { gitlab, keys, gateway, _database: database }
    }

    /// How the issuer is called where it is asked by its address.
    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.gateway.address())
    }

    /// The token of a job, as its GitLab signed it.
    pub(crate) fn job(&self) -> String {
        let audience = AUDIENCE.to_owned();
        self.gitlab.mint_id_token(&JobSpec { audience, ..JobSpec::default() })
    }

    /// The same signed by us.
    pub(crate) async fn resigned(&self, job: &str, algorithm: &str) -> String {
        self.resigned_at(&self.gateway.address().to_string(), job, algorithm).await
    }

    /// The same by the issuer of this name: without a configured one, it is what the request calls it.
    pub(crate) async fn resigned_at(&self, host: &str, job: &str, algorithm: &str) -> String {
        let request = self.gateway.request(Method::POST, "/token").header(HOST, host);
        let answer = send(request.json(&json!({"token": job, "alg": algorithm}))).await;
        assert_eq!(answer.status, 200, "{algorithm}: {answer:?}");
        let header = json!({"alg": algorithm, "kid": algorithm});
        assert_eq!(segment(&answer.text, 0), header, "it is signed as was asked");
        answer.text
    }

    /// The key of this algorithm.
    pub(crate) fn key(&self, algorithm: &str) -> &SigningKey {
        self.keys.iter().find(|key| key.header()["alg"] == algorithm).unwrap()
    }
}

/// What a token says, whoever signed it.
pub(crate) fn payload(token: &str) -> Value {
    segment(token, 1)
}

/// The token with other claims under its signature.
pub(crate) fn with_payload(token: &str, claims: &Value) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], base64url(claims.to_string()), parts[2])
}

fn segment(token: &str, place: usize) -> Value {
    let json = URL_SAFE_NO_PAD.decode(token.split('.').nth(place).unwrap()).unwrap();
    serde_json::from_slice(&json).unwrap()
}
