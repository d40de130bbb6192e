use futures_util::FutureExt as _;
use portcullis_jwt_verify::Verifier;
use portcullis_jwt_verify::sources::StaticKeys;
use portcullis_test_support::{SigningKey, base64url, private_jwks};

use super::*;

const ALL: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

fn read(keys: &Value) -> Result<OwnKeys, KeysError> {
    OwnKeys::read(keys.to_string().as_bytes())
}

/// A set of this one key with these members over its own; null takes one away.
fn with(key: &SigningKey, over: &Value) -> Value {
    let mut jwk = key.private_jwk();
    for (name, value) in over.as_object().unwrap() {
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove(name);
        } else {
            jwk[name] = value.clone();
        }
    }
    json!({ "keys": [jwk] })
}

fn why(keys: &Value) -> &'static str {
    match read(keys) {
        Err(KeysError::Key { why, place: 1, .. }) => why,
        other => panic!("{other:?}"),
    }
}

fn published(keys: &OwnKeys, now: i64) -> Value {
    serde_json::from_str(&keys.published(now)).unwrap()
}

#[test]
fn every_kind_signs_what_its_published_half_verifies() {
    for key in SigningKey::one_for_each(ALL) {
        let name = key.header()["alg"].as_str().unwrap().to_owned();
        let keys = read(&private_jwks([&key])).unwrap();
        let algorithm: Algorithm = name.parse().unwrap();
        let (_, signer) = keys.signer(&name, algorithm).unwrap();
        assert_eq!(published(&keys, 0), json!({ "keys": [key.jwk()] }));
        // The second time with what the first left behind.
        for payload in [r#"{"a":1}"#, r#"{"a":2}"#] {
            let token = signer.sign(&key.header().to_string(), payload).unwrap();
            assert_eq!(token.split('.').nth(1).unwrap(), base64url(payload));
            assert!(verifies(&keys, &token), "{name}");
        }
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert!(keys.signer(&name, other).is_none(), "{name} by {other}");
        }
    }
}

/// Whether a token verifies by the published halves, whatever it says.
fn verifies(keys: &OwnKeys, token: &str) -> bool {
    let keys = KeySet::from_jwks(keys.published(0).as_bytes()).unwrap();
    let verifier = Verifier::builder(StaticKeys::new(keys)).any_issuer().any_audience();
    let verifier = verifier.without_expiry().without_subject().build();
    verifier.verify(token).now_or_never().unwrap().is_ok()
}

#[test]
fn an_rsa_key_need_not_bring_its_primes() {
    let key = SigningKey::generate("RS256", "k");
    let all = ["p", "q", "dp", "dq", "qi"];
    let without: Map<String, Value> =
        all.map(|name| (name.to_owned(), Value::Null)).into_iter().collect();
    let keys = read(&with(&key, &Value::Object(without))).unwrap();
    let (_, signer) = keys.signer("k", Algorithm::Rs256).unwrap();
    let token = signer.sign(&key.header().to_string(), "{}").unwrap();
    assert!(verifies(&keys, &token));
    // Without `p` the others stand for nothing; with it they have to be there (section 6.3.2).
    for name in &all[1..] {
        assert_eq!(why(&with(&key, &json!({ *name: null }))), "its private members are malformed");
    }
}

#[test]
fn halves_of_two_keys_are_refused() {
    for algorithm in ["RS256", "ES256", "ES512", "EdDSA"] {
        let (one, other) =
            (SigningKey::generate(algorithm, "k"), SigningKey::generate(algorithm, "k"));
        let mut mixed = one.private_jwk();
        let public = if algorithm == "RS256" { "n" } else { "x" };
        mixed[public] = other.private_jwk()[public].clone();
        if let Some(y) = other.private_jwk().get("y") {
            mixed["y"] = y.clone();
        }
        let why = why(&json!({ "keys": [mixed] }));
        assert_eq!(why, "its private half belongs to another key", "{algorithm}");
    }
}

#[test]
fn what_would_publish_or_sign_nonsense_is_refused() {
    let (rsa, ec) = (SigningKey::generate("RS256", "k"), SigningKey::generate("ES256", "k"));
    let symmetric = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k"}]});
    assert_eq!(why(&symmetric), "symmetric: it has no public half");
    // What is for encryption is published as it is: of a kind that is not known, the private members too.
    for kty in [json!("AKP"), json!("Oct"), json!("rsa"), json!(7), json!(null)] {
        let odd = json!({"keys": [{"kty": kty, "use": "enc", "priv": "c2VjcmV0", "kid": "k"}]});
        assert_eq!(why(&odd), "its kty is none of RSA, EC and OKP");
    }
    for (key, over) in [
        (&rsa, json!({"n": "!"})),
        (&rsa, json!({"d": "!"})),
        (&rsa, json!({"d": 7})),
        (&rsa, json!({"d": null, "n": null})),
        (&rsa, json!({"kty": "XYZ"})),
        (&rsa, json!({"kty": null})),
        (&rsa, json!({"alg": "ES256"})),
        (&rsa, json!({"p": "AQ"})),
        (&ec, json!({"d": "AA"})),
        (&ec, json!({"d": ""})),
        (&ec, json!({"x": "AA"})),
        (&ec, json!({"crv": "P-384"})),
        (&ec, json!({"crv": "secp256k1"})),
        (&ec, json!({"nbf": "tomorrow"})),
        (&ec, json!({"exp": 1.5})),
    ] {
        let error = read(&with(key, &over)).expect_err(&over.to_string());
        assert!(matches!(error, KeysError::Key { place: 1, .. }), "{over}: {error:?}");
        let secret = key.private_jwk()["d"].as_str().unwrap().to_owned();
        assert!(!format!("{error} {error:?}").contains(&secret), "{over}");
    }
    for text in ["", "[]", "{}", "null", r#"{"keys":{}}"#, r#"{"keys":[7]}"#, r#"{"keys":null}"#] {
        assert!(matches!(OwnKeys::read(text.as_bytes()), Err(KeysError::NotASet)), "{text}");
    }
}

#[test]
fn what_signs_says_that_it_does() {
    let key = SigningKey::generate("ES256", "k");
    let signs =
        |over: Value| read(&with(&key, &over)).unwrap().signer("k", Algorithm::Es256).is_some();
    assert!(signs(json!({})));
    for over in
        [json!({"use": null}), json!({"alg": null}), json!({"d": null}), json!({"kid": null})]
    {
        assert!(!signs(over.clone()), "{over}");
    }
    let keys = read(&with(&key, &json!({"use": "enc", "alg": "ECDH-ES"}))).unwrap();
    assert!(keys.signer("k", Algorithm::Es256).is_none());
    assert_eq!(published(&keys, 0)["keys"][0]["use"], "enc");
    assert!(!keys.published(0).contains("\"d\""));
}

#[test]
fn members_of_ours_are_not_published_and_operations_are_those_of_the_public_half() {
    let key = SigningKey::generate("ES256", "k");
    let over = json!({"key_ops": ["sign"], "iat": 1, "nbf": 2, "exp": 100, "x5t": "abc"});
    let keys = read(&with(&key, &over)).unwrap();
    let mut wanted = key.jwk();
    wanted["key_ops"] = json!(["verify"]);
    wanted["x5t"] = json!("abc");
    assert_eq!(published(&keys, 99), json!({ "keys": [wanted] }));
    assert_eq!(published(&keys, 100), json!({ "keys": [] }));
    let times = Times { made_at: Some(1), signs_from: Some(2), retired_at: Some(100) };
    let id = Some("k".to_owned());
    let algorithm = Some(Algorithm::Es256);
    assert_eq!(keys.describe(), [Described { id, algorithm, signs: true, times }]);
}

#[test]
fn what_is_not_known_to_be_public_is_not_published() {
    let key = SigningKey::generate("ES256", "k");
    let beside = json!({"backup": {"d": "hidden"}, "pem": "hidden", "D": "hidden"});
    let keys = read(&with(&key, &beside)).unwrap();
    assert_eq!(published(&keys, 0), json!({ "keys": [key.jwk()] }));
    assert_eq!(why(&with(&key, &json!({"keys": []}))), "malformed");
}

#[test]
fn nothing_shows_a_private_half() {
    let key = SigningKey::generate("EdDSA", "k");
    let keys = read(&private_jwks([&key])).unwrap();
    let (_, signer) = keys.signer("k", Algorithm::EdDsa).unwrap();
    assert_eq!(format!("{keys:?} {signer:?}"), "[Some(\"k\")] Signer(EdDSA)");
}
