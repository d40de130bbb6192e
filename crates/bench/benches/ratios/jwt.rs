//! Tokens that somebody else signed: proved at first sight, and at the second.

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;

use biscuit::jwa::SignatureAlgorithm;
use biscuit::jws::Secret;
use biscuit::{ClaimPresenceOptions, ClaimsSet, Empty, Validation, ValidationOptions};
use futures_util::FutureExt as _;
use jsonwebtoken::{DecodingKey, jwk::Jwk};
use portcullis_jwt_verify::sources::{KeySource, StaticKeys};
use portcullis_jwt_verify::{KeySet, Verifier};
use portcullis_test_support::{SigningKey, jwks};
use serde_json::{Value, json};

use crate::measure::rate;
use crate::row::Row;

const ISSUER: &str = "https://gitlab.example.com";
const AUDIENCE: &str = "https://gw.example.com";

/// What a signature alone costs at best: one that nobody wraps.
struct Raw {
    rsa: f64,
    p256: f64,
    ed25519: f64,
}

/// With the system's library, and at the bar that the library on which OpenSSL is built allows.
pub(crate) fn rows() -> Vec<Row> {
    let raw = openssl_speed();
    let bar = if cfg!(feature = "aws-lc") { 0.90 } else { 0.80 };
    let mut rows = Vec::new();
    for (algorithm, raw, bar) in
        [("RS256", raw.rsa, bar), ("ES256", raw.p256, 0.80), ("EdDSA", raw.ed25519, 0.80)]
    {
        rows.extend(of_algorithm(algorithm, raw, bar));
    }
    rows
}

fn of_algorithm(algorithm: &'static str, raw: f64, bar: f64) -> Vec<Row> {
    let key = SigningKey::generate(algorithm, "a-key-of-the-benches");
    let token = key.sign(&claims());
    let verifier = verifier(&key, 0);
    let ours = first_sight(&verifier, &token);
    let row = |what: String, baseline, bar| Row::ratio(what, "a second", ours, baseline, bar);
    let mut rows = vec![
        row(format!("{algorithm} token at first sight, against `openssl speed`"), raw, bar)
            .noting(format!("{} bytes; {}", token.len(), openssl::version::version())),
        row(format!("{algorithm}, against jsonwebtoken"), by_jsonwebtoken(&key, &token), 1.0),
    ];
    // It does not know EdDSA.
    if let Some(rate) = by_biscuit(&key, algorithm, &token) {
        rows.push(row(format!("{algorithm}, against plain biscuit"), rate, 1.0));
    }
    let remembering = self::verifier(&key, 100);
    let again = first_sight(&remembering, &token);
    let what = format!("{algorithm}, the same token again, against its first sight");
    rows.push(Row::ratio(what, "a second", again, ours, 20.0));
    rows
}

/// What a GitLab 18 job token carries, more or less.
fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "project_path:group/project:ref_type:branch:ref:main",
        "exp": 4_102_444_800_u64, "iat": 1_700_000_000, "nbf": 1_699_999_995,
        "jti": "6a5ae7ce-54d7-4b31-b6b9-d2ac7cb2b2c9", "namespace_id": "72", "namespace_path": "group",
        "project_id": "20", "project_path": "group/project", "user_id": "1", "user_login": "alice",
        "pipeline_id": "574", "ref": "main", "ref_type": "branch", "ref_protected": "true",
    })
}

fn verifier(key: &SigningKey, remembered: u64) -> Verifier {
    let set = KeySet::from_jwks(jwks([key]).to_string().as_bytes()).expect("a key set");
    let keys: Arc<dyn KeySource> = Arc::new(StaticKeys::new(set));
    Verifier::builder(keys).issuer(ISSUER).audience(AUDIENCE).remember(remembered).build()
}

/// The whole of it: parsed, key chosen, signature, claims, issuer, audience, times.
fn first_sight(verifier: &Verifier, token: &str) -> f64 {
    rate(|| {
        let verdict = verifier.verify(black_box(token)).now_or_never();
        assert!(black_box(verdict).is_some_and(|verdict| verdict.is_ok()));
    })
}

fn by_jsonwebtoken(key: &SigningKey, token: &str) -> f64 {
    let jwk: Jwk = serde_json::from_value(key.jwk()).expect("a JWK");
    let (key, algorithm) =
        (DecodingKey::from_jwk(&jwk).expect("a key"), key.header()["alg"].clone());
    let algorithm = serde_json::from_value(algorithm).expect("an algorithm");
    let mut validation = jsonwebtoken::Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.validate_nbf = true;
    rate(|| {
        let verdict = jsonwebtoken::decode::<Value>(black_box(token), &key, &validation);
        assert!(black_box(verdict).is_ok());
    })
}

fn by_biscuit(key: &SigningKey, algorithm: &str, token: &str) -> Option<f64> {
    let algorithm = match algorithm {
        "RS256" => SignatureAlgorithm::RS256,
        "ES256" => SignatureAlgorithm::ES256,
        _ => return None,
    };
    let jwk: biscuit::jwk::JWK<Empty> = serde_json::from_value(key.jwk()).expect("a JWK");
    let secret = match &jwk.algorithm {
        biscuit::jwk::AlgorithmParameters::RSA(rsa) => rsa.jws_public_key_secret(),
        biscuit::jwk::AlgorithmParameters::EllipticCurve(ec) => ec.jws_public_key_secret(),
        _ => Secret::None,
    };
    let options = ValidationOptions {
        claim_presence_options: ClaimPresenceOptions::default(),
        issuer: Validation::Validate(ISSUER.to_owned()),
        audience: Validation::Validate(AUDIENCE.to_owned()),
        ..ValidationOptions::default()
    };
    Some(rate(|| {
        let encoded = biscuit::JWT::<Value, Empty>::new_encoded(black_box(token));
        let decoded = encoded.into_decoded(&secret, algorithm).expect("the signature holds");
        let claims: &ClaimsSet<Value> = decoded.payload().expect("claims");
        claims.registered.validate(options.clone()).expect("they hold");
        black_box(&decoded);
    }))
}

/// Verifications a second of the program `openssl` on one core.
fn openssl_speed() -> Raw {
    let output = Command::new("openssl")
        .args(["speed", "-mr", "-seconds", "2", "rsa2048", "ecdsap256", "ed25519"])
        .output()
        .expect("the program openssl is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = |mark: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(mark)).expect("a line of it");
        line.rsplit(':').next().and_then(|last| last.parse().ok()).expect("a figure")
    };
    Raw { rsa: rate("+F2:"), p256: rate("+F4:"), ed25519: rate("+F6:") }
}
