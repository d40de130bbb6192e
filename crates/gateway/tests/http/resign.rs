//! The re-signer: a private issuer's tokens, signed anew by one that the world can ask.

#[path = "resign/answers.rs"]
mod answers;
#[path = "resign/documents.rs"]
mod documents;
#[path = "resign/exchange.rs"]
mod exchange;
#[path = "resign/guide.rs"]
mod guide;
#[path = "resign/keys.rs"]
mod keys;
#[path = "resign/leaked.rs"]
mod leaked;
#[path = "resign/policy.rs"]
mod policy;
#[path = "resign/upstream.rs"]
mod upstream;

pub(crate) use answers::*;
pub(crate) use documents::*;
pub(crate) use exchange::*;
pub(crate) use guide::*;
pub(crate) use keys::*;
pub(crate) use leaked::*;
pub(crate) use policy::*;
pub(crate) use upstream::*;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::{Clock as _, SystemClock};
use portcullis_jwt_verify::sources::{RemoteKeys, RemoteOptions};
use portcullis_jwt_verify::{VerifiedClaims, Verifier};
use portcullis_test_support::{SigningKey, private_jwks};
use reqwest::Method;
use serde_json::{Value, json};

use crate::oidc::Issuer;
use crate::support::{Answer, Database, TestGateway, send};

/// Writes keys as whoever replaces a file should: beside it, and then in its place.
fn write_keys<'a>(folder: &Path, keys: impl IntoIterator<Item = &'a SigningKey>) -> PathBuf {
    write_file(folder, &private_jwks(keys).to_string())
}

fn write_file(folder: &Path, text: &str) -> PathBuf {
    let (file, beside) = (folder.join("ours.json"), folder.join("ours.json.new"));
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, Permissions::from_mode(0o600)).unwrap();
    fs::rename(&beside, &file).unwrap();
    file
}

/// The section without its upstream.
fn section(file: &Path, rest: &str) -> String {
    format!("[oidc_proxy]\njwks_file = \"{}\"\n{rest}\n", file.display())
}

/// An upstream, keys of ours, and a gateway between them.
pub(crate) struct World {
    upstream: Issuer,
    ours: Vec<SigningKey>,
    file: PathBuf,
    pub(crate) gateway: TestGateway,
}

#[expect(clippy::needless_pass_by_value, reason = "claims as `json!` makes them")]
impl World {
    /// One key of ours, by ES256; `rest` are more keys of the section.
    pub(crate) async fn start(database: &Database, rest: &str) -> Self {
        let ours = vec![SigningKey::generate("ES256", "ours")];
        let rest = format!("signing_key_ids = {{ ES256 = \"ours\" }}\n{rest}");
        Self::with(database, ours, Issuer::start("RS256"), &rest).await
    }

    async fn with(
        database: &Database,
        ours: Vec<SigningKey>,
        upstream: Issuer,
        rest: &str,
    ) -> Self {
        let file = write_keys(database.folder(), &ours);
        let toml = format!("upstream_issuer = \"{}\"\n{rest}", upstream.site.url());
        let gateway = TestGateway::start(database, &section(&file, &toml)).await;
        Self { upstream, ours, file, gateway }
    }

    /// An upstream's token, with these claims over the usual ones; null takes one away.
    pub(crate) fn token(&self, over: Value) -> String {
        self.upstream.key.sign(&claims(&self.upstream, &over))
    }

    pub(crate) async fn post(&self, body: Value) -> Answer {
        post(&self.gateway, &body.to_string()).await
    }

    /// A token of ours for one of the upstream's, verified.
    async fn resigned(&self, over: Value) -> VerifiedClaims {
        let answer = self.post(json!({"token": self.token(over)})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        verified(&self.gateway, &answer.text).await
    }

    /// The code of the 403 that is the answer to such a token.
    async fn refused(&self, over: Value) -> String {
        let answer = self.post(json!({"token": self.token(over)})).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        answer.code()
    }
}

fn claims(upstream: &Issuer, over: &Value) -> Value {
    let now = SystemClock.now_ms() / 1000;
    let mut usual = json!({"iat": now, "nbf": now});
    usual.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    upstream.claims(usual)
}

/// `POST /token` without any Content-Type.
async fn post(gateway: &TestGateway, body: &str) -> Answer {
    send(gateway.request(Method::POST, "/token").body(body.to_owned())).await
}

fn url(gateway: &TestGateway) -> String {
    format!("http://{}", gateway.address())
}

/// As somebody verifies who knows nothing but the issuer, and asks it for everything else.
async fn verified(gateway: &TestGateway, token: &str) -> VerifiedClaims {
    let http = client(&ClientOptions::default()).unwrap();
    let issuer = url(gateway);
    let keys = RemoteKeys::discover(&issuer, RemoteOptions::new(http)).unwrap();
    let verifier = Verifier::builder(keys).issuer(issuer).any_audience().without_subject();
    verifier.require_key_id().build().verify(token).await.unwrap()
}
