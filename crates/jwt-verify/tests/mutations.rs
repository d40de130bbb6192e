//! No change of a token that verifies leaves one that does, but the one that ECDSA allows.

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::EcGroup;
use openssl::nid::Nid;
use portcullis_jwt_verify::sources::{KeySource, StaticKeys};
use portcullis_jwt_verify::{Algorithm, Error, KeySet, Verifier};
use portcullis_test_support::{SigningKey, base64url, jwks};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value, json};

/// Two tokens of every algorithm, and two verifiers that trust them all: one of them remembers.
struct House {
    tokens: Vec<[String; 2]>,
    verifiers: [Verifier; 2],
}

static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let signers = SigningKey::one_for_each(Algorithm::ALL.map(Algorithm::name));
    let claims =
        |sub: &str| json!({"iss": "i", "aud": "a", "sub": sub, "exp": 253_402_300_799_i64});
    let builder = || {
        let jwks = jwks(&signers).to_string();
        let keys = StaticKeys::new(KeySet::from_jwks(jwks.as_bytes()).unwrap());
        Verifier::builder(Arc::new(keys) as Arc<dyn KeySource>).issuer("i").audience("a")
    };
    let pair = |signer: &SigningKey| ["s", "somebody else"].map(|sub| signer.sign(&claims(sub)));
    let tokens: Vec<[String; 2]> = signers.iter().map(pair).collect();
    let verifiers = [builder().build(), builder().remember(1000).build()];
    let house = House { tokens, verifiers };
    for token in house.tokens.iter().flatten() {
        assert_eq!(house.verdicts(token), [Ok(()), Ok(()), Ok(())]);
    }
    house
});

impl House {
    /// Of the one that forgets, and twice of the one that remembers.
    fn verdicts(&self, token: &str) -> [Result<(), Error>; 3] {
        [0, 1, 1].map(|which| at_once(self.verifiers[which].verify(token)).map(|_| ()))
    }

    /// Nobody takes it, and everybody for the same reason; what was proved before still is.
    fn refuses(&self, mutant: &str) -> Result<(), TestCaseError> {
        if self.tokens.iter().flatten().any(|token| token == mutant) {
            return Ok(());
        }
        let verdicts = self.verdicts(mutant);
        prop_assert!(verdicts[0].is_err(), "{mutant}");
        prop_assert!(verdicts.iter().all(|one| *one == verdicts[0]), "{mutant}: {verdicts:?}");
        Ok(())
    }
}

fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something"),
    }
}

/// One of the tokens.
fn token() -> impl Strategy<Value = &'static str> {
    (0..HOUSE.tokens.len(), 0..2_usize).prop_map(|(family, which)| &*HOUSE.tokens[family][which])
}

fn segments(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// Always the same cases: what fails here fails everywhere.
fn config() -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(0x4a57_5421);
    ProptestConfig { cases: 600, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// A bit of what a segment stands for.
    #[test]
    fn a_flipped_bit(token in token(), which in 0..3_usize, at: prop::sample::Index, bit in 0..8_u32) {
        let mut segments = segments(token).map(str::to_owned);
        let mut bytes = URL_SAFE_NO_PAD.decode(&segments[which]).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        segments[which] = base64url(bytes);
        HOUSE.refuses(&segments.join("."))?;
    }

    /// A bit of the text itself, as long as it is a text.
    #[test]
    fn a_flipped_bit_of_the_text(token in token(), at: prop::sample::Index, bit in 0..7_u32) {
        let mut bytes = token.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        HOUSE.refuses(&String::from_utf8(bytes).unwrap())?;
    }

    #[test]
    fn an_inserted_text(token in token(), at: prop::sample::Index, more in "[-_.=A-Za-z0-9]{1,3}|.{1,2}") {
        let (before, after) = token.split_at(at.index(token.len() + 1));
        HOUSE.refuses(&format!("{before}{more}{after}"))?;
    }

    #[test]
    fn a_deleted_text(token in token(), at: prop::sample::Index, length in 1..9_usize) {
        let at = at.index(token.len());
        let end = token.len().min(at + length);
        HOUSE.refuses(&format!("{}{}", &token[..at], &token[end..]))?;
    }

    #[test]
    fn a_replaced_character(token in token(), at: prop::sample::Index, other in "[-_.=+/A-Za-z0-9 ]") {
        let at = at.index(token.len());
        HOUSE.refuses(&format!("{}{other}{}", &token[..at], &token[at + 1..]))?;
    }

    #[test]
    fn two_swapped_characters(token in token(), one: prop::sample::Index, other: prop::sample::Index) {
        let mut bytes = token.as_bytes().to_vec();
        let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
        bytes.swap(one, other);
        HOUSE.refuses(&String::from_utf8(bytes).unwrap())?;
    }

    /// A repeated or cut segment, and the segments of two or three tokens in one.
    #[test]
    fn mixed_segments(tokens in [token(), token(), token()], order in [0..3_usize, 0..3_usize, 0..3_usize]) {
        let parts = tokens.map(segments);
        HOUSE.refuses(&format!("{}.{}.{}", parts[0][0], parts[1][1], parts[2][2]))?;
        let mixed: Vec<&str> = order.iter().zip(parts).map(|(which, parts)| parts[*which]).collect();
        HOUSE.refuses(&mixed.join("."))?;
        let [header, payload, signature] = parts[0];
        for signature in ["", &signature[4..], &signature.repeat(2)] {
            HOUSE.refuses(&format!("{header}.{payload}.{signature}"))?;
        }
    }

    /// A member of the header is added, dropped or gets another value; its order and blanks change.
    #[test]
    fn an_edited_header(
        token in token(),
        name in "alg|typ|kid|crit|b64|jwk|jku|x5u|x5c|cty|zip|[a-z]{1,3}",
        value in value(),
        edit in 0..4,
    ) {
        let [header, payload, signature] = segments(token);
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        let mut members: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let edited = match edit {
            0 => format!(" {text}"),
            1 => format!("{{{:?}:{value},{}", name, &text[1..]),
            2 => {
                members.remove(&name);
                Value::Object(members).to_string()
            }
            _ => {
                members.insert(name, value);
                Value::Object(members).to_string()
            }
        };
        HOUSE.refuses(&format!("{}.{payload}.{signature}", base64url(edited)))?;
    }

    /// The same with the claims.
    #[test]
    fn an_edited_claim(token in token(), name in "iss|aud|sub|exp|nbf|jti|[a-z]{1,3}", value in value()) {
        let [header, payload, signature] = segments(token);
        let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
        let mut members: Map<String, Value> = serde_json::from_slice(&payload).unwrap();
        members.insert(name, value);
        let edited = base64url(Value::Object(members).to_string());
        HOUSE.refuses(&format!("{header}.{edited}.{signature}"))?;
    }

    /// A signature of nothing but chance, as long as a signature is.
    #[test]
    fn a_guessed_signature(token in token(), bytes in prop::collection::vec(any::<u8>(), 256), whole: bool) {
        let [header, payload, signature] = segments(token);
        let length = URL_SAFE_NO_PAD.decode(signature).unwrap().len();
        let length = if whole { length } else { usize::from(bytes[0]) };
        HOUSE.refuses(&format!("{header}.{payload}.{}", base64url(&bytes[..length])))?;
    }
}

/// Values that a header or a claim may be given, names of the house among them.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::sample::select(Algorithm::ALL.map(Algorithm::name).to_vec()).prop_map(Value::from),
        prop::sample::select(vec!["none", "HS256", "i", "a", "s", "somebody else", "jwt", ""])
            .prop_map(Value::from),
        prop::sample::select(vec![Value::Null, json!(true), json!([]), json!({}), json!(["a"])]),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ]
}

/// Every single bit of every token, once.
#[test]
fn every_bit_of_every_signature_counts() {
    for [token, _] in &HOUSE.tokens {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mutant = format!("{signed}.{}", base64url(flipped));
            let verdict = at_once(HOUSE.verifiers[1].verify(&mutant));
            assert_eq!(verdict.map(|_| ()), Err(Error::Signature), "bit {bit} of {token}");
        }
    }
}

/// (r, n - s) is the one exception: it is for everybody to make, and nobody who verifies by RFC 7518,
/// section 3.4, can tell it from the first. (n - r, s) is none.
#[test]
fn the_twin_of_an_ecdsa_signature_verifies() {
    for [token, _] in &HOUSE.tokens {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let Some(order) = order_of(segments(token)[0]) else { continue };
        let width = signature.len() / 2;
        let (r, s) = signature.split_at(width);
        let rest = |number: &[u8]| {
            let mut rest = BigNum::new().unwrap();
            rest.checked_sub(&order, &BigNum::from_slice(number).unwrap()).unwrap();
            rest.to_vec_padded(i32::try_from(width).unwrap()).unwrap()
        };
        let with = |r: &[u8], s: &[u8]| format!("{signed}.{}", base64url([r, s].concat()));
        assert_eq!(HOUSE.verdicts(&with(r, &rest(s))), [Ok(()), Ok(()), Ok(())]);
        HOUSE.refuses(&with(&rest(r), s)).unwrap();
        HOUSE.refuses(&with(&rest(r), &rest(s))).unwrap();
    }
}

/// The order of the curve that a header's algorithm is on.
fn order_of(header: &str) -> Option<BigNum> {
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let curve = match header["alg"].as_str().unwrap() {
        "ES256" => Nid::X9_62_PRIME256V1,
        "ES384" => Nid::SECP384R1,
        "ES512" => Nid::SECP521R1,
        _ => return None,
    };
    let mut order = BigNum::new().unwrap();
    let group = EcGroup::from_curve_name(curve).unwrap();
    group.order(&mut order, &mut BigNumContext::new().unwrap()).unwrap();
    Some(order)
}
