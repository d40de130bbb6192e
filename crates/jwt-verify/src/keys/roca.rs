//! RSA keys that a library of Infineon's made (CVE-2017-15361, "ROCA"). Their primes are k·M +
//! (65537^a mod M), M the product of the first primes, and so they can be factored.

use std::iter::successors;

use openssl::bn::BigNumRef;

/// The last prime of M for keys of 2048 bits; for longer ones M has more primes beside these.
const LAST: u32 = 701;

/// Whether a modulus is, modulo each prime of M, a power of 65537. By chance one of 2^150 is.
pub(super) fn is_factorable(n: &BigNumRef) -> bool {
    primes().all(|prime| n.mod_word(prime).is_ok_and(|rest| is_power(rest, prime.into())))
}

fn primes() -> impl Iterator<Item = u32> {
    (2..=LAST).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0))
}

fn is_power(rest: u64, prime: u64) -> bool {
    let powers = successors(Some(1), |power| Some(power * 65537 % prime));
    powers.take(LAST as usize).any(|power| power == rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::bn::BigNum;
    use openssl::rsa::Rsa;

    #[test]
    fn a_power_bears_the_mark_and_a_common_key_does_not() {
        assert_eq!((primes().count(), primes().last()), (126, Some(701)));
        let mut product = BigNum::from_u32(65537).unwrap();
        assert!(is_factorable(&product));
        for _ in 0..100 {
            product.mul_word(65537).unwrap();
            assert!(is_factorable(&product));
        }
        product.add_word(2).unwrap();
        assert!(!is_factorable(&product));
        assert!(!is_factorable(Rsa::generate(2048).unwrap().n()));
    }
}
