//! Ed25519 points of small order. A signature under such a key holds for many messages, so whoever
//! publishes one has no key at all; some libraries take them.

/// Every encoding of the y coordinate of a point whose order divides 8, little-endian, without the
/// sign bit. The two of order 8 solve d·y⁴ + 2·y² = 1; the last two are 0 and 1 with p added.
const SMALL: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// Whether these 32 bytes are such a point.
pub(super) fn is_small(point: &[u8]) -> bool {
    let mut y = point.to_vec();
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    let y = hex::encode(y);
    SMALL.contains(&y.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::bn::{BigNum, BigNumContext};

    #[test]
    fn the_sign_makes_no_difference() {
        let mut one = [0; 32];
        one[0] = 1;
        assert!(is_small(&one));
        one[31] = 0x80;
        assert!(is_small(&one));
        one[0] = 2;
        assert!(!is_small(&one));
    }

    /// With y² = t, a point (x, y) has 2P = (…, (y² + x²) / …), which is 0, so that 4P is of order 2, where
    /// x² = -t; on the curve, -x² + y² = 1 + d·x²·y², that is 2t = 1 - d·t².
    #[test]
    fn the_two_of_order_eight_are_what_they_are_said_to_be() {
        let mut context = BigNumContext::new().unwrap();
        let p = BigNum::from_dec_str(
            "57896044618658097711785492504343953926634992332820282019728792003956564819949",
        )
        .unwrap();
        let d = BigNum::from_dec_str(
            "37095705934669439343138083508754565189542113879843219016388785533085940283555",
        )
        .unwrap();
        for text in &SMALL[2..4] {
            let mut bytes = hex::decode(text).unwrap();
            bytes.reverse();
            let y = BigNum::from_slice(&bytes).unwrap();
            let mut mul = |a: &BigNum, b: &BigNum| {
                let mut product = BigNum::new().unwrap();
                product.mod_mul(a, b, &p, &mut context).unwrap();
                product
            };
            let t = mul(&y, &y);
            let tt = mul(&t, &t);
            let dtt = mul(&d, &tt);
            let two = BigNum::from_u32(2).unwrap();
            let mut sum = BigNum::new().unwrap();
            sum.checked_add(&dtt, &mul(&two, &t)).unwrap();
            let mut rest = BigNum::new().unwrap();
            rest.nnmod(&sum, &p, &mut BigNumContext::new().unwrap()).unwrap();
            assert_eq!(rest, BigNum::from_u32(1).unwrap(), "{text}");
        }
    }
}
