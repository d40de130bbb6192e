//! Keys that prove nothing, and sets with them. One bad key costs itself and none of its neighbours.

use openssl::bn::{BigNum, BigNumContext};
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use portcullis_jwt_verify::KeySet;
use portcullis_test_support::{SigningKey, base64url, jwks};
use serde_json::{Value, json};

use crate::support::*;

/// A JWK with these members instead.
fn altered(signer: &SigningKey, members: &Value) -> Value {
    let mut jwk = signer.jwk();
    jwk["kid"] = json!("bad");
    for (name, value) in members.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

/// Beside a good key, a bad one is skipped for this reason, and the good one still works.
fn skipped(cases: impl IntoIterator<Item = (&'static str, Value, &'static str)>) {
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
fn proves_nothing(jwk: &Value, token: String) {
    let judges = Judges::of(|| set_of(&json!({"keys": [jwk, ED.jwk()]})));
    judges.agree([(&jwk["kid"], token, "key_unknown")]);
}

fn rsa_of(bits: u32) -> SigningKey {
    SigningKey::new(PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap(), "RS256", "bad")
}

fn text(number: &openssl::bn::BigNumRef) -> String {
    base64url(number.to_vec())
}

fn modulus() -> BigNum {
    RSA.pkey().rsa().unwrap().n().to_owned().unwrap()
}

#[test]
fn weak_and_absurd_rsa_keys_are_skipped() {
    for bits in [512, 1024, 2040] {
        let weak = rsa_of(bits);
        skipped([("too short", weak.jwk(), "weak_rsa")]);
        proves_nothing(&weak.jwk(), weak.sign(&claims()));
    }
    let n = modulus();
    let mut even = modulus();
    even.clear_bit(0).unwrap();
    let mut huge = BigNum::new().unwrap();
    huge.lshift(&n, 16384 - 2048).unwrap();
    huge.set_bit(0).unwrap();
    let with = |n: &BigNum, e: &[u8]| altered(&RSA, &json!({"n": text(n), "e": base64url(e)}));
    skipped([
        // e = 1 makes the padded digest its own signature.
        ("e = 1", with(&n, &[1]), "weak_rsa"),
        // FIPS 186-5, section 5.1: e is above 2^16. With 3, a careless padding check is a forgery.
        ("e = 3", with(&n, &[3]), "weak_rsa"),
        ("e = 17", with(&n, &[17]), "weak_rsa"),
        ("e = 65535", with(&n, &[0xff, 0xff]), "weak_rsa"),
        ("e = 65536", with(&n, &[1, 0, 0]), "weak_rsa"),
        ("e of 65 bits", with(&n, &[1, 0, 0, 0, 0, 0, 0, 0, 1]), "weak_rsa"),
        ("e as long as n", with(&n, &n.to_vec()), "weak_rsa"),
        ("n even", with(&even, &[1, 0, 1]), "weak_rsa"),
        ("n of 16384 bits", with(&huge, &[1, 0, 1]), "weak_rsa"),
        ("n and e of 16384 bits", with(&huge, &huge.to_vec()), "weak_rsa"),
        ("n = 1", altered(&RSA, &json!({"n": "AQ"})), "weak_rsa"),
    ]);
    // e of 64 bits is odd, and still cheap.
    let set = set_of(&json!({"keys": [with(&n, &[0x80, 0, 0, 0, 0, 0, 0, 1])]}));
    assert_eq!(set.len(), 1);
}

#[test]
fn under_an_exponent_of_one_the_padded_digest_is_no_signature() {
    use sha2::{Digest as _, Sha256};
    let jwk = altered(&RSA, &json!({"e": "AQ"}));
    let header = json!({"alg": "RS256", "kid": "bad"}).to_string();
    let signed = format!("{}.{}", base64url(header), base64url(claims().to_string()));
    let info = hex::decode("3031300d060960864801650304020105000420").unwrap();
    let content = [&info[..], &Sha256::digest(&signed)].concat();
    let block = [&[0, 1], vec![0xff; 253 - content.len()].as_slice(), &[0], &content].concat();
    proves_nothing(&jwk, format!("{signed}.{}", base64url(block)));
}

/// A number is written in one way (RFC 7518, section 2: base64url of no more octets than it needs).
#[test]
fn rsa_numbers_are_written_in_one_way() {
    use base64::Engine as _;
    let n = modulus().to_vec();
    let standard = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&n);
    // Where the text has neither of the two, it is the same in both alphabets.
    let standard = if standard.contains(['+', '/']) { standard } else { format!("+{standard}") };
    skipped(
        [
            ("n with a leading zero", json!(base64url([&[0], &n[..]].concat()))),
            ("n in standard base64", json!(standard)),
            ("n padded", json!(format!("{}==", base64url(&n)))),
            ("n with a blank", json!(format!("{} ", base64url(&n)))),
            ("n decimal", json!(12345)),
            ("n null", Value::Null),
            ("n empty", json!("")),
            ("n zero", json!("AA")),
        ]
        .map(|(name, n)| (name, altered(&RSA, &json!({"n": n})), "malformed")),
    );
    skipped(
        [json!("AAEAAQ"), json!(65537), json!(""), json!("AQAB="), json!("AQAC\n"), Value::Null]
            .map(|e| ("e", altered(&RSA, &json!({"e": e})), "malformed")),
    );
    let mut without = altered(&RSA, &json!({}));
    without.as_object_mut().unwrap().remove("e");
    skipped([("no e", without, "malformed")]);
}

/// CVE-2017-15361. The primes are k·M + (65537^a mod M), M the product of the first 126 primes: whoever
/// knows that factors 2048 bits for the price of a car.
fn roca() -> SigningKey {
    let mut context = BigNumContext::new().unwrap();
    let mut product = BigNum::from_u32(1).unwrap();
    for prime in (2..).filter(|n| (2..*n).all(|d| n % d != 0)).take(126) {
        product.mul_word(prime).unwrap();
    }
    let mut prime = || loop {
        let (mut a, mut k) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        a.rand(60, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
        let bits = 1024 - product.num_bits();
        k.rand(bits, openssl::bn::MsbOption::TWO_ONES, false).unwrap();
        let (mut power, mut multiple) = (BigNum::new().unwrap(), BigNum::new().unwrap());
        power.mod_exp(&BigNum::from_u32(65537).unwrap(), &a, &product, &mut context).unwrap();
        multiple.checked_mul(&k, &product, &mut context).unwrap();
        let mut candidate = BigNum::new().unwrap();
        candidate.checked_add(&multiple, &power).unwrap();
        if candidate.num_bits() == 1024 && candidate.is_prime(16, &mut context).unwrap() {
            return candidate;
        }
    };
    let (p, q) = (prime(), prime());
    SigningKey::new(private_key(&p, &q), "RS256", "roca")
}

fn private_key(p: &BigNum, q: &BigNum) -> PKey<Private> {
    let mut context = BigNumContext::new().unwrap();
    let one = BigNum::from_u32(1).unwrap();
    let mut new = |f: &mut dyn FnMut(&mut BigNum, &mut BigNumContext)| {
        let mut number = BigNum::new().unwrap();
        f(&mut number, &mut context);
        number
    };
    let e = BigNum::from_u32(65537).unwrap();
    let n = new(&mut |n, context| n.checked_mul(p, q, context).unwrap());
    let p1 = new(&mut |r, _| r.checked_sub(p, &one).unwrap());
    let q1 = new(&mut |r, _| r.checked_sub(q, &one).unwrap());
    let phi = new(&mut |r, context| r.checked_mul(&p1, &q1, context).unwrap());
    let d = new(&mut |r, context| r.mod_inverse(&e, &phi, context).unwrap());
    let dp = new(&mut |r, context| r.nnmod(&d, &p1, context).unwrap());
    let dq = new(&mut |r, context| r.nnmod(&d, &q1, context).unwrap());
    let qi = new(&mut |r, context| r.mod_inverse(q, p, context).unwrap());
    let copy = |number: &BigNum| BigNum::from_slice(&number.to_vec()).unwrap();
    let rsa = Rsa::from_private_components(n, e, d, copy(p), copy(q), dp, dq, qi).unwrap();
    PKey::from_rsa(rsa).unwrap()
}

#[test]
fn a_key_of_the_factorable_kind_is_skipped() {
    let roca = roca();
    skipped([("ROCA", roca.jwk(), "weak_rsa")]);
    proves_nothing(&roca.jwk(), roca.sign(&claims()));
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

#[test]
fn a_point_is_a_whole_point_of_its_curve() {
    let jwk = EC.jwk();
    let coordinate = |name: &str| decoded(jwk[name].as_str().unwrap());
    let (x, y) = (coordinate("x"), coordinate("y"));
    let mut off = y.clone();
    off[31] ^= 1;
    let point = |x: &[u8], y: &[u8]| altered(&EC, &json!({"x": base64url(x), "y": base64url(y)}));
    let field =
        hex::decode("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff").unwrap();
    skipped([
        ("off the curve", point(&x, &off), "point"),
        ("(0, 0)", point(&[0; 32], &[0; 32]), "point"),
        ("no octets", point(&[], &[]), "point"),
        ("as wide as the field is not", point(&[0xff; 32], &[0xff; 32]), "point"),
        ("x is the field's prime", point(&field, &y), "point"),
        ("exchanged", point(&y, &x), "point"),
        ("x one octet short", point(&x[1..], &y), "point"),
        ("x one octet long", point(&[&[0], &x[..]].concat(), &y), "point"),
        ("P-256's as P-384", altered(&EC, &json!({"crv": "P-384", "alg": "ES384"})), "point"),
        ("P-256's as P-521", altered(&EC, &json!({"crv": "P-521", "alg": "ES512"})), "point"),
        ("x padded", altered(&EC, &json!({"x": format!("{}=", base64url(&x))})), "malformed"),
        ("x null", altered(&EC, &json!({"x": null})), "malformed"),
        ("x with loose bits", altered(&EC, &json!({"x": loosened(&base64url(&x))})), "malformed"),
        ("secp256k1", altered(&EC, &json!({"crv": "secp256k1", "alg": "ES256K"})), "unsupported"),
        ("p-256", altered(&EC, &json!({"crv": "p-256"})), "unsupported"),
        ("crv null", altered(&EC, &json!({"crv": null})), "malformed"),
        ("crv in a list", altered(&EC, &json!({"crv": ["P-256"]})), "malformed"),
        ("Ed25519 of another kty", altered(&ED, &json!({"kty": "EC"})), "unsupported"),
    ]);
}

/// RFC 7518, section 6.2.1.2: the whole width, leading zeros too.
#[test]
fn leading_zeros_of_a_coordinate_are_kept() {
    let (signer, x) = (0..)
        .map(|_| SigningKey::generate("ES256", "bad"))
        .map(|signer| {
            let x = decoded(signer.jwk()["x"].as_str().unwrap());
            (signer, x)
        })
        .find(|(_, x)| x[0] == 0)
        .unwrap();
    let judges = Judges::of(|| set_of(&jwks([&signer])));
    judges.agree([("kept", signer.sign(&claims()), VERIFIED)]);
    skipped([("cut", altered(&signer, &json!({"x": base64url(&x[1..])})), "point")]);
}

#[test]
fn ed25519_keys_are_32_octets_and_of_great_order() {
    let x = |bytes: &[u8]| altered(&ED, &json!({"x": base64url(bytes)}));
    let small = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    skipped([
        ("31 octets", x(&[7; 31]), "point"),
        ("33 octets", x(&[7; 33]), "point"),
        ("none", x(&[]), "point"),
        ("order 1", x(&[&[1][..], &[0; 31]].concat()), "point"),
        ("order 4", x(&[0; 32]), "point"),
        ("order 8", x(&hex::decode(small).unwrap()), "point"),
        ("X25519", altered(&ED, &json!({"crv": "X25519"})), "unsupported"),
        ("Ed448", altered(&ED, &json!({"crv": "Ed448"})), "unsupported"),
        ("crv null", altered(&ED, &json!({"crv": null})), "malformed"),
        (
            "x with loose bits",
            altered(&ED, &json!({"x": loosened(&base64url([7; 32]))})),
            "malformed",
        ),
    ]);
}

/// OpenSSL looks at an Ed25519 point when it checks a signature, and not before: a text that is none is a
/// key that nobody has, and nothing holds under it.
#[test]
fn an_ed25519_key_that_is_no_point_proves_nothing() {
    let mut y = [0; 32];
    y[0] = 2;
    let jwk = altered(&ED, &json!({"x": base64url(y)}));
    let judges = Judges::of(|| set_of(&json!({"keys": [jwk, ED.jwk()]})));
    let header = json!({"alg": "EdDSA", "kid": "bad"}).to_string();
    let token = ED.sign_text(&header, &claims().to_string());
    let (signed, _) = taken_apart(&token);
    let identity = base64url([&[1][..], &[0; 63]].concat());
    judges.agree([
        ("signed by another", token, "signature"),
        ("R the identity, S zero", format!("{signed}.{identity}"), "signature"),
        ("good", ED.sign(&claims()), VERIFIED),
    ]);
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
