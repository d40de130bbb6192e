//! The OpenID provider, and what its jobs say.

use crate::support::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use serde_json::{Value, json};

const KEYS: &str = "/oauth/discovery/keys";

fn part(token: &str, at: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Whether one of the published keys has signed it.
async fn is_genuine(gitlab: &FakeGitlab, token: &str) -> bool {
    let keys = get(gitlab, KEYS, "").await.body;
    let kid = &part(token, 0)["kid"];
    let Some(key) = keys["keys"].as_array().unwrap().iter().find(|key| &key["kid"] == kid) else {
        return false;
    };
    let number = |name: &str| {
        BigNum::from_slice(&URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap()).unwrap()
    };
    let key = Rsa::from_public_components(number("n"), number("e")).unwrap();
    let key = PKey::from_rsa(key).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
    verifier.verify_oneshot(&signature, signed.as_bytes()).unwrap()
}

#[tokio::test]
async fn it_says_where_its_keys_are() {
    let gitlab = FakeGitlab::start_under("/gitlab");
    let found = get(&gitlab, "/.well-known/openid-configuration", "").await;
    assert_eq!(found.status, 200);
    assert_eq!(found.body["issuer"], gitlab.url());
    assert!(gitlab.url().ends_with("/gitlab"));
    assert_eq!(found.body["jwks_uri"], format!("{}{KEYS}", gitlab.url()));
    assert_eq!(found.body["id_token_signing_alg_values_supported"], json!(["RS256"]));

    let keys = get(&gitlab, KEYS, "").await;
    assert_eq!(keys.header("content-type"), "application/json");
    assert_eq!(
        keys.header("cache-control"),
        "max-age=86400, public, must-revalidate, no-transform"
    );
    let keys = keys.body["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    for (member, value) in [("kty", "RSA"), ("e", "AQAB"), ("use", "sig"), ("alg", "RS256")] {
        assert_eq!(keys[0][member], value);
    }
}

#[tokio::test]
async fn every_token_is_signed_and_none_is_the_other() {
    let gitlab = FakeGitlab::start();
    let job = JobSpec::default();
    let (one, other) = (gitlab.mint_id_token(&job), gitlab.mint_id_token(&job));
    assert_eq!(part(&one, 0)["alg"], "RS256");
    assert!(is_genuine(&gitlab, &one).await);
    assert_ne!(part(&one, 1)["jti"], part(&other, 1)["jti"]);
    assert_eq!(part(&one, 1)["iss"], gitlab.url());
    let (head, rest) = one.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let claims = URL_SAFE_NO_PAD.encode(json!({ "user_id": "1" }).to_string());
    assert!(!is_genuine(&gitlab, &format!("{head}.{claims}.{signature}")).await);
    // Another GitLab's key is another.
    assert!(!is_genuine(&FakeGitlab::start(), &one).await);
}

#[tokio::test]
async fn keys_change_and_old_ones_are_forgotten() {
    let gitlab = FakeGitlab::start();
    let old = gitlab.mint_id_token(&JobSpec::default());
    gitlab.rotate_signing_key();
    let new = gitlab.mint_id_token(&JobSpec::default());
    assert_ne!(part(&old, 0)["kid"], part(&new, 0)["kid"]);
    assert!(is_genuine(&gitlab, &old).await && is_genuine(&gitlab, &new).await);
    gitlab.forget_old_signing_keys();
    assert!(!is_genuine(&gitlab, &old).await && is_genuine(&gitlab, &new).await);
}

#[test]
fn the_claims_are_gitlabs() {
    let job = JobSpec {
        audience: "https://gate.example.com".to_owned(),
        environment: Some("production".to_owned()),
        issued_at: -60,
        lifetime: 300,
        ref_protected: true,
        ..JobSpec::default()
    };
    let claims = Value::Object(job.claims("https://gitlab.example.com", 1_000_000));
    for (name, value) in [
        ("iss", json!("https://gitlab.example.com")),
        ("aud", json!("https://gate.example.com")),
        ("sub", json!("project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1")),
        ("iat", json!(999_940)),
        ("nbf", json!(999_935)),
        ("exp", json!(1_000_240)),
        ("user_id", json!("2")),
        ("user_login", json!("sample-user")),
        ("project_id", json!("20")),
        ("namespace_path", json!("my-group")),
        ("job_project_id", json!("20")),
        ("job_project_path", json!("my-group/my-project")),
        ("job_id", json!("302")),
        ("ref_path", json!("refs/heads/feature-branch-1")),
        ("ref_protected", json!("true")),
        ("environment", json!("production")),
        ("runner_id", json!(1)),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    let names = "aud ci_config_ref_uri ci_config_sha deployment_tier environment environment_action \
        environment_protected exp groups_direct iat iss job_config job_id job_namespace_id \
        job_namespace_path job_project_id job_project_path job_source jti namespace_id \
        namespace_path nbf pipeline_id pipeline_source project_id project_path project_visibility \
        ref ref_path ref_protected ref_type runner_environment runner_id sha sub target_audience \
        user_access_level user_email user_id user_identities user_login";
    let mut found: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, names.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn claims_can_be_missing_or_odd() {
    let extra = json!({ "user_id": 7, "jti": null, "fresh": [true] });
    let job = JobSpec {
        job_project_id: None,
        job_project_path: None,
        ref_type: "tag".to_owned(),
        ref_name: "v1".to_owned(),
        extra: extra.as_object().unwrap().clone(),
        ..JobSpec::default()
    };
    let claims = job.claims("https://gitlab.example.com", 0);
    let mut job_claims: Vec<_> = claims.keys().filter(|name| name.starts_with("job_")).collect();
    job_claims.sort();
    assert_eq!(job_claims, ["job_config", "job_id", "job_source"]);
    assert!(!claims.contains_key("jti") && !claims.contains_key("environment"));
    assert_eq!((&claims["user_id"], &claims["fresh"]), (&json!(7), &json!([true])));
    assert_eq!(claims["ref_path"], "refs/tags/v1");
}
