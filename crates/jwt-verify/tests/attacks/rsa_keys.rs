//! RSA keys that prove nothing, or too much.

use openssl::bn::{BigNum, BigNumContext};
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use portcullis_test_support::{SigningKey, base64url};
use serde_json::{Value, json};

use crate::key_sets::{altered, proves_nothing, skipped};
use crate::support::*;

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

/// The key of these two primes, with the usual exponent.
fn private_key(first: &BigNum, second: &BigNum) -> PKey<Private> {
    let mut context = BigNumContext::new().unwrap();
    let mut new = |f: &mut dyn FnMut(&mut BigNum, &mut BigNumContext)| {
        let mut number = BigNum::new().unwrap();
        f(&mut number, &mut context);
        number
    };
    let copy = |number: &BigNum| BigNum::from_slice(&number.to_vec()).unwrap();
    let (one, exponent) = (BigNum::from_u32(1).unwrap(), BigNum::from_u32(65537).unwrap());
    let modulus = new(&mut |it, context| it.checked_mul(first, second, context).unwrap());
    let below = [first, second].map(|prime| new(&mut |it, _| it.checked_sub(prime, &one).unwrap()));
    let order = new(&mut |it, context| it.checked_mul(&below[0], &below[1], context).unwrap());
    let secret = new(&mut |it, context| it.mod_inverse(&exponent, &order, context).unwrap());
    let [dp, dq] =
        [0, 1].map(|n| new(&mut |it, context| it.nnmod(&secret, &below[n], context).unwrap()));
    let qi = new(&mut |it, context| it.mod_inverse(second, first, context).unwrap());
    let (first, second) = (copy(first), copy(second));
    let rsa = Rsa::from_private_components(modulus, exponent, secret, first, second, dp, dq, qi);
    PKey::from_rsa(rsa.unwrap()).unwrap()
}

#[test]
fn a_key_of_the_factorable_kind_is_skipped() {
    let roca = roca();
    skipped([("ROCA", roca.jwk(), "weak_rsa")]);
    proves_nothing(&roca.jwk(), roca.sign(&claims()));
}
