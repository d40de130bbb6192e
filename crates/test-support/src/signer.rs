//! Somebody who signs tokens: the keys and the hand, with nothing that keeps the hand from signing
//! nonsense.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};
use serde_json::{Value, json};

/// A private key with the algorithm and the `kid` that it goes by.
#[derive(Debug, Clone)]
pub struct SigningKey {
    pkey: PKey<Private>,
    algorithm: &'static str,
    id: Option<String>,
}

/// Base64url without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl SigningKey {
    /// A fresh key for `RS…`, `PS…`, `ES…` or `EdDSA`; RSA with 2048 bits.
    ///
    /// # Panics
    /// Where the algorithm is another.
    pub fn generate(algorithm: &'static str, id: &str) -> Self {
        let pkey = match algorithm {
            "ES256" => ec(Nid::X9_62_PRIME256V1),
            "ES384" => ec(Nid::SECP384R1),
            "ES512" => ec(Nid::SECP521R1),
            "EdDSA" => PKey::generate_ed25519().expect("OpenSSL has Ed25519"),
            _ => PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key"),
        };
        Self::new(pkey, algorithm, id)
    }

    /// One for each of these algorithms, by whose names they go; all of RSA's share one key, which takes
    /// long to make.
    ///
    /// # Panics
    /// As [`generate`](Self::generate).
    pub fn one_for_each(algorithms: impl IntoIterator<Item = &'static str>) -> Vec<Self> {
        let rsa = Self::generate("RS256", "rsa");
        let one = |algorithm: &'static str| match algorithm.as_bytes() {
            [b'R' | b'P', ..] => Self::new(rsa.pkey.clone(), algorithm, algorithm),
            _ => Self::generate(algorithm, algorithm),
        };
        algorithms.into_iter().map(one).collect()
    }

    /// This key.
    pub fn new(pkey: PKey<Private>, algorithm: &'static str, id: &str) -> Self {
        Self { pkey, algorithm, id: Some(id.to_owned()) }
    }

    /// The same key without a `kid`.
    #[must_use]
    pub fn without_id(mut self) -> Self {
        self.id = None;
        self
    }

    /// The key itself.
    pub fn pkey(&self) -> &PKey<Private> {
        &self.pkey
    }

    /// A token with these claims and the usual header.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_text(&self.header().to_string(), &claims.to_string())
    }

    /// The usual header: `alg`, `typ` and `kid`.
    pub fn header(&self) -> Value {
        let mut header = json!({"alg": self.algorithm, "typ": "JWT"});
        if let Some(id) = &self.id {
            header["kid"] = json!(id);
        }
        header
    }

    /// A token of any two texts, signed by this key's algorithm whatever the header says.
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        self.sign_segments(&format!("{}.{}", base64url(header), base64url(payload)))
    }

    /// Two segments and their signature, the segments as they are.
    pub fn sign_segments(&self, segments: &str) -> String {
        format!("{segments}.{}", base64url(self.signature(segments.as_bytes())))
    }

    /// The signature of a text, as RFC 7518 wants it.
    ///
    /// # Panics
    /// Where OpenSSL cannot sign with this key.
    pub fn signature(&self, text: &[u8]) -> Vec<u8> {
        let signed = match self.pkey.id() {
            Id::ED25519 => Signer::new_without_digest(&self.pkey)
                .and_then(|mut signer| signer.sign_oneshot_to_vec(text)),
            _ => self.with_digest(text),
        };
        let signature = signed.expect("OpenSSL signs with its own key");
        let width = match self.algorithm {
            "ES256" => 32,
            "ES384" => 48,
            "ES512" => 66,
            _ => return signature,
        };
        let pair = EcdsaSig::from_der(&signature).expect("what OpenSSL just wrote");
        let padded =
            |number: &openssl::bn::BigNumRef| number.to_vec_padded(width).expect("it fits");
        [padded(pair.r()), padded(pair.s())].concat()
    }

    fn with_digest(&self, text: &[u8]) -> Result<Vec<u8>, openssl::error::ErrorStack> {
        let digest = match &self.algorithm[2..] {
            "384" => MessageDigest::sha384(),
            "512" => MessageDigest::sha512(),
            _ => MessageDigest::sha256(),
        };
        let mut signer = Signer::new(digest, &self.pkey)?;
        if self.algorithm.starts_with("PS") {
            signer.set_rsa_padding(Padding::PKCS1_PSS)?;
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
            signer.set_rsa_mgf1_md(digest)?;
        }
        signer.sign_oneshot_to_vec(text)
    }

    /// The public half as a JWK, with `use`, `alg` and `kid`.
    ///
    /// # Panics
    /// Where the key is none that this type generates.
    pub fn jwk(&self) -> Value {
        let mut jwk = match self.pkey.id() {
            Id::RSA => {
                let rsa = self.pkey.rsa().expect("an RSA key");
                let text = |number: &openssl::bn::BigNumRef| base64url(number.to_vec());
                json!({"kty": "RSA", "n": text(rsa.n()), "e": text(rsa.e())})
            }
            Id::ED25519 => {
                let x = self.pkey.raw_public_key().expect("an Ed25519 key");
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(x)})
            }
            _ => ec_jwk(&self.pkey.ec_key().expect("an EC key")),
        };
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm);
        if let Some(id) = &self.id {
            jwk["kid"] = json!(id);
        }
        jwk
    }

    /// The same with its private half.
    ///
    /// # Panics
    /// Where the key is none that this type generates.
    pub fn private_jwk(&self) -> Value {
        let mut jwk = self.jwk();
        match self.pkey.id() {
            Id::RSA => {
                let rsa = self.pkey.rsa().expect("an RSA key");
                jwk["d"] = base64url(rsa.d().to_vec()).into();
                for (name, number) in [
                    ("p", rsa.p()),
                    ("q", rsa.q()),
                    ("dp", rsa.dmp1()),
                    ("dq", rsa.dmq1()),
                    ("qi", rsa.iqmp()),
                ] {
                    jwk[name] = base64url(number.expect("a generated key has it").to_vec()).into();
                }
            }
            Id::ED25519 => {
                let d = self.pkey.raw_private_key().expect("an Ed25519 key");
                jwk["d"] = base64url(d).into();
            }
            _ => {
                let key = self.pkey.ec_key().expect("an EC key");
                let width = i32::try_from(key.group().degree().div_ceil(8)).expect("a width");
                let d = key.private_key().to_vec_padded(width).expect("it fits");
                jwk["d"] = base64url(d).into();
            }
        }
        jwk
    }
}

/// The whole keys of these as a JWK set: what somebody who signs keeps to himself.
pub fn private_jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Value {
    json!({"keys": keys.into_iter().map(SigningKey::private_jwk).collect::<Vec<_>>()})
}

/// The public halves of these as a JWK set.
pub fn jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Value {
    json!({"keys": keys.into_iter().map(SigningKey::jwk).collect::<Vec<_>>()})
}

fn ec(curve: Nid) -> PKey<Private> {
    let group = EcGroup::from_curve_name(curve).expect("OpenSSL has the NIST curves");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

fn ec_jwk(key: &EcKey<Private>) -> Value {
    let (name, width) = match key.group().curve_name() {
        Some(Nid::SECP384R1) => ("P-384", 48),
        Some(Nid::SECP521R1) => ("P-521", 66),
        _ => ("P-256", 32),
    };
    let (mut x, mut y) = (BigNum::new().expect("memory"), BigNum::new().expect("memory"));
    let mut context = BigNumContext::new().expect("memory");
    key.public_key()
        .affine_coordinates(key.group(), &mut x, &mut y, &mut context)
        .expect("a point has coordinates");
    let text = |number: &BigNum| base64url(number.to_vec_padded(width).expect("it fits"));
    json!({"kty": "EC", "crv": name, "x": text(&x), "y": text(&y)})
}
