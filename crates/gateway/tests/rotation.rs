//! Keys are rotated under load, and no verifier that caches as it may refuses a token.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "rotation/load.rs"]
mod load;
#[expect(dead_code, reason = "other binaries use the rest")]
mod support;
#[path = "rotation/verifier.rs"]
mod verifier;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use portcullis_base::{Clock as _, SystemClock};
use portcullis_oidc_proxy::keys::{Recipe, Rotation, rotate};
use portcullis_test_support::{Reply, SigningKey, Site, jwks, private_jwks};
use reqwest::Method;
use serde_json::{Value, json};

use load::Load;
use support::{Database, PATIENCE, TestGateway, eventually, send};

/// How long verifiers may keep our keys.
const CACHE: Duration = Duration::from_secs(1);
/// How long tokens of ours live.
const LIFE: u64 = 3;

/// An upstream, a gateway that rotates its keys, and the file of these.
struct World {
    upstream: Site,
    key: SigningKey,
    file: PathBuf,
    database: Database,
    gateway: TestGateway,
}

impl World {
    async fn start() -> Self {
        let (upstream, key) = (Site::start(), SigningKey::generate("ES256", "theirs"));
        let url = upstream.url().to_owned();
        let document = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
        upstream.set("/.well-known/openid-configuration", Reply::json(document));
        upstream.set("/keys", Reply::json(jwks([&key])));
        let database = Database::sqlite().await;
        let file = database.folder().join("ours.json");
        fs::write(&file, private_jwks([&SigningKey::generate("ES256", "first")]).to_string())
            .unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let toml = format!(
            "[oidc_proxy]\njwks_file = \"{}\"\nsigning_algs = [\"ES256\"]\n\
             upstream_issuer = \"{url}\"\nmax_lifetime = \"{LIFE}s\"\ncache_max_age = \"1s\"\n",
            file.display()
        );
        let gateway = TestGateway::start(&database, &toml).await;
        Self { upstream, key, file, database, gateway }
    }

    /// A token of the upstream's that outlives the test.
    fn token(&self) -> String {
        let now = SystemClock.now_ms() / 1000;
        self.key.sign(&json!({
            "iss": self.upstream.url(), "sub": "job", "aud": "world",
            "iat": now, "nbf": now, "exp": now + 600,
        }))
    }

    fn load(&self) -> Load {
        Load::start(&self.gateway.address().to_string(), &self.token())
    }

    /// `portcullis keys rotate` as an operator runs it.
    fn rotate(&self, kid: &str, publish_for: &str) -> std::process::Output {
        let config = self.database.folder().join("portcullis.toml");
        Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["keys", "rotate", "--alg", "ES256", "--kid", kid, "--json"])
            .args(["--publish-for", publish_for, "--config", config.to_str().unwrap()])
            .env_clear()
            .output()
            .unwrap()
    }

    async fn signs(&self) -> String {
        let ready = send(self.gateway.admin_request(Method::GET, "/ready")).await.json();
        ready["signing_keys"]["sign"]["ES256"].as_str().unwrap().to_owned()
    }

    async fn published(&self) -> Vec<String> {
        let set = self.gateway.get("/.well-known/jwks.json").await.json();
        let kids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap());
        kids.map(str::to_owned).collect()
    }

    async fn until_it_signs(&self, kid: &str) {
        eventually(PATIENCE, async || (self.signs().await == kid).then_some(())).await;
    }

    async fn until_published(&self, kids: &[&str]) {
        eventually(PATIENCE, async || (self.published().await == kids).then_some(())).await;
    }

    async fn fault(&self) -> Value {
        let ready = send(self.gateway.admin_request(Method::GET, "/ready")).await.json();
        ready["signing_keys"]["fault"].clone()
    }
}

fn place(file: &Path, text: &[u8]) {
    let beside = file.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, file).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_rotations_under_load_cost_no_token() {
    let world = World::start().await;
    let load = world.load();
    let too_soon = world.rotate("never", "2s");
    let said = String::from_utf8(too_soon.stderr).unwrap();
    assert!(said.contains("publish-for") && said.contains("at least 3s"), "{said}");

    let rotated = world.rotate("second", "6s");
    assert!(rotated.status.success(), "{rotated:?}");
    world.until_published(&["first", "second"]).await;
    assert_eq!(world.signs().await, "first");
    // A file that is broken on the way costs nothing: the keys of before stay, and their times.
    let whole = fs::read(&world.file).unwrap();
    place(&world.file, &whole[..whole.len() / 2]);
    eventually(PATIENCE, async || world.fault().await.is_string().then_some(())).await;
    assert_eq!(world.published().await, ["first", "second"]);
    place(&world.file, &whole);
    world.until_it_signs("second").await;
    world.until_published(&["second"]).await;

    let rotated = world.rotate("third", "5s");
    assert!(rotated.status.success(), "{rotated:?}");
    world.until_it_signs("third").await;
    world.until_published(&["third"]).await;
    let told = load.stop().await;
    assert_eq!(told.refused, [""; 0], "of {} checks", told.checks);
    assert_eq!(told.signed_by, ["first", "second", "third"]);
    assert!(told.tokens > 100 && told.checks > 4 * told.tokens, "{told:?}");
    world.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_is_what_is_served() {
    let world = World::start().await;
    let issuer = format!("http://{}", world.gateway.address());
    let exported = world.database.folder().join("bucket");
    let status = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["keys", "export", exported.to_str().unwrap(), "--issuer", &issuer, "--config"])
        .arg(world.database.folder().join("portcullis.toml"))
        .env_clear()
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
    let said = String::from_utf8(status.stdout).unwrap();
    for path in ["/.well-known/openid-configuration", "/.well-known/jwks.json"] {
        let served = world.gateway.get(path).await;
        assert_eq!(fs::read_to_string(exported.join(&path[1..])).unwrap(), served.text);
        for name in ["Content-Type", "Cache-Control"] {
            let header = format!("{name}: {}", served.header(name).unwrap());
            assert!(said.contains(&header), "{header}: {said}");
        }
    }
    world.gateway.stop().await;
}

/// The load sees a refusal where there is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_signs_before_it_is_known_is_refused() {
    let world = World::start().await;
    let load = world.load();
    load.until_all_have_keys().await;
    let recipe =
        Recipe { algorithm: "ES256".parse().unwrap(), bits: None, kid: Some("second".to_owned()) };
    let (publish_for, longest_token) = (Duration::ZERO, Duration::from_secs(LIFE));
    let rotation = Rotation { recipe, publish_for, longest_token, forget: false };
    // Not even the rest of this second.
    rotate(&world.file, &rotation, SystemClock.now().truncate_to_second()).unwrap();
    world.until_it_signs("second").await;
    tokio::time::sleep(2 * CACHE).await;
    let told = load.stop().await;
    assert!(told.refused.iter().any(|why| why.starts_with("second: ")), "{told:?}");
    world.gateway.stop().await;
}
