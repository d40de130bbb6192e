//! Keys on curves that are no points, or none that may be used.

use portcullis_test_support::{SigningKey, base64url, jwks};
use serde_json::json;

use crate::key_sets::{altered, skipped};
use crate::support::*;

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
    let (signer, x) = (0..20_000)
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
