//! `jwt-verify`: no bytes make it panic, whether they are a token, the header and claims of one that the
//! issuer signs, or a key set. What the issuer did not sign never verifies. To be remembered changes no
//! verdict. Of claims that verify, every reader reads the same, and they are what was asked for.
//!
//! The first byte says what the rest is. A fuzzer cannot sign, and so this target signs for it: else
//! nothing behind the signature would ever be reached.

#![no_main]

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::Signer;
use portcullis_base::ManualClock;
use portcullis_jwt_verify::sources::{KeySource, StaticKeys};
use portcullis_jwt_verify::{
    Algorithm, Error, KeySet, MAX_TOKEN, Unverified, VerifiedClaims, Verifier,
};
use serde_json::{Value, json};
use time::OffsetDateTime;

const ISSUER: &str = "https://gitlab.example.com";
const AUDIENCE: &str = "https://gw.example.com";
const NOW: i64 = 1_780_000_000;
const LEEWAY: f64 = 30.0;

const KEYS: &[u8] = include_bytes!("../seeds/jwt/keys");
/// All that these keys ever signed, but for what `sign` does; a `t` stands before each.
const GOOD: [&str; 6] = [
    include_str!("../seeds/jwt/rs256"),
    include_str!("../seeds/jwt/ps384"),
    include_str!("../seeds/jwt/es256"),
    include_str!("../seeds/jwt/es384"),
    include_str!("../seeds/jwt/es512"),
    include_str!("../seeds/jwt/eddsa"),
];

/// One that forgets, and one that remembers.
static VERIFIERS: LazyLock<[Verifier; 2]> = LazyLock::new(|| {
    let verifiers = [0, 64].map(|remembered| {
        let keys = KeySet::from_jwks(&KEYS[1..]).expect("a key set");
        assert_eq!(keys.len(), GOOD.len());
        verifier(keys, remembered)
    });
    for good in GOOD {
        assert!(verdicts(&verifiers, &good[1..]).is_ok());
    }
    verifiers
});

static HAND: LazyLock<PKey<Private>> =
    LazyLock::new(|| PKey::private_key_from_raw_bytes(&[7; 32], Id::ED25519).expect("a key"));

fuzz_target!(|input: &[u8]| {
    let [kind, rest @ ..] = input else { return };
    match kind {
        b't' => token(rest),
        b'b' => bent(rest),
        b'p' => signed(json!({"alg": "EdDSA", "kid": "eddsa"}).to_string().as_bytes(), rest),
        b'h' => {
            let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
            signed(&rest[..end], rest.get(end + 1..).unwrap_or_default());
        }
        _ => keys(rest),
    }
});

fn verifier(keys: KeySet, remembered: u64) -> Verifier {
    let now = OffsetDateTime::from_unix_timestamp(NOW).expect("a moment");
    let keys: Arc<dyn KeySource> = Arc::new(StaticKeys::new(keys));
    let builder = Verifier::builder(keys).issuer(ISSUER).audience(AUDIENCE);
    builder.clock(Arc::new(ManualClock::at(now))).remember(remembered).build()
}

/// Keys that are known are never waited for.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something"),
    }
}

/// What everybody says of a token, at first sight and at second.
fn verdicts(verifiers: &[Verifier; 2], token: &str) -> Result<VerifiedClaims, Error> {
    let verdict = at_once(verifiers[0].verify(token));
    for _ in 0..2 {
        let other = at_once(verifiers[1].verify(token));
        assert_eq!(verdict.as_ref().map(|_| ()), other.as_ref().map(|_| ()));
        if let (Ok(one), Ok(other)) = (&verdict, &other) {
            assert_eq!(one.members(), other.members());
        }
    }
    verdict
}

/// Any text. (Finding an ECDSA signature's twin would take arithmetic.)
fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let is_good = GOOD.iter().any(|good| &good[1..] == text);
    assert_eq!(verdicts(&VERIFIERS, text).is_ok(), is_good, "{text}");
    assert_eq!(at_once(VERIFIERS[0].verify_payload(text)).is_ok(), is_good);
    if let Ok(unverified) = Unverified::parse(text) {
        assert!(text.len() <= MAX_TOKEN && text.matches('.').count() == 2);
        assert_ne!(unverified.header().key_id(), Some(""));
        let _ = unverified.issuer();
    }
}

/// A good token with one character replaced by a text, which may be empty.
fn bent(bytes: &[u8]) {
    let [which, high, low, with @ ..] = bytes else { return };
    let Ok(with) = std::str::from_utf8(with) else { return };
    let good = &GOOD[usize::from(*which) % GOOD.len()][1..];
    let place = usize::from(u16::from_be_bytes([*high, *low])) % good.len();
    token(format!("{}{with}{}", &good[..place], &good[place + 1..]).as_bytes());
}

fn sign(header: &[u8], payload: &[u8]) -> (String, Vec<u8>) {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = Signer::new_without_digest(&HAND)
        .and_then(|mut signer| signer.sign_oneshot_to_vec(signed.as_bytes()))
        .expect("a signature");
    (signed, signature)
}

/// A token that the issuer did sign, and the same one with another signature.
fn signed(header: &[u8], payload: &[u8]) {
    let (signed, mut signature) = sign(header, payload);
    let text = |signature: &[u8]| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let token = text(&signature);
    signature[payload.len() % 64] ^= 1;
    let forged = text(&signature);
    let proved = at_once(VERIFIERS[0].verify_payload(&token));
    let verdict = verdicts(&VERIFIERS, &token);
    match &proved {
        // Nothing is said of claims before the signature is known to hold.
        Ok(proved) => {
            assert_eq!(proved, payload);
            assert_eq!(verdicts(&VERIFIERS, &forged).err(), Some(Error::Signature));
        }
        Err(error) => {
            assert_eq!(verdict.as_ref().err(), Some(error));
            assert!(verdicts(&VERIFIERS, &forged).is_err());
        }
    }
    if let Ok(claims) = verdict {
        assert_eq!(claims.header().algorithm(), Algorithm::EdDsa);
        as_asked(&claims);
        as_a_json_parser_does(&claims, payload);
    }
}

/// What was asked of the claims, asked once more of their values.
fn as_asked(claims: &VerifiedClaims) {
    let time = |name: &str| claims.get(name).map(|time| time.as_f64().expect("a number"));
    let now = NOW as f64;
    assert_eq!(claims.get("iss"), Some(&json!(ISSUER)));
    let aud = claims.get("aud").expect("an audience");
    assert!(aud == AUDIENCE || aud.as_array().is_some_and(|all| all.contains(&json!(AUDIENCE))));
    assert!(time("exp").expect("an end") + LEEWAY >= now);
    assert!(time("nbf").is_none_or(|start| start - LEEWAY <= now));
    assert!(time("iat").is_none_or(|birth| birth - LEEWAY <= now));
    assert_eq!(claims.get("sub").and_then(Value::as_str), claims.subject());
    assert!(claims.subject().is_some_and(|sub| !sub.chars().any(char::is_control)));
    assert_eq!(claims.get("jti").and_then(Value::as_str), claims.id());
    assert!(claims.expires_at().is_some());
    assert_eq!(claims.not_before().is_some(), claims.get("nbf").is_some());
    assert!(!format!("{claims:?}").is_empty());
}

/// No member hides from one reader or the other: as many names as a plain parser of text finds.
fn as_a_json_parser_does(claims: &VerifiedClaims, payload: &[u8]) {
    let value: Value = serde_json::from_slice(payload).expect("an object");
    assert_eq!(value.as_object(), Some(claims.members()));
    assert_eq!(claims.deserialize::<Value>().ok(), Some(value));
}

fn keys(bytes: &[u8]) {
    if let Some(certificates) = KeySet::from_certificates(bytes) {
        assert_eq!(certificates.is_empty(), certificates.iter().next().is_none());
    }
    let [Some(set), Some(again)] = [KeySet::from_jwks(bytes), KeySet::from_jwks(bytes)] else {
        assert!(KeySet::from_jwks(bytes).is_none());
        return;
    };
    assert_eq!((set.len(), set.skipped()), (again.len(), again.skipped()));
    for key in set.iter() {
        assert!(key.algorithms().next().is_some() && key.id() != Some(""));
        assert!(set.has(key.id()) && set.has(None));
    }
    let verifiers = [verifier(again.reusing(&set), 0), verifier(set, 64)];
    for good in GOOD {
        let Err(error) = verdicts(&verifiers, &good[1..]) else { continue };
        assert!(matches!(error, Error::KeyUnknown | Error::KeyMismatch | Error::Signature));
    }
}
