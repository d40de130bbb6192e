//! Signatures (RFC 7518, section 3; RFC 8037, section 3.1).

use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::md::{Md, MdRef};
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer as Context};
use portcullis_jwt_verify::Algorithm;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use thiserror::Error;

/// OpenSSL did not sign.
#[derive(Debug, Error)]
#[error("the key does not sign")]
pub struct SignError(#[from] ErrorStack);

/// A private key and the one algorithm that it signs by.
pub struct Signer {
    algorithm: Algorithm,
    pkey: PKey<Private>,
    /// Contexts that are set up and at rest: setting one up costs a good part of an ECDSA signature. One that
    /// failed is thrown away.
    idle: Mutex<Vec<PkeyCtx<Private>>>,
}

/// More threads than these do not sign with one key at the same moment for long.
const IDLE: usize = 64;

impl Signer {
    pub(super) fn new(algorithm: Algorithm, pkey: PKey<Private>) -> Self {
        Self { algorithm, pkey, idle: Mutex::default() }
    }

    /// By which it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// A JWS in compact form (RFC 7515, section 3.1) of this header and payload, both JSON.
    pub fn sign(&self, header: &str, payload: &str) -> Result<String, SignError> {
        // Room for the signature of an RSA key of 4,096 bits.
        let mut token = String::with_capacity((header.len() + payload.len()) * 4 / 3 + 700);
        URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn signature(&self, text: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        match self.algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => self.by_context(&Sha256::digest(text)),
            Algorithm::Rs384 | Algorithm::Ps384 => self.by_context(&Sha384::digest(text)),
            Algorithm::Rs512 | Algorithm::Ps512 => self.by_context(&Sha512::digest(text)),
            Algorithm::Es256 => self.ecdsa(&Sha256::digest(text), 32),
            Algorithm::Es384 => self.ecdsa(&Sha384::digest(text), 48),
            Algorithm::Es512 => self.ecdsa(&Sha512::digest(text), 66),
            Algorithm::EdDsa => Context::new_without_digest(&self.pkey)?.sign_oneshot_to_vec(text),
        }
    }

    /// Both numbers one after the other, each as wide as the curve (RFC 7518, section 3.4).
    fn ecdsa(&self, digest: &[u8], width: i32) -> Result<Vec<u8>, ErrorStack> {
        let pair = EcdsaSig::from_der(&self.by_context(digest)?)?;
        let mut signature = pair.r().to_vec_padded(width)?;
        signature.extend(pair.s().to_vec_padded(width)?);
        Ok(signature)
    }

    fn by_context(&self, digest: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let rested = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut context = rested.map_or_else(|| self.context(), Ok)?;
        let mut signature = Vec::new();
        context.sign_to_vec(digest, &mut signature)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(context);
        }
        Ok(signature)
    }

    fn context(&self) -> Result<PkeyCtx<Private>, ErrorStack> {
        use Algorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let mut context = PkeyCtx::new(&self.pkey)?;
        context.sign_init()?;
        match self.algorithm {
            Rs256 | Rs384 | Rs512 => context.set_rsa_padding(Padding::PKCS1)?,
            Ps256 | Ps384 | Ps512 => {
                context.set_rsa_padding(Padding::PKCS1_PSS)?;
                context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
                context.set_rsa_mgf1_md(self.digest())?;
            }
            Es256 | Es384 | Es512 | EdDsa => {}
        }
        context.set_signature_md(self.digest())?;
        Ok(context)
    }

    fn digest(&self) -> &'static MdRef {
        use Algorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self.algorithm {
            Rs256 | Ps256 | Es256 => Md::sha256(),
            Rs384 | Ps384 | Es384 => Md::sha384(),
            Rs512 | Ps512 | Es512 | EdDsa => Md::sha512(),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.algorithm.name())
    }
}
