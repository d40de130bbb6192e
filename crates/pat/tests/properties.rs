//! What holds for every key, every token and every text.

use portcullis_pat::{DEFAULT_PREFIX, KeyError, KeyRing, ParseError, RingError, SigningKey};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

fn ring(keys: &[&[u8]]) -> KeyRing {
    let keys = keys.iter().map(|key| SigningKey::new(key).unwrap()).collect();
    KeyRing::new(DEFAULT_PREFIX, keys).unwrap()
}

proptest! {
    #[test]
    fn what_is_generated_verifies(seed: u64, key in prop::collection::vec(any::<u8>(), 16..200)) {
        let ring = ring(&[&key]);
        let pat = ring.generate(&mut StdRng::seed_from_u64(seed));
        prop_assert_eq!(ring.verify(pat.expose()).unwrap(), pat.digest());
        let value = pat.expose().rsplit_once('.').unwrap().1;
        prop_assert_eq!(value.len(), 40);
        prop_assert!(value.bytes().all(|b| b.is_ascii_alphanumeric()));
    }

    #[test]
    fn no_token_with_another_character_in_it_verifies(
        seed: u64, at in 0_usize..95, other in any::<char>(),
    ) {
        let ring = ring(&[b"0123456789abcdef"]);
        let pat = ring.generate(&mut StdRng::seed_from_u64(seed));
        let mut letters: Vec<char> = pat.expose().chars().collect();
        prop_assert_eq!(letters.len(), 95);
        prop_assume!(letters[at] != other);
        letters[at] = other;
        prop_assert!(ring.verify(&letters.iter().collect::<String>()).is_err());
    }

    #[test]
    fn no_shortened_or_lengthened_token_verifies(seed: u64, cut in 0_usize..95, more in ".{1,20}") {
        let ring = ring(&[b"0123456789abcdef"]);
        let pat = ring.generate(&mut StdRng::seed_from_u64(seed));
        prop_assert!(ring.verify(&pat.expose()[..cut]).is_err());
        let longer = format!("{}{more}", pat.expose());
        prop_assert!(ring.verify(&longer).is_err());
        let earlier = format!("{more}{}", pat.expose());
        prop_assert!(ring.verify(&earlier).is_err());
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}", tail in prop::collection::vec(any::<u8>(), 0..99)) {
        let ring = ring(&[b"0123456789abcdef"]);
        prop_assert!(ring.verify(&text).is_err());
        let tail = String::from_utf8_lossy(&tail);
        let near = format!("{DEFAULT_PREFIX}{tail}.{text}");
        prop_assert!(ring.verify(&near).is_err());
    }
}

#[test]
fn the_first_key_signs_and_all_verify() {
    let (old, new): (&[u8], &[u8]) = (b"the old key, 24 bytes...", b"the new key, 24 bytes...");
    let mut rng = StdRng::seed_from_u64(1);
    let before = ring(&[old]).generate(&mut rng);
    let both = ring(&[new, old]);
    let after = both.generate(&mut rng);
    both.verify(before.expose()).unwrap();
    ring(&[new]).verify(after.expose()).unwrap();
    assert_eq!(ring(&[old]).verify(after.expose()), Err(ParseError::Forged));
    assert_eq!(ring(&[new]).verify(before.expose()), Err(ParseError::Forged));
}

#[test]
fn each_fault_has_its_name() {
    let ring = ring(&[b"0123456789abcdef"]);
    let good = "A".repeat(43);
    for (text, error) in [
        (String::new(), ParseError::Prefix),
        ("glpat-abc".to_owned(), ParseError::Prefix),
        ("GITPOD_PAT_a.b".to_owned(), ParseError::Prefix),
        (DEFAULT_PREFIX.to_owned(), ParseError::Shape),
        (format!("{DEFAULT_PREFIX}."), ParseError::Shape),
        (format!("{DEFAULT_PREFIX}.value"), ParseError::Shape),
        (format!("{DEFAULT_PREFIX}{good}."), ParseError::Shape),
        (format!("{DEFAULT_PREFIX}{good}"), ParseError::Shape),
        (format!("{DEFAULT_PREFIX}{good}.{}", "v".repeat(2000)), ParseError::Shape),
        (format!("{DEFAULT_PREFIX}AAAA.value"), ParseError::Signature),
        (format!("{DEFAULT_PREFIX}{good}=.value"), ParseError::Signature),
        // The last character would carry bits beyond the 32 bytes.
        (format!("{DEFAULT_PREFIX}{}B.value", "A".repeat(42)), ParseError::Signature),
        (format!("{DEFAULT_PREFIX}{}+.value", "A".repeat(42)), ParseError::Signature),
        (format!("{DEFAULT_PREFIX}{good}.value"), ParseError::Forged),
        (format!("{DEFAULT_PREFIX}{good}.a.b"), ParseError::Forged),
    ] {
        assert_eq!(ring.verify(&text), Err(error), "{text}");
        assert_eq!(ring.parse(&text).unwrap_err().code(), error.code());
    }
}

#[test]
fn weak_keys_and_odd_prefixes_are_refused() {
    assert_eq!(SigningKey::new(b"15 bytes of key").unwrap_err(), KeyError::TooShort);
    assert_eq!(SigningKey::from_base64url("!!").unwrap_err(), KeyError::NotBase64Url);
    assert_eq!(SigningKey::from_base64url("c2hvcnQ").unwrap_err(), KeyError::TooShort);
    let key = || vec![SigningKey::from_base64url("MDEyMzQ1Njc4OWFiY2RlZg").unwrap()];
    assert_eq!(KeyRing::new("p_", Vec::new()).unwrap_err(), RingError::NoKey);
    for bad in ["", "a.b", "a b", "a\n", "ä_", &"x".repeat(65)] {
        assert_eq!(KeyRing::new(bad, key()).unwrap_err(), RingError::BadPrefix, "{bad:?}");
    }
    assert!(KeyRing::new("acme-pat_", key()).unwrap().has_prefix("acme-pat_x"));
}

#[test]
fn debug_shows_no_secret() {
    let ring = ring(&[b"0123456789abcdef"]);
    let pat = ring.generate(&mut StdRng::seed_from_u64(1));
    let shown = format!("{ring:?} {pat:?}");
    let value = pat.expose().rsplit_once('.').unwrap().1;
    assert!(!shown.contains(value) && !shown.contains("48, 49"), "{shown}");
}

#[test]
fn every_character_comes_about_equally_often() {
    let ring = ring(&[b"0123456789abcdef"]);
    let mut rng = StdRng::seed_from_u64(20_261_121);
    let mut counts = [0_u32; 128];
    for _ in 0..10_000 {
        let pat = ring.generate(&mut rng);
        for byte in pat.expose().rsplit_once('.').unwrap().1.bytes() {
            counts[usize::from(byte)] += 1;
        }
    }
    // 400,000 draws of 62: 6,452 each; a modulo of 256 would give eight of them 7,812.
    for (byte, count) in (0_u8..).zip(counts).filter(|(byte, _)| byte.is_ascii_alphanumeric()) {
        assert!((6_000..6_900).contains(&count), "{}: {count}", char::from(byte));
    }
}
