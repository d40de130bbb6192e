//! New keys, as JWKs with both halves (RFC 7518, section 6; RFC 8037, section 2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use portcullis_jwt_verify::Algorithm;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// Which kind of key is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// By which it signs.
    pub algorithm: Algorithm,
    /// How long an RSA key is, in bits; 2048 where nothing is said. Others have the length of their curve.
    pub bits: Option<u32>,
    /// Its name; the thumbprint (RFC 7638) where nothing is said.
    pub kid: Option<String>,
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// The length was said of a key that is no RSA key.
    #[error("a key for {} has the length of its curve: leave the bits out", .0.name())]
    Bits(Algorithm),
    /// OpenSSL made none.
    #[error("OpenSSL makes no such key")]
    OpenSsl(#[from] ErrorStack),
}

/// A key that was made just now; its `Debug` is its `kid`.
pub(super) struct NewKey {
    kid: String,
    members: Map<String, Value>,
}

impl NewKey {
    /// A key of this kind that says that it was made at `now`, in seconds since 1970.
    pub(super) fn generate(recipe: &Recipe, now: i64) -> Result<Self, GenerateError> {
        let algorithm = recipe.algorithm;
        let mut jwk = match (algorithm, curve(algorithm), recipe.bits) {
            (_, None, bits) if algorithm != Algorithm::EdDsa => rsa(bits.unwrap_or(2048))?,
            (_, _, Some(_)) => return Err(GenerateError::Bits(algorithm)),
            (_, Some((nid, name, width)), None) => ec(nid, name, width)?,
            (_, None, None) => ed25519()?,
        };
        let kid = recipe.kid.clone().unwrap_or_else(|| thumbprint(&jwk));
        for (name, value) in [
            ("kid", json!(kid)),
            ("alg", json!(algorithm.name())),
            ("use", json!("sig")),
            ("iat", json!(now)),
        ] {
            jwk.insert(name.to_owned(), value);
        }
        Ok(Self { kid, members: jwk })
    }

    /// Its name.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// As the file of keys has it.
    pub(super) fn into_members(self) -> Map<String, Value> {
        self.members
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewKey({:?})", self.kid)
    }
}

/// With the number of bytes of a coordinate.
fn curve(algorithm: Algorithm) -> Option<(Nid, &'static str, i32)> {
    match algorithm {
        Algorithm::Es256 => Some((Nid::X9_62_PRIME256V1, "P-256", 32)),
        Algorithm::Es384 => Some((Nid::SECP384R1, "P-384", 48)),
        Algorithm::Es512 => Some((Nid::SECP521R1, "P-521", 66)),
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::EdDsa => None,
    }
}

fn text(bytes: Vec<u8>) -> Value {
    URL_SAFE_NO_PAD.encode(Zeroizing::new(bytes)).into()
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

/// With the primes and what goes with them, without which signing takes several times as long.
fn rsa(bits: u32) -> Result<Map<String, Value>, ErrorStack> {
    let key = Rsa::generate(bits)?;
    let plain = |number: &BigNumRef| text(number.to_vec());
    let mut jwk = members([
        ("kty", json!("RSA")),
        ("n", plain(key.n())),
        ("e", plain(key.e())),
        ("d", plain(key.d())),
    ]);
    let primes = [
        ("p", key.p()),
        ("q", key.q()),
        ("dp", key.dmp1()),
        ("dq", key.dmq1()),
        ("qi", key.iqmp()),
    ];
    for (name, number) in primes {
        if let Some(number) = number {
            jwk.insert(name.to_owned(), plain(number));
        }
    }
    Ok(jwk)
}

fn ec(nid: Nid, curve: &str, width: i32) -> Result<Map<String, Value>, ErrorStack> {
    let group = EcGroup::from_curve_name(nid)?;
    let key = EcKey::generate(&group)?;
    let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
    key.public_key().affine_coordinates(&group, &mut x, &mut y, &mut context)?;
    Ok(members([
        ("kty", json!("EC")),
        ("crv", json!(curve)),
        ("x", text(x.to_vec_padded(width)?)),
        ("y", text(y.to_vec_padded(width)?)),
        ("d", text(key.private_key().to_vec_padded(width)?)),
    ]))
}

fn ed25519() -> Result<Map<String, Value>, ErrorStack> {
    let key = PKey::generate_ed25519()?;
    Ok(members([
        ("kty", json!("OKP")),
        ("crv", json!("Ed25519")),
        ("x", text(key.raw_public_key()?)),
        ("d", text(key.raw_private_key()?)),
    ]))
}

/// RFC 7638, section 3: the members that make the key, in the order of their names, without a space.
fn thumbprint(jwk: &Map<String, Value>) -> String {
    let member = |name: &str| Some(format!("\"{name}\":{}", jwk.get(name)?));
    let members: Vec<_> =
        ["crv", "e", "kty", "n", "x", "y"].into_iter().filter_map(member).collect();
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", members.join(","))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Described, OwnKeys, Times};

    fn recipe(algorithm: Algorithm) -> Recipe {
        Recipe { algorithm, bits: None, kid: None }
    }

    #[test]
    fn every_kind_is_one_that_signs() {
        for algorithm in Algorithm::ALL {
            let key = NewKey::generate(&recipe(algorithm), 7).unwrap();
            let (kid, text) = (key.kid().to_owned(), format!("{key:?}"));
            let members = key.into_members();
            assert_eq!(text, format!("NewKey({kid:?})"));
            assert_eq!(kid, thumbprint(&members));
            let set = json!({ "keys": [members] }).to_string();
            let keys = OwnKeys::read(set.as_bytes()).unwrap();
            let times = Times { made_at: Some(7), ..Times::default() };
            let (id, algorithm) = (Some(kid.clone()), Some(algorithm));
            assert_eq!(keys.describe(), [Described { id, algorithm, signs: true, times }]);
            assert!(keys.signer(&kid, algorithm.unwrap()).is_some());
        }
    }

    #[test]
    fn an_rsa_key_has_its_length_and_its_primes() {
        for (bits, bytes) in [(None, 256), (Some(2048), 256), (Some(3072), 384)] {
            let recipe = Recipe { bits, kid: Some("k".into()), ..recipe(Algorithm::Ps256) };
            let jwk = NewKey::generate(&recipe, 7).unwrap().into_members();
            let long =
                |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap().len();
            assert_eq!(long("n"), bytes);
            for half in ["p", "q", "dp", "dq", "qi"] {
                assert!(long(half) <= bytes / 2, "{half}");
            }
            assert_eq!((&jwk["kid"], &jwk["alg"]), (&json!("k"), &json!("PS256")));
        }
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let recipe = Recipe { bits: Some(2048), ..recipe(algorithm) };
            let error = NewKey::generate(&recipe, 7).unwrap_err();
            assert!(matches!(error, GenerateError::Bits(other) if other == algorithm));
        }
    }

    /// The examples of RFC 7638, section 3.1, and RFC 8037, appendix A.3.
    #[test]
    fn thumbprints_are_those_of_the_documents() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_\
                 BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0\
                 _FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWh\
                 AI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let okp = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        for (jwk, wanted) in [
            (rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
            (okp, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        ] {
            assert_eq!(thumbprint(jwk.as_object().unwrap()), wanted);
        }
    }
}
