//! `portcullis keys …` as a program.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis_test_support::{SigningKey, private_jwks, scratch_dir};
use serde_json::{Value, json};

/// Standard output, standard error, exit status.
type Told = (String, String, Option<i32>);

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: scratch_dir() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn keys(&self, args: &[&str]) -> Told {
        let told = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .arg("keys")
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let told = (text(told.stdout), text(told.stderr), told.status.code());
        self.assert_tells_nothing(&told);
        told
    }

    /// What went well, as JSON.
    fn json(&self, args: &[&str]) -> Value {
        let (stdout, stderr, status) = self.keys(&[args, &["--json"]].concat());
        assert_eq!((stderr.as_str(), status), ("", Some(0)), "{args:?}");
        serde_json::from_str(&stdout).unwrap()
    }

    fn refused(&self, code: &str, args: &[&str]) -> String {
        let (stdout, stderr, status) = self.keys(args);
        assert_eq!((stdout.as_str(), status), ("", Some(1)), "{args:?}: {stderr}");
        assert!(stderr.starts_with(&format!("error: {code}: ")), "{args:?}: {stderr}");
        stderr
    }

    fn set(&self) -> Vec<Value> {
        let Ok(text) = fs::read(self.path("keys.json")) else { return Vec::new() };
        let set = serde_json::from_slice::<Value>(&text);
        set.map_or_else(|_| Vec::new(), |set| set["keys"].as_array().unwrap().clone())
    }

    /// No private member of the file is in what was said.
    fn assert_tells_nothing(&self, (stdout, stderr, _): &Told) {
        for key in self.set() {
            for name in ["d", "p", "q", "dp", "dq", "qi"] {
                let Some(secret) = key[name].as_str() else { continue };
                assert!(!stdout.contains(secret) && !stderr.contains(secret), "{name}");
            }
        }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    /// A configuration with more in `[oidc_proxy]`.
    fn configure(&self, rest: &str) {
        let text = format!(
            "[oidc_proxy]\njwks_file = \"keys.json\"\nissuer = \"https://oidc.example.com\"\n\
             upstream_issuer = \"https://gitlab.example.com\"\n{rest}\n"
        );
        self.write("p.toml", &text);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn keys_of_every_kind_are_made() {
    let bench = Bench::new();
    for (args, kind, is_new) in [
        (&["--alg", "RS256"][..], json!(["RSA", null, "RS256"]), true),
        (&["--alg", "PS384", "--bits", "3072"], json!(["RSA", null, "PS384"]), false),
        (&["--alg", "ES256"], json!(["EC", "P-256", "ES256"]), false),
        (&["--alg", "ES384", "--kid", "mine"], json!(["EC", "P-384", "ES384"]), false),
        (&["--alg", "EdDSA"], json!(["OKP", "Ed25519", "EdDSA"]), false),
    ] {
        let told = bench.json(&[&["generate", "--file", "keys.json"], args].concat());
        let key = bench.set().pop().unwrap();
        let wanted = json!({
            "kid": key["kid"], "alg": kind[2], "file": "keys.json", "new": is_new,
        });
        assert_eq!(told, wanted);
        assert_eq!(json!([key["kty"], key["crv"], key["alg"]]), kind);
        assert_eq!(key["use"], "sig");
        assert!(key["iat"].is_i64() && key["d"].is_string());
    }
    assert_eq!((bench.set().len(), mode(&bench.path("keys.json"))), (5, 0o600));
    assert_eq!(bench.set()[3]["kid"], "mine");
    let file = ["generate", "--file", "keys.json"];
    bench.refused("beside", &[&file[..], &["--alg", "ES256"]].concat());
    bench.refused("bits", &[&file[..], &["--alg", "ES512", "--bits", "2048"]].concat());
    bench.refused("kid", &[&file[..], &["--alg", "ES384", "--kid", "mine", "--beside"]].concat());
    for usage in [&["--alg", "HS256"][..], &["--alg", "RS256", "--bits", "1024"], &[]] {
        assert_eq!(bench.keys(&[&file[..], usage].concat()).2, Some(2), "{usage:?}");
    }
    assert_eq!(bench.set().len(), 5);
}

#[test]
fn a_rotation_is_told_and_listed() {
    let bench = Bench::new();
    bench.configure("signing_algs = [\"ES256\"]\nmax_lifetime = \"1h\"");
    let config = ["--config", "p.toml"];
    bench.refused("nothing", &[&["rotate", "--alg", "ES256"], &config[..]].concat());
    bench.json(&[&["generate", "--alg", "ES256", "--kid", "old"], &config[..]].concat());
    let rotate = ["rotate", "--alg", "ES256", "--kid", "new", "--config", "p.toml"];
    let said = bench.refused("publish-for", &[&rotate[..], &["--publish-for", "599s"]].concat());
    assert!(said.contains("at least 10m") && said.contains("for 5m"), "{said}");
    let told = bench.json(&[&rotate[..], &["--publish-for", "10m"]].concat());
    let (old, new) = (&bench.set()[0], &bench.set()[1]);
    let (from, until) = (new["nbf"].as_i64().unwrap(), old["exp"].as_i64().unwrap());
    assert_eq!(until - from, 3600);
    assert!((600..=602).contains(&(from - new["iat"].as_i64().unwrap())), "{new}");
    assert_eq!((&told["kid"], &told["retire"][0]["kid"]), (&json!("new"), &json!("old")));
    let listed = bench.json(&[&["list"], &config[..]].concat());
    let states = json!([listed["keys"][0]["state"], listed["keys"][1]["state"]]);
    assert_eq!(states, json!(["signs", "waits"]));
    assert_eq!(listed["keys"][1]["signs_from"], told["signs_from"]);
    assert_eq!(listed["keys"][0]["retired_at"], told["retire"][0]["retired_at"]);
    let (people, _, _) = bench.keys(&[&["list"], &config[..]].concat());
    let rows: Vec<&str> = people.lines().collect();
    assert!(rows[0].starts_with("KID  ALG    STATE") && rows.len() == 3, "{people}");
    assert!(rows[1].starts_with("old  ES256  signs, published until 2"), "{people}");
    assert!(rows[2].starts_with("new  ES256  published, signs from 2"), "{people}");
}

#[test]
fn a_pinned_key_does_not_rotate() {
    let bench = Bench::new();
    bench.write("keys.json", &private_jwks([&SigningKey::generate("ES256", "a")]).to_string());
    bench.configure("signing_key_ids = { ES256 = \"a\" }");
    let said = bench.refused("pinned", &["rotate", "--alg", "ES256", "--config", "p.toml"]);
    assert!(said.contains("signing_algs"), "{said}");
    // The way of whoever pins: a second key, published until the configuration names it.
    bench.json(&["generate", "--alg", "ES256", "--config", "p.toml"]);
    let listed = bench.json(&["list", "--config", "p.toml"]);
    let states = json!([listed["keys"][0]["state"], listed["keys"][1]["state"]]);
    assert_eq!(states, json!(["signs", "published"]));
}

#[test]
fn what_others_can_read_is_told_and_what_is_broken_is_left() {
    let bench = Bench::new();
    bench.json(&["generate", "--alg", "EdDSA", "--file", "keys.json"]);
    fs::set_permissions(bench.path("keys.json"), Permissions::from_mode(0o644)).unwrap();
    let (_, stderr, status) = bench.keys(&["list", "--file", "keys.json"]);
    assert!(stderr.starts_with("warning: keys.json: others on this machine can read"), "{stderr}");
    assert_eq!(status, Some(0));
    bench.write("keys.json", "{\"keys\":[{\"d\":\"hunter2\"");
    for args in [
        &["list"][..],
        &["rotate", "--alg", "ES256"],
        &["generate", "--alg", "ES256"],
        &["export", "out", "--issuer", "https://oidc.example.com"],
    ] {
        let said = bench.refused("keys", &[args, &["--file", "keys.json"]].concat());
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 2, "the file and its lock");
    for args in [&["list"][..], &["rotate", "--alg", "ES256"], &["export", "out"]] {
        bench.refused("no-file", args);
    }
}

#[test]
fn export_writes_public_halves_and_says_how_to_serve_them() {
    let bench = Bench::new();
    bench.json(&["generate", "--alg", "ES256", "--kid", "k", "--file", "keys.json"]);
    bench.configure(
        "signing_algs = [\"ES256\"]\nclone_upstream_claims = [\"sub\"]\ncache_max_age = 60",
    );
    let told = bench.json(&["export", "out", "--config", "p.toml"]);
    let (keys, discovery) = ("out/.well-known/jwks.json", "out/.well-known/openid-configuration");
    let wanted = json!({"files": [
        {"file": keys, "content_type": "application/jwk-set+json", "cache_control": "public, max-age=60"},
        {"file": discovery, "content_type": "application/json", "cache_control": "public, max-age=60"},
    ]});
    assert_eq!(told, wanted);
    let read = |name: &str| -> Value {
        assert_eq!(mode(&bench.path(name)), 0o644);
        serde_json::from_slice(&fs::read(bench.path(name)).unwrap()).unwrap()
    };
    let mut public = bench.set().remove(0);
    for name in ["d", "iat"] {
        public.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(read(keys), json!({ "keys": [public] }));
    let claims = json!(["aud", "exp", "iat", "iss", "nbf", "sub"]);
    assert_eq!(read(discovery)["claims_supported"], claims);
    // Over what is there; and without a configuration the issuer is to be named.
    bench.json(&["export", "out", "--file", "keys.json", "--issuer", "https://b.example.com/a"]);
    let jwks = "https://b.example.com/a/.well-known/jwks.json";
    assert_eq!(read(discovery)["jwks_uri"], jwks);
    assert_eq!(read(discovery)["id_token_signing_alg_values_supported"], json!(["ES256"]));
    bench.refused("issuer", &["export", "out", "--file", "keys.json"]);
    bench.refused("issuer", &["export", "out", "--file", "keys.json", "--issuer", "oidc"]);
}
