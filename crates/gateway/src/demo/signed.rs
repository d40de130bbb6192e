//! Signatures of the partner programmes: GitHub's, which the gateway proves, and the gateway's, which
//! a vendor proves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::{Signer, Verifier};
use serde_json::{Value, json};

use super::vendor::Post;

const IDENTIFIER: &str = "now";

/// A GitHub that is not the real one.
pub(super) struct Github(PKey<Private>);

/// A fresh key on P-256.
pub(super) fn key() -> Result<EcKey<Private>, ErrorStack> {
    EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)
}

impl Github {
    /// With a fresh key.
    pub(super) fn made() -> Result<Self, ErrorStack> {
        Ok(Self(PKey::from_ec_key(key()?)?))
    }

    /// What it publishes.
    pub(super) fn keys(&self) -> Result<Value, ErrorStack> {
        let pem = String::from_utf8_lossy(&self.0.public_key_to_pem()?).into_owned();
        let key = json!({"key_identifier": IDENTIFIER, "key": pem, "is_current": true});
        Ok(json!({ "public_keys": [key] }))
    }

    /// The two headers of a request with this body.
    pub(super) fn headers(&self, body: &str) -> Result<[(&'static str, String); 2], ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0)?;
        let signature = STANDARD.encode(signer.sign_oneshot_to_vec(body.as_bytes())?);
        Ok([
            ("GITHUB-PUBLIC-KEY-IDENTIFIER", IDENTIFIER.to_owned()),
            ("GITHUB-PUBLIC-KEY-SIGNATURE", signature),
        ])
    }
}

/// Whether this request's signature is of this body, by a key that the gateway publishes as current.
pub(super) fn proves(post: &Post, body: &str, published: &Value) -> bool {
    let identifier = post.header("gitlab-public-key-identifier");
    let mut keys = published["public_keys"].as_array().into_iter().flatten();
    let entry = keys.find(|key| key["key_identifier"] == identifier && key["is_current"] == true);
    let pem = entry.and_then(|key| key["key"].as_str()).unwrap_or_default();
    let signature = STANDARD.decode(post.header("gitlab-public-key-signature"));
    let signature = signature.unwrap_or_default();
    holds(pem, &signature, body.as_bytes()).unwrap_or(false)
}

fn holds(pem: &str, signature: &[u8], body: &[u8]) -> Result<bool, ErrorStack> {
    let key = PKey::public_key_from_pem(pem.as_bytes())?;
    Verifier::new(MessageDigest::sha256(), &key)?.verify_oneshot(signature, body)
}
