//! Tokens that somebody else signed: proved at first sight, and at the second.

use std::hint::black_box;
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
use crate::speed::{ED25519, P256, RSA_2048, openssl_speed};

const ISSUER: &str = "https://gitlab.example.com";
const AUDIENCE: &str = "https://gw.example.com";

/// Bars are set for RS256, which is what nearly everybody signs with; the others are shown beside the
/// same baselines.
pub(crate) fn rows() -> Vec<Row> {
    let [rsa, p256, ed25519] = openssl_speed([RSA_2048, P256, ED25519]);
    let speed = if cfg!(feature = "aws-lc") { 0.90 } else { 0.80 };
    let mut rows = Vec::new();
    for (algorithm, raw, bars) in [
        ("RS256", rsa.verifications, Some([speed, 1.0, 20.0])),
        ("ES256", p256.verifications, None),
        ("EdDSA", ed25519.verifications, None),
    ] {
        rows.extend(of_algorithm(algorithm, raw, bars));
    }
    rows
}

/// Against the signature alone, against the others, and again against the first time.
fn of_algorithm(algorithm: &'static str, raw: f64, bars: Option<[f64; 3]>) -> Vec<Row> {
    let key = SigningKey::generate(algorithm, "a-key-of-the-benches");
    let token = key.sign(&claims());
    let ours = first_sight(&verifier(&key, 0), &token);
    let row = |what: &str, figure, baseline, bar: Option<f64>| {
        let what = format!("{algorithm} token {what}");
        match bar {
            Some(bar) => Row::ratio(what, "a second", figure, baseline, bar),
            None => Row::beside(what, "a second", figure, baseline),
        }
    };
    let [speed, others, again] = bars.map_or([None; 3], |bars| bars.map(Some));
    let mut rows = vec![
        row("at first sight, against `openssl speed`", ours, raw, speed).noting(format!(
            "{} bytes; {}",
            token.len(),
            openssl::version::version()
        )),
        row("against jsonwebtoken", ours, by_jsonwebtoken(&key, &token), others),
    ];
    // It does not know EdDSA.
    if let Some(rate) = by_biscuit(&key, algorithm, &token) {
        rows.push(row("against plain biscuit", ours, rate, others));
    }
    let second = first_sight(&verifier(&key, 100), &token);
    rows.push(row("at second sight, against the first", second, ours, again));
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
