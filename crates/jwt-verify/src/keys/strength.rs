//! What a key may be used for, judged by the key itself.

use openssl::bn::BigNumRef;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Rsa;

use super::KeyRefusal;
use super::{roca, small_order};
use crate::Algorithm;

/// NIST SP 800-131A: no less from 2014 on.
const FEWEST_BITS: i32 = 2048;
/// A verification of more costs too much to be offered to strangers.
const MOST_BITS: i32 = 8192;
const MOST_EXPONENT_BITS: i32 = 64;

/// The algorithms that the key's type and curve allow.
pub(super) fn algorithms_of(pkey: &PKey<Public>) -> Result<Vec<Algorithm>, KeyRefusal> {
    match pkey.id() {
        Id::RSA => {
            check_rsa(&pkey.rsa().map_err(|_| KeyRefusal::Malformed)?)?;
            Ok(Algorithm::RSA.to_vec())
        }
        Id::EC => of_curve(pkey),
        Id::ED25519 => {
            let point = pkey.raw_public_key().map_err(|_| KeyRefusal::Malformed)?;
            let small = small_order::is_small(&point);
            if small { Err(KeyRefusal::Point) } else { Ok(vec![Algorithm::EdDsa]) }
        }
        _ => Err(KeyRefusal::Unsupported),
    }
}

fn check_rsa(rsa: &Rsa<Public>) -> Result<(), KeyRefusal> {
    let (n, e) = (rsa.n(), rsa.e());
    let sound = (FEWEST_BITS..=MOST_BITS).contains(&n.num_bits())
        && is_odd(n)
        && is_odd(e)
        && (17..=MOST_EXPONENT_BITS).contains(&e.num_bits())
        && !roca::is_factorable(n);
    if sound { Ok(()) } else { Err(KeyRefusal::WeakRsa) }
}

fn is_odd(number: &BigNumRef) -> bool {
    number.is_bit_set(0)
}

fn of_curve(pkey: &PKey<Public>) -> Result<Vec<Algorithm>, KeyRefusal> {
    let key = pkey.ec_key().map_err(|_| KeyRefusal::Malformed)?;
    key.check_key().map_err(|_| KeyRefusal::Point)?;
    match key.group().curve_name() {
        Some(Nid::X9_62_PRIME256V1) => Ok(vec![Algorithm::Es256]),
        Some(Nid::SECP384R1) => Ok(vec![Algorithm::Es384]),
        Some(Nid::SECP521R1) => Ok(vec![Algorithm::Es512]),
        _ => Err(KeyRefusal::Unsupported),
    }
}
