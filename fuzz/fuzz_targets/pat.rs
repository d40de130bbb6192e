//! `KeyRing::verify`: no text makes it panic, and none passes that a key of the ring did not make, as
//! far as a fuzzer can try: one character of a good token is replaced, dropped or doubled.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis_pat::{DEFAULT_PREFIX, KeyRing, ParseError, SigningKey};

/// A token that the key of this ring made, once and for all.
const GOOD: &str = include_str!("../seeds/pat/good");

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let keys = [&[7; 32][..], &[9; 16][..]].map(|key| SigningKey::new(key).expect("long enough"));
    KeyRing::new(DEFAULT_PREFIX, keys.to_vec()).expect("a prefix and keys")
});

fuzz_target!(|input: &[u8]| {
    assert!(RING.verify(GOOD).is_ok());
    if let Ok(text) = std::str::from_utf8(input) {
        look_at(text);
        look_at(&format!("{DEFAULT_PREFIX}{text}"));
    }
    if let [place, with @ ..] = input {
        bend(usize::from(*place), with);
    }
});

fn look_at(text: &str) {
    match RING.verify(text) {
        Ok(digest) => {
            assert_eq!(text, GOOD, "only what was made here passes");
            assert_eq!(digest.to_string().len(), 64);
        }
        Err(ParseError::Prefix) => assert!(!RING.has_prefix(text)),
        Err(ParseError::Shape | ParseError::Signature | ParseError::Forged) => {
            assert!(RING.has_prefix(text));
        }
    }
    assert_eq!(RING.parse(text).is_ok(), RING.verify(text).is_ok());
}

/// The good token with one character replaced by `with`, which may be none or many.
fn bend(place: usize, with: &[u8]) {
    let Ok(with) = std::str::from_utf8(with) else { return };
    let place = place % GOOD.len();
    let bent = format!("{}{with}{}", &GOOD[..place], &GOOD[place + 1..]);
    look_at(&bent);
}
