//! Keys that prove nothing, and sets with them. One bad key costs itself and none of its neighbours.

use portcullis_jwt_verify::KeySet;
use portcullis_test_support::{SigningKey, base64url, jwks};
use serde_json::{Value, json};

use crate::support::*;

/// A JWK with these members instead.
pub(crate) fn altered(signer: &SigningKey, members: &Value) -> Value {
    let mut jwk = signer.jwk();
    jwk["kid"] = json!("bad");
    for (name, value) in members.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

/// Beside a good key, a bad one is skipped for this reason, and the good one still works.
pub(crate) fn skipped(cases: impl IntoIterator<Item = (&'static str, Value, &'static str)>) {
    for (name, bad, why) in cases {
        let id = bad["kid"].as_str().map(str::to_owned);
        for keys in [json!([bad, ED.jwk()]), json!([ED.jwk(), bad])] {
            let set = set_of(&json!({"keys": keys}));
            assert_eq!(set.skipped(), [(id.clone(), why)], "{name}");
            assert_eq!(set.len(), 1, "{name}");
            assert_eq!(verdict(&usual(set).build(), &ED.sign(&claims())), VERIFIED, "{name}");
        }
    }
}

/// Nothing that such a key "signed" is taken.
pub(crate) fn proves_nothing(jwk: &Value, token: String) {
    let judges = Judges::of(|| set_of(&json!({"keys": [jwk, ED.jwk()]})));
    judges.agree([(&jwk["kid"], token, "key_unknown")]);
}

#[test]
fn a_key_is_for_what_it_says() {
    skipped([
        ("use enc", altered(&RSA, &json!({"use": "enc"})), "not_for_signatures"),
        ("use SIG", altered(&RSA, &json!({"use": "SIG"})), "not_for_signatures"),
        ("use empty", altered(&RSA, &json!({"use": ""})), "not_for_signatures"),
        ("use null", altered(&RSA, &json!({"use": null})), "malformed"),
        ("use in a list", altered(&RSA, &json!({"use": ["sig"]})), "malformed"),
        ("encrypt", altered(&RSA, &json!({"key_ops": ["encrypt"]})), "not_for_signatures"),
        ("sign", altered(&RSA, &json!({"key_ops": ["sign"]})), "not_for_signatures"),
        ("no operation", altered(&RSA, &json!({"key_ops": []})), "not_for_signatures"),
        ("Verify", altered(&RSA, &json!({"key_ops": ["Verify"]})), "not_for_signatures"),
        ("operations as a text", altered(&RSA, &json!({"key_ops": "verify"})), "malformed"),
        (
            "verify, for encryption",
            altered(&RSA, &json!({"use": "enc", "key_ops": ["verify"]})),
            "not_for_signatures",
        ),
        ("RSA-OAEP", altered(&RSA, &json!({"alg": "RSA-OAEP"})), "algorithm"),
        ("HS256", altered(&RSA, &json!({"alg": "HS256"})), "algorithm"),
        ("none", altered(&RSA, &json!({"alg": "none"})), "algorithm"),
        ("alg null", altered(&RSA, &json!({"alg": null})), "algorithm"),
        ("alg in a list", altered(&RSA, &json!({"alg": ["RS256"]})), "algorithm"),
        ("ES256 on RSA", altered(&RSA, &json!({"alg": "ES256"})), "algorithm"),
        ("RS256 on a curve", altered(&EC, &json!({"alg": "RS256"})), "algorithm"),
        ("ES384 on P-256", altered(&EC, &json!({"alg": "ES384"})), "algorithm"),
        ("ES256 on Ed25519", altered(&ED, &json!({"alg": "ES256"})), "algorithm"),
    ]);
    let pss = altered(&RSA, &json!({"alg": "PS256", "kid": "rsa-1"}));
    let judges = Judges::of(|| set_of(&json!({"keys": [pss]})));
    judges.agree([("a key for PS256", RSA.sign(&claims()), "key_mismatch")]);
    // RFC 7517, section 4.3, lets a key do several things; verifying has to be one of them.
    let several = altered(&RSA, &json!({"key_ops": ["sign", "verify"], "kid": "rsa-1"}));
    let judges = Judges::of(|| set_of(&json!({"keys": [several]})));
    judges.agree([("verify among others", RSA.sign(&claims()), VERIFIED)]);
}

#[test]
fn private_and_symmetric_keys_are_skipped() {
    let oct = json!({"kty": "oct", "kid": "bad", "k": base64url([1; 32]), "alg": "HS256"});
    skipped([
        ("oct", oct, "private"),
        ("oct without k", json!({"kty": "oct", "kid": "bad"}), "unsupported"),
        ("EC with d", altered(&EC, &json!({"d": base64url([1; 32])})), "private"),
        ("Ed25519 with d", altered(&ED, &json!({"d": ""})), "private"),
    ]);
    skipped(
        ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
            .map(|name| (name, altered(&RSA, &json!({name: "AQ"})), "private")),
    );
}

/// RFC 7517, section 4.3: the private half says `sign` where the public one says `verify`.
#[test]
fn the_public_half_of_a_signers_own_key_verifies() {
    let own = |operations: Value| {
        let key = altered(&EC, &json!({"d": base64url([1; 32]), "key_ops": operations}));
        KeySet::from_own_jwks(json!({"keys": [key]}).to_string().as_bytes()).unwrap().len()
    };
    assert_eq!((own(json!(["sign"])), own(json!(["sign", "verify"]))), (1, 1));
    assert_eq!((own(json!(["deriveBits"])), own(json!([]))), (0, 0));
}

/// RFC 7517, section 5: what is not understood is ignored.
#[test]
fn what_is_no_key_is_skipped() {
    skipped([
        ("unknown kty", json!({"kty": "AKP", "kid": "bad", "pub": "AA"}), "unsupported"),
        ("kty in lower case", altered(&RSA, &json!({"kty": "rsa"})), "unsupported"),
        ("no kty", json!({"kid": "bad"}), "malformed"),
        ("kty null", altered(&RSA, &json!({"kty": null})), "malformed"),
        ("kty number", altered(&RSA, &json!({"kty": 1})), "malformed"),
        ("kid number", altered(&RSA, &json!({"kid": 1})), "malformed"),
        ("kid null", altered(&RSA, &json!({"kid": null})), "malformed"),
        ("kid empty", altered(&RSA, &json!({"kid": ""})), "malformed"),
        ("empty", json!({}), "malformed"),
        ("a number", json!(1), "malformed"),
        ("null", Value::Null, "malformed"),
        ("a text", json!("key"), "malformed"),
        ("a list", json!([ED.jwk()]), "malformed"),
    ]);
    let good = ED.jwk().to_string();
    let deep = format!("{{\"kty\":\"RSA\",\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let rsa = RSA.jwk().to_string();
    let twice = format!("{},\"n\":\"AQ\"}}", rsa.strip_suffix('}').unwrap());
    let marked = "{\"kty\":\"RSA\",\"x\":{\"$serde_json::private::RawValue\":\"1\"}}".to_owned();
    for bad in [deep, twice, marked] {
        let set = KeySet::from_jwks(format!("{{\"keys\":[{bad},{good}]}}").as_bytes()).unwrap();
        assert_eq!((set.len(), set.skipped()[0].1), (1, "malformed"), "{bad:.60}");
    }
    // Garbage beside a sound key is not looked at.
    let certified =
        altered(&ED, &json!({"x5c": ["garbage"], "x5u": "http://evil.example", "x5t": 1}));
    assert_eq!(set_of(&json!({"keys": [certified]})).len(), 1);
}

#[test]
fn a_set_that_is_no_set_is_refused_as_a_whole() {
    let key = ED.jwk().to_string();
    for text in [
        "",
        "null",
        "1",
        "[]",
        "\"keys\"",
        "{}",
        "{\"keys\":null}",
        "{\"keys\":{}}",
        "{\"keys\":\"\"}",
        "{\"Keys\":[]}",
        "{\"keys\":[}",
        "<html><body>Sign in</body></html>",
        &format!("[{key}]"),
        &format!("{{\"keys\":[{key}]}}x"),
        &format!("{{\"keys\":[{key}],}}"),
        &format!("{{\"keys\":[{key}],\"keys\":[]}}"),
        &format!("{{\"keys\":[],\"key\\u0073\":[{key}]}}"),
        &format!("\u{feff}{{\"keys\":[{key}]}}"),
        &format!("{{\"keys\":[{key}],\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000)),
        &format!("{{\"issuer\":\"{ISSUER}\",\"jwks_uri\":\"{ISSUER}/oauth/discovery/keys\"}}"),
    ] {
        assert!(KeySet::from_jwks(text.as_bytes()).is_none(), "{text:.80}");
    }
    assert!(KeySet::from_jwks(b"{\"keys\":[\"\xff\"]}").is_none());
    assert!(set_of(&json!({"keys": []})).is_empty());
    // A single key is a set of one.
    assert_eq!(KeySet::from_jwks(key.as_bytes()).unwrap().len(), 1);
}

#[test]
fn keys_that_share_a_kid_are_tried_in_turn() {
    let second = SigningKey::generate("RS256", "rsa-1");
    let curve = SigningKey::new(EC.pkey().clone(), "ES256", "rsa-1");
    for order in [[&*RSA, &second, &curve], [&curve, &second, &*RSA]] {
        let judges = Judges::of(|| set_of(&jwks(order)));
        judges.agree([
            ("first", RSA.sign(&claims()), VERIFIED),
            ("second", second.sign(&claims()), VERIFIED),
            ("of another type", curve.sign(&claims()), VERIFIED),
            ("of nobody", STRANGER.sign(&claims()), "signature"),
        ]);
    }
    let twice = Judges::of(|| set_of(&jwks([&*RSA, &*RSA])));
    twice.agree([("the same key twice", RSA.sign(&claims()), VERIFIED)]);
}

/// A key without a name serves tokens without one; a name that is in the token has to be in the set.
#[test]
fn a_key_without_kid_answers_to_no_kid() {
    let nameless = RSA.clone().without_id();
    let judges = Judges::of(|| set_of(&jwks([&nameless, &*ED])));
    judges.agree([
        ("no kid", nameless.sign(&claims()), VERIFIED),
        ("a kid", RSA.sign(&claims()), "key_unknown"),
        ("an empty kid", honest_under("{\"alg\":\"RS256\",\"kid\":\"\"}"), "header"),
    ]);
}

/// Work for one token is bounded: of keys that may be meant, the first 16 are tried.
#[test]
fn no_token_is_tried_on_more_than_sixteen_keys() {
    let crowd: Vec<SigningKey> = (0..20).map(|_| SigningKey::generate("ES256", "ec")).collect();
    let judges = Judges::of(|| set_of(&jwks(crowd.iter().chain([&*RSA]))));
    for nameless in [false, true] {
        judges.agree(crowd.iter().enumerate().map(|(n, signer)| {
            let signer = if nameless { signer.clone().without_id() } else { signer.clone() };
            (n, signer.sign(&claims()), if n < 16 { VERIFIED } else { "signature" })
        }));
        // Those of another type do not count.
        let rsa = if nameless { RSA.clone().without_id() } else { RSA.clone() };
        judges.agree([("RSA", rsa.sign(&claims()), VERIFIED)]);
    }
}

/// Read, looked up and renewed in time that grows with the set and no faster.
#[test]
fn a_set_of_ten_thousand_keys_is_a_set_like_any_other() {
    let jwk = ED.jwk();
    let keys: Vec<Value> = (0..10_000)
        .map(|n| {
            let mut jwk = jwk.clone();
            jwk["kid"] = json!(format!("key-{n:05}"));
            jwk
        })
        .chain([RSA.jwk()])
        .collect();
    let text = json!({"keys": keys}).to_string();
    let older = KeySet::from_jwks(text.as_bytes()).unwrap();
    let set = KeySet::from_jwks(text.as_bytes()).unwrap().reusing(&older);
    assert_eq!(set.len(), 10_001);
    let verifier = usual(set).build();
    assert_eq!(verdict(&verifier, &RSA.sign(&claims())), VERIFIED);
    for n in 0..100 {
        let token = SigningKey::new(RSA.pkey().clone(), "RS256", &format!("random-{n}"));
        assert_eq!(verdict(&verifier, &token.sign(&claims())), "key_unknown");
    }
}
