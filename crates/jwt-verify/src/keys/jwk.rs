//! One JWK, and the splitting of a set into them.
//!
//! `biscuit` reads the key material. What decides whether a key may be used (`alg`, `use`, `key_ops`,
//! `kid`) is read here, key by key: one that `biscuit` does not know would cost the whole set.

use biscuit::Empty;
use biscuit::jwk::{AlgorithmParameters, EllipticCurve, JWK};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Rsa;
use serde::Deserialize;
use serde::de::MapAccess;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Key, KeyRefusal, strength};
use crate::json::{self, Checked, Members};
use crate::{Algorithm, base64url};

/// Members of which each gives a private or symmetric key away (RFC 7518, sections 6.2.2, 6.3.2
/// and 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The texts of the JWKs of a set, or of a single one.
pub(super) fn split(json: &[u8]) -> Option<Vec<String>> {
    let Outermost { keys, single } = json::read(json).ok()?;
    if single && keys.is_none() {
        return Some(vec![String::from_utf8(json.to_vec()).ok()?]);
    }
    keys
}

#[derive(Default)]
struct Outermost {
    keys: Option<Vec<String>>,
    single: bool,
}

impl<'de> Members<'de> for Outermost {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if name == "keys" {
            // Each is read strictly by itself: one with a doubled member costs only itself.
            let keys: Vec<&RawValue> = map.next_value()?;
            self.keys = Some(keys.into_iter().map(|key| key.get().to_owned()).collect());
            return Ok(());
        }
        self.single |= name == "kty";
        map.next_value_seed(Checked)
    }
}

/// The `kid` of a text that may be anything.
pub(super) fn id_of(jwk: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        kid: String,
    }
    serde_json::from_str(jwk).ok().map(|Named { kid }| kid)
}

/// The key that a published JWK describes.
pub(super) fn read(jwk: &[u8]) -> Result<Key, KeyRefusal> {
    let members = members_of(jwk)?;
    let given_away = PRIVATE.iter().any(|name| members.contains_key(*name));
    if given_away { Err(KeyRefusal::Private) } else { of(members) }
}

/// The public half of the key that a JWK describes.
pub(super) fn read_own(jwk: &[u8]) -> Result<Key, KeyRefusal> {
    of(members_of(jwk)?)
}

fn members_of(jwk: &[u8]) -> Result<Map<String, Value>, KeyRefusal> {
    let _: Anything = json::read(jwk).map_err(|_| KeyRefusal::Malformed)?;
    serde_json::from_slice(jwk).map_err(|_| KeyRefusal::Malformed)
}

fn of(mut members: Map<String, Value>) -> Result<Key, KeyRefusal> {
    let id = match members.remove("kid") {
        None => None,
        Some(Value::String(id)) if !id.is_empty() => Some(id),
        Some(_) => return Err(KeyRefusal::Malformed),
    };
    // The key that verifies what this one signs: RFC 7517, section 4.3, writes `sign` into the private half.
    let operation = if members.contains_key("d") { "sign" } else { "verify" };
    check_use(members.remove("use"), members.remove("key_ops"), operation)?;
    let named = members.remove("alg");
    let pkey = material(members)?;
    let mut algorithms = strength::algorithms_of(&pkey)?;
    if let Some(named) = named {
        let named: Algorithm =
            named.as_str().and_then(|name| name.parse().ok()).ok_or(KeyRefusal::Algorithm)?;
        algorithms.retain(|algorithm| *algorithm == named);
    }
    if algorithms.is_empty() {
        return Err(KeyRefusal::Algorithm);
    }
    Key::prepare(id, &pkey, &algorithms)
}

#[derive(Default)]
struct Anything;

impl<'de> Members<'de> for Anything {
    fn take<A: MapAccess<'de>>(&mut self, _: &str, map: &mut A) -> Result<(), A::Error> {
        map.next_value_seed(Checked)
    }
}

/// RFC 7517, sections 4.2 and 4.3.
fn check_use(
    usage: Option<Value>,
    operations: Option<Value>,
    wanted: &str,
) -> Result<(), KeyRefusal> {
    match usage {
        None => {}
        Some(Value::String(usage)) if usage == "sig" => {}
        Some(Value::String(_)) => return Err(KeyRefusal::NotForSignatures),
        Some(_) => return Err(KeyRefusal::Malformed),
    }
    match operations {
        None => Ok(()),
        Some(Value::Array(operations))
            if operations.iter().any(|name| name == "verify" || name == wanted) =>
        {
            Ok(())
        }
        Some(Value::Array(_)) => Err(KeyRefusal::NotForSignatures),
        Some(_) => Err(KeyRefusal::Malformed),
    }
}

/// The key material alone: whatever else a JWK carries is none of its business.
fn material(members: Map<String, Value>) -> Result<PKey<Public>, KeyRefusal> {
    let known = ["kty", "crv", "x", "y", "n", "e"];
    let members: Map<String, Value> =
        members.into_iter().filter(|(name, _)| known.contains(&name.as_str())).collect();
    match (text(&members, "kty")?, members.get("crv").and_then(Value::as_str)) {
        ("RSA", _) => rsa(&members),
        ("EC", Some("P-256" | "P-384" | "P-521")) => ec(&parameters(members)?),
        ("OKP", Some("Ed25519")) => ed25519(&parameters(members)?),
        ("EC" | "OKP", None) => Err(KeyRefusal::Malformed),
        _ => Err(KeyRefusal::Unsupported),
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, KeyRefusal> {
    members.get(name).and_then(Value::as_str).ok_or(KeyRefusal::Malformed)
}

fn parameters(members: Map<String, Value>) -> Result<AlgorithmParameters, KeyRefusal> {
    let jwk: JWK<Empty> =
        serde_json::from_value(Value::Object(members)).map_err(|_| KeyRefusal::Malformed)?;
    Ok(jwk.algorithm)
}

/// Not by `biscuit`, whose numbers forget leading zeros (RFC 7518, section 6.3.1.1, forbids them).
fn rsa(members: &Map<String, Value>) -> Result<PKey<Public>, KeyRefusal> {
    let number = |name| {
        let bytes = base64url::decode(text(members, name)?).ok_or(KeyRefusal::Malformed)?;
        if bytes.first().is_none_or(|first| *first == 0) {
            return Err(KeyRefusal::Malformed);
        }
        BigNum::from_slice(&bytes).map_err(|_| KeyRefusal::Malformed)
    };
    let rsa = Rsa::from_public_components(number("n")?, number("e")?);
    rsa.and_then(PKey::from_rsa).map_err(|_| KeyRefusal::WeakRsa)
}

fn ec(parameters: &AlgorithmParameters) -> Result<PKey<Public>, KeyRefusal> {
    let AlgorithmParameters::EllipticCurve(key) = parameters else {
        return Err(KeyRefusal::Malformed);
    };
    let (curve, width) = match key.curve {
        EllipticCurve::P256 => (Nid::X9_62_PRIME256V1, 32),
        EllipticCurve::P384 => (Nid::SECP384R1, 48),
        EllipticCurve::P521 => (Nid::SECP521R1, 66),
        EllipticCurve::Curve25519 | EllipticCurve::Curve448 => return Err(KeyRefusal::Unsupported),
    };
    if key.x.len() != width || key.y.len() != width {
        return Err(KeyRefusal::Point);
    }
    let point = [&[4][..], &key.x, &key.y].concat();
    let read = || {
        let group = EcGroup::from_curve_name(curve)?;
        let mut context = BigNumContext::new()?;
        let point = EcPoint::from_bytes(&group, &point, &mut context)?;
        PKey::from_ec_key(EcKey::from_public_key(&group, &point)?)
    };
    read().map_err(|_| KeyRefusal::Point)
}

fn ed25519(parameters: &AlgorithmParameters) -> Result<PKey<Public>, KeyRefusal> {
    let AlgorithmParameters::OctetKeyPair(key) = parameters else {
        return Err(KeyRefusal::Malformed);
    };
    PKey::public_key_from_raw_bytes(&key.x, Id::ED25519).map_err(|_| KeyRefusal::Point)
}
