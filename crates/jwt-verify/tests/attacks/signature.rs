//! The signature is missing, broken, written otherwise, or made without the key.

use openssl::bn::{BigNum, BigNumContext};
use openssl::hash::MessageDigest;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};
use portcullis_jwt_verify::Key;
use portcullis_test_support::{SigningKey, base64url, jwks};
use serde_json::json;

use crate::support::*;

/// What was signed, with these bytes for a signature.
fn signed_by(signed: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{signed}.{}", base64url(signature))
}

#[test]
fn a_blank_signature_is_none() {
    for signer in [&*RSA, &*EC, &*ED] {
        let (signed, _) = taken_apart(&signer.sign(&claims()));
        judges().agree([
            ("empty", format!("{signed}."), "signature"),
            ("not even a dot", signed, "segments"),
        ]);
    }
}

#[test]
fn a_broken_signature_does_not_hold() {
    for signer in [&*RSA, &*EC, &*ED] {
        let token = signer.sign(&claims());
        let (signed, signature) = taken_apart(&token);
        let changed = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut signature = signature.clone();
            change(&mut signature);
            signed_by(&signed, signature)
        };
        let last = signature.len() - 1;
        let cut = token[..token.len() - 4].to_owned();
        let one = [vec![0; last], vec![1]].concat();
        // Cutting four characters of a text that is no multiple of four leaves loose bits, or none.
        let cut_verdict = if decodes(&cut) { "signature" } else { "base64" };
        judges().agree([
            ("cut", cut, cut_verdict),
            ("first bit", changed(&|bytes| bytes[0] ^= 0x80), "signature"),
            ("last bit", changed(&|bytes| bytes[last] ^= 1), "signature"),
            ("zero", signed_by(&signed, vec![0; last + 1]), "signature"),
            ("one", signed_by(&signed, one), "signature"),
            ("all ones", signed_by(&signed, vec![0xff; last + 1]), "signature"),
            ("longer", changed(&|bytes| bytes.push(0)), "signature"),
            ("longer before", changed(&|bytes| bytes.insert(0, 0)), "signature"),
            ("shorter", changed(&|bytes| bytes.truncate(last)), "signature"),
            ("shorter before", changed(&|bytes| *bytes = bytes.split_off(1)), "signature"),
            ("twice", changed(&|bytes| bytes.extend(bytes.clone())), "signature"),
        ]);
    }
}

fn decodes(token: &str) -> bool {
    use base64::Engine as _;
    let last = token.rsplit('.').next().unwrap();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(last).is_ok()
}

/// A short RSA signature whose first byte is zero is whole only with that byte.
#[test]
fn an_rsa_signature_is_as_long_as_its_modulus() {
    let starting_with_zero = (0..20_000)
        .map(|n| RSA.sign(&json!({"n": n})))
        .find(|token| taken_apart(token).1[0] == 0)
        .unwrap();
    let verifier = usual(house()).build();
    assert!(at_once(verifier.verify_payload(&starting_with_zero)).is_ok());
    let (signed, signature) = taken_apart(&starting_with_zero);
    let stripped = signed_by(&signed, &signature[1..]);
    assert_eq!(at_once(verifier.verify_payload(&stripped)).unwrap_err().code(), "signature");
}

/// OpenSSL itself does not look at the length of this one.
#[test]
fn a_pss_signature_is_as_long_as_its_modulus() {
    let signer = SigningKey::new(RSA.pkey().clone(), "PS256", "rsa-1");
    let starting_with_zero = (0..20_000)
        .map(|n| signer.sign(&json!({"n": n})))
        .find(|token| taken_apart(token).1[0] == 0)
        .unwrap();
    let verifier = usual(set_of(&jwks([&signer]))).build();
    let (signed, signature) = taken_apart(&starting_with_zero);
    let verdict =
        |signature: &[u8]| at_once(verifier.verify_payload(&signed_by(&signed, signature)));
    assert!(verdict(&signature).is_ok());
    assert_eq!(verdict(&signature[1..]).unwrap_err().code(), "signature");
    assert_eq!(verdict(&[&[0], &signature[..]].concat()).unwrap_err().code(), "signature");
}

/// s + n is the same number modulo n, and another text.
#[test]
fn an_rsa_signature_is_below_its_modulus() {
    let modulus = RSA.pkey().rsa().unwrap().n().to_owned().unwrap();
    let sum = |token: &str| {
        let mut sum = BigNum::new().unwrap();
        let s = BigNum::from_slice(&taken_apart(token).1).unwrap();
        sum.checked_add(&s, &modulus).unwrap();
        (sum.num_bytes() == 256).then(|| sum.to_vec())
    };
    // The modulus may be so large that few signatures leave room.
    let room = (0..3000).find_map(|n| {
        let mut claims = claims();
        claims["n"] = json!(n);
        let token = RSA.sign(&claims);
        sum(&token).map(|sum| signed_by(&taken_apart(&token).0, sum))
    });
    if let Some(token) = room {
        judges().agree([("s + n", token, "signature")]);
    }
    let (signed, _) = taken_apart(&RSA.sign(&claims()));
    judges().agree([("n", signed_by(&signed, modulus.to_vec()), "signature")]);
}

#[test]
fn another_digest_is_another_algorithm() {
    let (signed, _) = taken_apart(&RSA.sign(&claims()));
    let digests = [
        ("SHA-1", MessageDigest::sha1()),
        ("SHA-384", MessageDigest::sha384()),
        ("SHA-512", MessageDigest::sha512()),
        ("SHA3-256", MessageDigest::sha3_256()),
    ];
    for (name, digest) in digests {
        let mut signer = Signer::new(digest, RSA.pkey()).unwrap();
        let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap();
        judges().agree([(name, signed_by(&signed, signature), "signature")]);
    }
}

/// RFC 7518, section 3.5: the salt is as long as the digest, and the mask by the same digest.
#[test]
fn pss_has_one_salt_length_and_one_mask() {
    let pss = SigningKey::new(RSA.pkey().clone(), "PS256", "pss-1");
    let judges = Judges::of(|| set_of(&jwks([&pss])));
    let (signed, _) = taken_apart(&pss.sign(&claims()));
    let sign = |salt: i32, mask: MessageDigest| {
        let mut signer = Signer::new(MessageDigest::sha256(), pss.pkey()).unwrap();
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt)).unwrap();
        signer.set_rsa_mgf1_md(mask).unwrap();
        signed_by(&signed, signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap())
    };
    let sha256 = MessageDigest::sha256();
    judges.agree([("32", sign(32, sha256), VERIFIED)]);
    judges.agree([0, 20, 31, 33, 48, 64, 222].map(|salt| (salt, sign(salt, sha256), "signature")));
    judges.agree([
        ("mask by SHA-1", sign(32, MessageDigest::sha1()), "signature"),
        ("mask by SHA-512", sign(32, MessageDigest::sha512()), "signature"),
        ("PKCS #1 v1.5", RSA.sign_segments(&signed), "signature"),
    ]);
}

#[test]
fn a_signature_belongs_to_its_header_and_claims() {
    let mut others = claims();
    others["sub"] = json!("somebody else");
    let (mine, theirs) = (RSA.sign(&claims()), RSA.sign(&others));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (mine, theirs) = (parts(&mine), parts(&theirs));
    let other_header = base64url(header_with(&RSA, "\"x\":1"));
    judges().agree([
        ("claims", format!("{}.{}.{}", mine[0], theirs[1], mine[2]), "signature"),
        ("signature", format!("{}.{}.{}", mine[0], mine[1], theirs[2]), "signature"),
        ("header", format!("{other_header}.{}.{}", mine[1], mine[2]), "signature"),
        ("exchanged", format!("{}.{}.{}", mine[1], mine[0], mine[2]), "algorithm"),
    ]);
}

fn ec_number(bytes: &[u8]) -> Vec<u8> {
    [vec![0; 32 - bytes.len()], bytes.to_vec()].concat()
}

fn order() -> BigNum {
    let mut order = BigNum::new().unwrap();
    let key = EC.pkey().ec_key().unwrap();
    key.group().order(&mut order, &mut BigNumContext::new().unwrap()).unwrap();
    order
}

/// CVE-2022-21449 and its relatives: numbers that a signature never has.
#[test]
fn r_and_s_are_from_one_to_the_order() {
    let (signed, signature) = taken_apart(&EC.sign(&claims()));
    let (r, s) = signature.split_at(32);
    let (zero, one, order) = (ec_number(&[]), ec_number(&[1]), order().to_vec());
    let cases: [(&str, &[u8], &[u8]); 9] = [
        ("psychic", &zero, &zero),
        ("r = s = n", &order, &order),
        ("r = 1, s = 0", &one, &zero),
        ("r = 0, s = 1", &zero, &one),
        ("r = s = 1", &one, &one),
        ("r = n", &order, s),
        ("s = n", r, &order),
        ("r = 0", &zero, s),
        ("s = 0", r, &zero),
    ];
    judges()
        .agree(cases.map(|(name, r, s)| (name, signed_by(&signed, [r, s].concat()), "signature")));
    let psychic = [0x30, 6, 2, 1, 0, 2, 1, 0];
    judges().agree([("psychic DER", signed_by(&signed, psychic), "signature")]);
}

/// RFC 7518, section 3.4: r and s, 32 octets each, and nothing else.
#[test]
fn r_and_s_are_written_in_one_way() {
    let (signed, signature) = taken_apart(&EC.sign(&claims()));
    let (r, s) = signature.split_at(32);
    let number = |bytes: &[u8]| BigNum::from_slice(bytes).unwrap();
    let der = openssl::ecdsa::EcdsaSig::from_private_components(number(r), number(s)).unwrap();
    let padded = [&[0], r, &[0], s].concat();
    let padded_s = [r, &[0], s].concat();
    let wide = [vec![0; 3000 - 32], r.to_vec(), vec![0; 3000 - 32], s.to_vec()].concat();
    let huge = vec![0xff; 2 * 16 * 1024];
    judges().agree([
        ("DER", signed_by(&signed, der.to_der().unwrap()), "signature"),
        ("63 octets", signed_by(&signed, &signature[..63]), "signature"),
        ("65 octets", signed_by(&signed, [&signature[..], &[0]].concat()), "signature"),
        ("exchanged", signed_by(&signed, [s, r].concat()), "signature"),
        ("32 octets and 33", signed_by(&signed, padded_s), "signature"),
        ("33 octets each", signed_by(&signed, padded), "signature"),
        ("3,000 octets each", signed_by(&signed, wide), "signature"),
        ("16 KiB each", signed_by(&signed, huge), "too_long"),
    ]);
}

/// A zero at either end belongs to the number's width: kept it verifies, cut it does not.
#[test]
fn zeros_at_the_ends_are_kept() {
    for (algorithm, width) in [("ES256", 32), ("ES384", 48)] {
        let signer = SigningKey::generate(algorithm, "ec-0");
        let verifier = usual(set_of(&jwks([&signer]))).build();
        let code = |signed: &str, signature: &[u8]| {
            let token = signed_by(signed, signature);
            at_once(verifier.verify_payload(&token)).map(|_| ()).map_err(|error| error.code())
        };
        for place in [0, 2 * width - 1] {
            let mut tokens = (0..20_000).map(|n| taken_apart(&signer.sign(&json!({"n": n}))));
            let (signed, signature) = tokens.find(|(_, bytes)| bytes[place] == 0).unwrap();
            assert_eq!(code(&signed, &signature), Ok(()));
            let mut cut = signature.clone();
            cut.remove(place);
            assert_eq!(code(&signed, &cut), Err("signature"), "{algorithm}");
        }
    }
}

/// ECDSA itself lets anybody write a second signature, (r, n - s), beside the first: RFC 7518 does not
/// ask for the lower one. So the bytes of a token say nothing about replay; (`iss`, `jti`) do.
#[test]
fn the_malleable_twin_verifies_and_has_the_same_jti() {
    let token = EC.sign(&claims());
    let (signed, signature) = taken_apart(&token);
    let (r, s) = signature.split_at(32);
    let mut twin = BigNum::new().unwrap();
    twin.checked_sub(&order(), &BigNum::from_slice(s).unwrap()).unwrap();
    let twin = signed_by(&signed, [r, &ec_number(&twin.to_vec())].concat());
    assert_ne!(twin, token);
    judges().agree([("(r, n - s)", twin.clone(), VERIFIED)]);
    let verifier = usual(house()).remember(10).build();
    let id = |token: &str| {
        let claims = at_once(verifier.verify(token)).unwrap();
        (claims.issuer().map(str::to_owned), claims.id().map(str::to_owned))
    };
    assert_eq!(id(&token), id(&twin));
}

/// The order of Ed25519's base point, little-endian (RFC 8032, section 5.1).
const L: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

#[test]
fn an_eddsa_signature_is_written_in_one_way() {
    let (signed, signature) = taken_apart(&ED.sign(&claims()));
    let (mut carry, mut more) = (0, signature.clone());
    for (byte, add) in more[32..].iter_mut().zip(hex::decode(L).unwrap()) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert_eq!(carry, 0, "S + L has room");
    let identity = [&[1][..], &[0; 63]].concat();
    judges().agree([
        // RFC 8032, section 5.1.7: S is below L.
        ("S + L", signed_by(&signed, &more), "signature"),
        ("zero", signed_by(&signed, [0; 64]), "signature"),
        ("R the identity, S zero", signed_by(&signed, identity), "signature"),
        ("63 octets", signed_by(&signed, &signature[..63]), "signature"),
        ("65 octets", signed_by(&signed, [&signature[..], &[0]].concat()), "signature"),
    ]);
}

/// Under a key of small order R = identity and S = 0 is everybody's signature: there is no such key.
#[test]
fn a_key_of_small_order_proves_nothing() {
    for point in ["01", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "00"] {
        let mut point = hex::decode(point).unwrap();
        point.resize(32, 0);
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(&point), "kid": "small"});
        assert!(Key::from_jwk(jwk.to_string().as_bytes()).is_err());
        let judges = Judges::of(|| set_of(&json!({"keys": [ED.jwk(), jwk]})));
        let header = json!({"alg": "EdDSA", "kid": "small"}).to_string();
        let signed = format!("{}.{}", base64url(header), base64url(claims().to_string()));
        let identity = [&[1][..], &[0; 63]].concat();
        judges.agree([
            ("small", signed_by(&signed, identity), "key_unknown"),
            ("good", ED.sign(&claims()), VERIFIED),
        ]);
    }
}
