//! Size and time.

use portcullis_jwt_verify::{MAX_TOKEN, Unverified};
use serde_json::json;

use crate::support::*;

/// An honest token of exactly so many bytes.
fn of_length(length: usize) -> String {
    let token = |filling: usize| {
        let mut claims = claims();
        claims["x"] = json!("A".repeat(filling));
        RSA.sign(&claims)
    };
    let spare = length - token(0).len();
    (spare * 3 / 4 - 2..spare).map(token).find(|token| token.len() >= length).unwrap()
}

#[test]
fn a_token_of_a_mebibyte_is_refused_unread() {
    let token = of_length(1 << 20);
    judges().agree([("a mebibyte", token, "too_long")]);
    for text in [".".repeat(1 << 20), "A".repeat(1 << 20), "\0".repeat(1 << 20)] {
        assert_eq!(Unverified::parse(&text).unwrap_err().code(), "too_long");
        judges().agree([("a mebibyte of one character", text, "too_long")]);
    }
}

#[test]
fn the_limit_is_exact() {
    let short = (MAX_TOKEN - 3..=MAX_TOKEN).map(of_length).rfind(|token| token.len() <= MAX_TOKEN);
    judges().agree([("inside", short.unwrap(), VERIFIED)]);
    let dots = |length: usize| ".".repeat(length);
    judges().agree([
        ("at the limit", dots(MAX_TOKEN), "segments"),
        ("past it", dots(MAX_TOKEN + 1), "too_long"),
    ]);
    let past = of_length(MAX_TOKEN + 1);
    assert!(past.len() <= MAX_TOKEN + 2);
    let verifier = usual(house()).build();
    assert_eq!(at_once(verifier.verify_payload(&past)).unwrap_err().code(), "too_long");
    judges().agree([("honest, and past it", past, "too_long")]);
}

/// To the second at both ends: the leeway, and not one more.
#[test]
fn a_clock_may_differ_by_the_leeway_and_no_more() {
    use portcullis_base::ManualClock;
    use portcullis_jwt_verify::{
        Verifier,
        sources::{KeySource, StaticKeys},
    };
    use std::sync::Arc;
    use time::OffsetDateTime;

    let token = RSA.sign(&claims());
    for (at, wanted) in [
        (NOW + 300, VERIFIED),
        (NOW + 330, VERIFIED),
        (NOW + 331, "expired"),
        (NOW - 10, VERIFIED),
        (NOW - 40, VERIFIED),
        (NOW - 41, "not_yet_valid"),
    ] {
        let keys: Arc<dyn KeySource> = Arc::new(StaticKeys::new(house()));
        let clock = ManualClock::at(OffsetDateTime::from_unix_timestamp(at).unwrap());
        let verifier = Verifier::builder(keys).issuer(ISSUER).audience(AUDIENCE);
        let verifier = verifier.clock(Arc::new(clock)).remember(10).build();
        assert_eq!(verdict(&verifier, &token), wanted, "{at}");
        assert_eq!(verdict(&verifier, &token), wanted, "{at}, again");
    }
}
