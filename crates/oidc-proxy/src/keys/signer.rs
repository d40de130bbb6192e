//! Signatures (RFC 7518, section 3; RFC 8037, section 3.1).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer as Context};
use portcullis_jwt_verify::Algorithm;
use thiserror::Error;

/// OpenSSL did not sign.
#[derive(Debug, Error)]
#[error("the key does not sign")]
pub struct SignError(#[from] ErrorStack);

/// A private key and the one algorithm that it signs by.
#[derive(Clone)]
pub struct Signer {
    algorithm: Algorithm,
    pkey: PKey<Private>,
}

impl Signer {
    pub(super) fn new(algorithm: Algorithm, pkey: PKey<Private>) -> Self {
        Self { algorithm, pkey }
    }

    /// By which it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A JWS in compact form (RFC 7515, section 3.1) of this header and payload, both JSON.
    pub fn sign(&self, header: &str, payload: &str) -> Result<String, SignError> {
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn signature(&self, text: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        use Algorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let (sha256, sha384, sha512) =
            (MessageDigest::sha256(), MessageDigest::sha384(), MessageDigest::sha512());
        match self.algorithm {
            Rs256 => self.digested(sha256, text),
            Rs384 => self.digested(sha384, text),
            Rs512 => self.digested(sha512, text),
            Ps256 => self.pss(sha256, text),
            Ps384 => self.pss(sha384, text),
            Ps512 => self.pss(sha512, text),
            Es256 => self.ecdsa(sha256, 32, text),
            Es384 => self.ecdsa(sha384, 48, text),
            Es512 => self.ecdsa(sha512, 66, text),
            EdDsa => Context::new_without_digest(&self.pkey)?.sign_oneshot_to_vec(text),
        }
    }

    fn digested(&self, digest: MessageDigest, text: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        Context::new(digest, &self.pkey)?.sign_oneshot_to_vec(text)
    }

    fn pss(&self, digest: MessageDigest, text: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut context = Context::new(digest, &self.pkey)?;
        context.set_rsa_padding(Padding::PKCS1_PSS)?;
        context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        context.set_rsa_mgf1_md(digest)?;
        context.sign_oneshot_to_vec(text)
    }

    /// Both numbers one after the other, each as wide as the curve (RFC 7518, section 3.4).
    fn ecdsa(&self, digest: MessageDigest, width: i32, text: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let pair = EcdsaSig::from_der(&self.digested(digest, text)?)?;
        let mut signature = pair.r().to_vec_padded(width)?;
        signature.extend(pair.s().to_vec_padded(width)?);
        Ok(signature)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.algorithm.name())
    }
}
