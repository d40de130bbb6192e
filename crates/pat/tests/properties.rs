//! What holds for every token, every text and every generator.

use std::convert::Infallible;

use portcullis_pat::{
    DEFAULT_PREFIX, KeyRing, KeyRingError, MAX_PREFIX_LEN, MAX_TOKEN_LEN, ParseError, Pat,
    SigningKey, VALUE_LEN,
};
use proptest::prelude::*;
use rand::rand_core::UnwrapErr;
use rand::rngs::{StdRng, SysRng};
use rand::{SeedableRng as _, TryCryptoRng, TryRng};
use zeroize::ZeroizeOnDrop;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32]).unwrap()
}

fn ring(prefix: &str, keys: &[u8]) -> KeyRing {
    KeyRing::new(prefix, keys.iter().copied().map(key).collect()).unwrap()
}

fn token(ring: &KeyRing, seed: u64) -> String {
    ring.generate(&mut StdRng::seed_from_u64(seed)).expose().to_owned()
}

proptest! {
    #[test]
    fn what_is_generated_is_read(seed: u64, prefix in "[0-9A-Za-z_-]{1,64}") {
        let ring = ring(&prefix, &[1]);
        let pat = ring.generate(&mut StdRng::seed_from_u64(seed));
        prop_assert!(ring.has_prefix(pat.expose()));
        let read = ring.parse(pat.expose()).unwrap();
        prop_assert_eq!(read.expose(), pat.expose());
        prop_assert_eq!(read.digest(), pat.digest());
        prop_assert_eq!(ring.verify(pat.expose()).unwrap(), pat.digest());

        let (signature, value) = pat.expose()[prefix.len()..].split_once('.').unwrap();
        prop_assert_eq!(signature.len(), 43);
        prop_assert_eq!(value.len(), VALUE_LEN);
        prop_assert!(value.bytes().all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn one_changed_byte_is_refused(seed: u64, at in 0..96_usize, with in 0..127_u8) {
        let ring = ring(DEFAULT_PREFIX, &[1, 2]);
        let good = token(&ring, seed);
        let mut bytes = good.clone().into_bytes();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != with);
        bytes[at] = with;
        let bad = String::from_utf8(bytes).unwrap();
        prop_assert!(ring.verify(&bad).is_err());
        prop_assert!(ring.parse(&bad).is_err());
    }

    #[test]
    fn one_byte_more_or_less_is_refused(seed: u64, at in 0..96_usize, more in any::<char>()) {
        let ring = ring(DEFAULT_PREFIX, &[1]);
        let good = token(&ring, seed);
        let mut less = good.clone();
        less.remove(at % good.len());
        prop_assert!(ring.verify(&less).is_err());
        let mut longer = good.clone();
        longer.insert(at % (good.len() + 1), more);
        prop_assert!(ring.verify(&longer).is_err());
    }

    #[test]
    fn junk_is_refused_and_nothing_panics(junk: String) {
        let ring = ring(DEFAULT_PREFIX, &[1]);
        prop_assert!(ring.verify(&junk).is_err());
        prop_assert!(ring.verify(&format!("{DEFAULT_PREFIX}{junk}")).is_err());
        prop_assert!(ring.verify(&format!("{DEFAULT_PREFIX}{junk}.{junk}")).is_err());
    }

    #[test]
    fn a_prefix_with_any_other_character_is_refused(
        before in "[a-z]{0,5}", odd in "[^0-9A-Za-z_-]", after in "[a-z]{0,5}",
    ) {
        let result = KeyRing::new(&format!("{before}{odd}{after}"), vec![key(1)]);
        prop_assert_eq!(result.unwrap_err(), KeyRingError::Prefix);
    }
}

#[test]
fn each_defect_has_its_name() {
    let ring = ring("p_", &[1]);
    let good = token(&ring, 0);
    let long = |n: usize| format!("p_{}", "a".repeat(n - 2));
    for (text, error, code) in [
        (String::new(), ParseError::Prefix, "pat_prefix"),
        ("P_".to_owned() + &good[2..], ParseError::Prefix, "pat_prefix"),
        (format!(" {good}"), ParseError::Prefix, "pat_prefix"),
        ("p_".to_owned(), ParseError::NoDot, "pat_no_dot"),
        (good.replace('.', ""), ParseError::NoDot, "pat_no_dot"),
        ("p_.".to_owned(), ParseError::NoSignature, "pat_no_signature"),
        (format!("p_{}", &good[45..]), ParseError::NoSignature, "pat_no_signature"),
        (good[..46].to_owned(), ParseError::NoValue, "pat_no_value"),
        ("p_a.b".to_owned(), ParseError::Signature, "pat_signature"),
        (format!("{good} "), ParseError::Signature, "pat_signature"),
        (good.replace('.', "=."), ParseError::Signature, "pat_signature"),
        (good.replace('.', ".."), ParseError::Signature, "pat_signature"),
        (long(MAX_TOKEN_LEN), ParseError::NoDot, "pat_no_dot"),
        (long(MAX_TOKEN_LEN + 1), ParseError::TooLong, "pat_too_long"),
    ] {
        let found = ring.verify(&text).unwrap_err();
        assert_eq!((found, found.code()), (error, code), "{text:?}");
        assert_eq!(ring.parse(&text).unwrap_err(), error, "{text:?}");
    }
}

/// The last of 43 characters carries two bits that mean nothing and must be zero.
#[test]
fn a_signature_has_one_spelling() {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let ring = ring("p_", &[1]);
    let good = token(&ring, 0);
    let last = good.find('.').unwrap() - 1;
    let spellings = DIGITS.chars().filter(|digit| {
        let mut other = good.clone();
        other.replace_range(last..=last, digit.encode_utf8(&mut [0; 4]));
        ring.verify(&other).is_ok()
    });
    assert_eq!(spellings.collect::<String>(), good[last..=last]);
}

#[test]
fn the_first_key_signs_and_all_verify() {
    let (old, both, new) = (ring("p_", &[1]), ring("p_", &[2, 1]), ring("p_", &[2]));
    let (of_old, of_both) = (token(&old, 0), token(&both, 0));
    assert!(both.verify(&of_old).is_ok());
    assert!(new.verify(&of_both).is_ok());
    assert_eq!(old.verify(&of_both).unwrap_err(), ParseError::Signature);
    assert_eq!(new.verify(&of_old).unwrap_err(), ParseError::Signature);
}

#[test]
fn a_ring_needs_a_key_and_a_prefix() {
    let made = |prefix: &str, keys| KeyRing::new(prefix, keys).map(drop);
    assert_eq!(made("p_", vec![]), Err(KeyRingError::Empty));
    assert_eq!(made("", vec![key(1)]), Err(KeyRingError::Prefix));
    assert_eq!(made("a.b", vec![key(1)]), Err(KeyRingError::Prefix));
    assert_eq!(made(&"p".repeat(MAX_PREFIX_LEN), vec![key(1)]), Ok(()));
    assert_eq!(made(&"p".repeat(MAX_PREFIX_LEN + 1), vec![key(1)]), Err(KeyRingError::Prefix));
}

#[test]
fn nothing_is_shown_and_nothing_is_left() {
    fn overwritten<T: ZeroizeOnDrop>() {}
    overwritten::<Pat>();
    let ring = ring("p_", &[1, 2]);
    let pat = ring.generate(&mut UnwrapErr(SysRng));
    assert_eq!(format!("{pat:?}"), "Pat([redacted])");
    assert_eq!(format!("{ring:?}"), r#"KeyRing("p_", 2 keys)"#);
}

/// Counts upwards, so that every six-bit number comes equally often, those to be thrown away too.
struct Counter(u8);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unimplemented_by_choice()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unimplemented_by_choice()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

fn unimplemented_by_choice() -> ! {
    panic!("a value is made of bytes")
}

fn value_of(ring: &KeyRing, rng: &mut impl rand::CryptoRng) -> String {
    ring.generate(rng).expose().split_once('.').unwrap().1.to_owned()
}

#[test]
fn the_two_numbers_behind_the_alphabet_are_thrown_away() {
    let ring = ring("p_", &[1]);
    assert_eq!(value_of(&ring, &mut Counter(0)), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd");
    assert_eq!(value_of(&ring, &mut Counter(60)), "yz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZab");
    // The upper two bits of a byte do not count.
    assert_eq!(value_of(&ring, &mut Counter(252)), "yz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZab");
}

/// 400,000 characters of a fixed seed: each of the 62 comes 6,452 times on average with a standard
/// deviation of 80. Folding the two numbers back would give two of them twice as many.
#[test]
fn every_character_is_as_likely_as_every_other() {
    let ring = ring("p_", &[1]);
    let mut rng = StdRng::seed_from_u64(7);
    let mut seen = [0_u32; 128];
    for _ in 0..10_000 {
        for c in value_of(&ring, &mut rng).bytes() {
            seen[usize::from(c)] += 1;
        }
    }
    let counts: Vec<u32> = seen.into_iter().filter(|&n| n > 0).collect();
    assert_eq!(counts.len(), 62);
    assert!(counts.iter().all(|n| (6_052..=6_852).contains(n)), "{counts:?}");
}
