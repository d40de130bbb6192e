//! The private half of a JWK (RFC 7518, sections 6.2.2 and 6.3.2; RFC 8037, section 2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::{Rsa, RsaPrivateKeyBuilder};
use openssl::sign::{Signer, Verifier};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

const MALFORMED: &str = "its private members are malformed";
const APART: &str = "its private half belongs to another key";

/// The private key, where there is one. Both halves have to belong together: what is signed with the one is
/// verified with the other by the world.
pub(super) fn read(members: &Map<String, Value>) -> Result<Option<PKey<Private>>, &'static str> {
    if !members.contains_key("d") {
        return Ok(None);
    }
    let kind = |name| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let key = match (kind("kty"), kind("crv")) {
        ("RSA", _) => rsa(members),
        ("EC", "P-256") => ec(members, Nid::X9_62_PRIME256V1),
        ("EC", "P-384") => ec(members, Nid::SECP384R1),
        ("EC", "P-521") => ec(members, Nid::SECP521R1),
        ("OKP", "Ed25519") => ed25519(members),
        _ => Err(MALFORMED),
    };
    key.map(Some)
}

fn bytes(members: &Map<String, Value>, name: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let text = members.get(name).and_then(Value::as_str).ok_or(MALFORMED)?;
    URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).map_err(|_| MALFORMED)
}

fn number(members: &Map<String, Value>, name: &str) -> Result<BigNum, &'static str> {
    BigNum::from_slice(&bytes(members, name)?).map_err(|_| MALFORMED)
}

fn rsa(members: &Map<String, Value>) -> Result<PKey<Private>, &'static str> {
    let builder = RsaPrivateKeyBuilder::new(
        number(members, "n")?,
        number(members, "e")?,
        number(members, "d")?,
    );
    let builder = builder.map_err(|_| MALFORMED)?;
    // A producer should include the primes (RFC 7518, section 6.3.2), and need not.
    let rsa = if members.contains_key("p") {
        let factors = (number(members, "p")?, number(members, "q")?);
        let (dp, dq, qi) = (number(members, "dp")?, number(members, "dq")?, number(members, "qi")?);
        let builder = builder.set_factors(factors.0, factors.1);
        builder
            .and_then(|builder| builder.set_crt_params(dp, dq, qi))
            .map(RsaPrivateKeyBuilder::build)
    } else {
        Ok(builder.build())
    };
    let rsa = rsa.map_err(|_| MALFORMED)?;
    if !is_product(&rsa).unwrap_or(false) {
        return Err(APART);
    }
    let key = PKey::from_rsa(rsa).map_err(|_| MALFORMED)?;
    if verifies_itself(&key).unwrap_or(false) { Ok(key) } else { Err(APART) }
}

/// Whether the primes, where they are there, are those of the modulus. With others OpenSSL signs all the
/// same, by the exponent alone, several times as slowly.
fn is_product(rsa: &Rsa<Private>) -> Result<bool, ErrorStack> {
    let (Some(p), Some(q)) = (rsa.p(), rsa.q()) else { return Ok(true) };
    let mut product = BigNum::new()?;
    let mut context = BigNumContext::new_secure()?;
    product.checked_mul(p, q, &mut context)?;
    Ok(&*product == rsa.n())
}

/// Whether what the private half signs holds under the public one.
fn verifies_itself(key: &PKey<Private>) -> Result<bool, ErrorStack> {
    const PROBE: &[u8] = b"one key, two halves";
    let signature = Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(PROBE)?;
    Verifier::new(MessageDigest::sha256(), key)?.verify_oneshot(&signature, PROBE)
}

fn ec(members: &Map<String, Value>, curve: Nid) -> Result<PKey<Private>, &'static str> {
    let secret = number(members, "d")?;
    let point = [&[4][..], &bytes(members, "x")?, &bytes(members, "y")?].concat();
    let read = || {
        let group = EcGroup::from_curve_name(curve)?;
        let mut context = BigNumContext::new()?;
        let point = EcPoint::from_bytes(&group, &point, &mut context)?;
        let key = EcKey::from_private_components(&group, &secret, &point)?;
        key.check_key()?;
        PKey::from_ec_key(key)
    };
    read().map_err(|_| APART)
}

fn ed25519(members: &Map<String, Value>) -> Result<PKey<Private>, &'static str> {
    let key = PKey::private_key_from_raw_bytes(&bytes(members, "d")?, Id::ED25519);
    let key = key.map_err(|_| MALFORMED)?;
    let public = key.raw_public_key().map_err(|_| MALFORMED)?;
    if public == **bytes(members, "x")? { Ok(key) } else { Err(APART) }
}
