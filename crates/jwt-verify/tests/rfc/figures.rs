//! Each figure and what becomes of it.

use std::sync::Arc;

use portcullis_jwt_verify::sources::{KeySource, StaticKeys};
use portcullis_jwt_verify::{KeySet, Verifier};
use portcullis_test_support::{SigningKey, base64url, jwks};
use serde_json::json;

use crate::support::{Figure, at_once};

/// When the claims of RFC 7515, RFC 7519 and RFC 7520 expire.
const EXPIRY: i64 = 1_300_819_380;
/// The claims of RFC 7519, section 3.1, with their line breaks.
const JOE: &str =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
/// The payload of RFC 7520, section 4.
const FRODO: &str = "It\u{2019}s a dangerous business, Frodo, going out your door. You step onto \
    the road, and if you don't keep your feet, there\u{2019}s no knowing where you might be swept off to.";

/// RFC 7515, A.2 to A.4; RFC 7520, 4.1 to 4.3; RFC 8037, A.4 and A.5.
#[test]
fn a_signature_of_the_books_holds() {
    for (section, payload) in [
        ("RFC 7515 A.2", JOE),
        ("RFC 7515 A.3", JOE),
        ("RFC 7515 A.4", "Payload"),
        ("RFC 7520 4.1", FRODO),
        ("RFC 7520 4.2", FRODO),
        ("RFC 7520 4.3", FRODO),
        ("RFC 8037 A.4", "Example of Ed25519 signing"),
    ] {
        let figure = Figure::of(section);
        assert_eq!(figure.payload(figure.token()).as_deref(), Ok(payload), "{section}");
        // Another book's key, of whatever type, is not this one's.
        let other = if section.ends_with("A.2") { "RFC 7520 3.3" } else { "RFC 7515 A.2" };
        let verdict = Figure::of(other).payload(figure.token());
        assert!(matches!(verdict, Err("key_mismatch" | "key_unknown" | "signature")), "{section}");
    }
}

/// The claims of RFC 7519, section 3.1, live until their moment and no longer.
#[test]
fn claims_of_the_books_expire_when_they_say() {
    for section in ["RFC 7515 A.2", "RFC 7515 A.3", "RFC 7520 6"] {
        let figure = Figure::of(section);
        let code = |at| {
            at_once(figure.builder(at).build().verify(figure.token()))
                .map(|claims| {
                    assert_eq!(claims.get("http://example.com/is_root"), Some(&json!(true)));
                    claims.issuer().unwrap().to_owned()
                })
                .map_err(|error| error.code())
        };
        let issuer = if section == "RFC 7520 6" { "hobbiton.example" } else { "joe" };
        assert_eq!(code(EXPIRY).as_deref(), Ok(issuer), "{section}");
        assert_eq!(code(EXPIRY + 30).as_deref(), Ok(issuer), "{section}");
        assert_eq!(code(EXPIRY + 31), Err("expired"), "{section}");
    }
    let payloads = ["RFC 7515 A.4", "RFC 7520 4.1", "RFC 8037 A.4"];
    for figure in payloads.map(Figure::of) {
        let verdict = at_once(figure.builder(EXPIRY).build().verify(figure.token()));
        assert_eq!(verdict.unwrap_err().code(), "claims_json");
    }
}

/// RFC 7515, A.1 (RFC 7519, 3.1) and RFC 7520, 4.4 and 4.5: MACs, by keys that are published. RFC 7797's
/// two are MACs as well. RFC 7515, A.5 (RFC 7519, 6.1): no signature at all.
#[test]
fn macs_and_unsecured_tokens_are_refused() {
    let macs = ["RFC 7515 A.1", "RFC 7520 4.4", "RFC 7520 4.5", "RFC 7797 4.1", "RFC 7797 4.2"];
    for figure in macs.map(Figure::of) {
        assert_eq!(figure.keys().skipped()[0].1, "private");
        assert_eq!(figure.payload(figure.token()), Err("algorithm"));
    }
    let (unsecured, key) = (Figure::of("RFC 7515 A.5"), Figure::of("RFC 7515 A.2"));
    assert_eq!(key.payload(unsecured.token()), Err("algorithm"));
}

/// RFC 7515, A.6 and A.7; RFC 7520, 4.6 to 4.8; RFC 7797, 4.2.
#[test]
fn json_serializations_are_no_tokens() {
    let rfc_7515 = ["RFC 7515 A.6", "RFC 7515 A.7"];
    let others = ["RFC 7520 4.6", "RFC 7520 4.7", "RFC 7520 4.8", "RFC 7797 4.2"];
    let key = Figure::of("RFC 7515 A.2");
    for section in rfc_7515.into_iter().chain(others) {
        assert_eq!(key.payload(&Figure::of(section).json()), Err("segments"), "{section}");
    }
}

/// RFC 7520, 4.5, by a key that may sign: the payload went another way, and what is here is an empty one.
#[test]
fn detached_content_is_an_empty_payload() {
    let signer = SigningKey::generate("ES256", "detached");
    let keys = KeySet::from_jwks(jwks([&signer]).to_string().as_bytes()).unwrap();
    let keys: Arc<dyn KeySource> = Arc::new(StaticKeys::new(keys));
    let verifier = Verifier::builder(keys).any_issuer().any_audience().build();
    let token = signer.sign_text(&signer.header().to_string(), FRODO);
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts[1], base64url(FRODO));
    assert_eq!(at_once(verifier.verify_payload(&token)).unwrap(), FRODO.as_bytes());
    let detached = format!("{}..{}", parts[0], parts[2]);
    assert_eq!(at_once(verifier.verify_payload(&detached)).unwrap_err().code(), "signature");
}

/// RFC 7520, section 6: the inner token verifies above, and nobody opens the outer one.
#[test]
fn an_encrypted_token_is_refused() {
    let figure = Figure::of("RFC 7520 6");
    assert_eq!(figure.payload(figure.encrypted()), Err("segments"));
}

/// Keys as the books write them: RFC 7520, 3.1 and 3.3; RFC 7638, 3.1; RFC 8037, A.2.
#[test]
fn a_key_of_the_books_is_a_key() {
    for (section, id, algorithms) in [
        ("RFC 7515 A.2", None, 6),
        ("RFC 7515 A.3", None, 1),
        ("RFC 7515 A.4", None, 1),
        ("RFC 7520 3.1", Some("bilbo.baggins@hobbiton.example"), 1),
        ("RFC 7520 3.3", Some("bilbo.baggins@hobbiton.example"), 6),
        ("RFC 7638 3.1", Some("2011-04-29"), 1),
        ("RFC 8037 A.4", None, 1),
    ] {
        let keys = Figure::of(section).keys();
        assert_eq!(keys.skipped(), [], "{section}");
        let key = keys.iter().next().unwrap();
        assert_eq!((key.id(), key.algorithms().count()), (id, algorithms), "{section}");
    }
    // A secret, and a key for agreeing on one.
    for (section, why) in [("RFC 7520 3.5", "private"), ("RFC 8037 A.6", "unsupported")] {
        let keys = Figure::of(section).keys();
        assert_eq!((keys.len(), keys.skipped()[0].1), (0, why), "{section}");
    }
}
