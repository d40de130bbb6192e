//! The signature itself, by OpenSSL, on the shortest path that it offers.

use std::sync::{Mutex, PoisonError};

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::md::{Md, MdRef};
use openssl::pkey::{PKey, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Verifier};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::Algorithm;

/// Checks signatures of one key by one algorithm.
pub(super) struct Checker {
    pub(super) algorithm: Algorithm,
    pkey: PKey<Public>,
    /// Contexts that are set up and at rest. Setting one up costs as much as a third of an RSA
    /// verification; one that has seen a bad signature is thrown away.
    idle: Mutex<Vec<PkeyCtx<Public>>>,
}

/// More threads than these do not check with one key at the same moment for long.
const IDLE: usize = 64;

impl Checker {
    pub(super) fn new(algorithm: Algorithm, pkey: &PKey<Public>) -> Self {
        Self { algorithm, pkey: pkey.clone(), idle: Mutex::default() }
    }

    /// Whether the signature holds. An error of the library is a signature that does not hold.
    pub(super) fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self.algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => self.rsa(&Sha256::digest(signed), signature),
            Algorithm::Rs384 | Algorithm::Ps384 => self.rsa(&Sha384::digest(signed), signature),
            Algorithm::Rs512 | Algorithm::Ps512 => self.rsa(&Sha512::digest(signed), signature),
            Algorithm::Es256 => self.ecdsa(&Sha256::digest(signed), signature, 32),
            Algorithm::Es384 => self.ecdsa(&Sha384::digest(signed), signature, 48),
            Algorithm::Es512 => self.ecdsa(&Sha512::digest(signed), signature, 66),
            Algorithm::EdDsa => self.eddsa(signed, signature).unwrap_or(false),
        }
    }

    /// RFC 7518, sections 3.3 and 3.5: the signature is as long as the modulus.
    fn rsa(&self, digest: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.pkey.size() && self.by_context(digest, signature)
    }

    /// RFC 7518, section 3.4: r and s, each of the whole width of the curve.
    fn ecdsa(&self, digest: &[u8], signature: &[u8], width: usize) -> bool {
        if signature.len() != 2 * width {
            return false;
        }
        let (r, s) = signature.split_at(width);
        let der = || -> Result<Vec<u8>, ErrorStack> {
            let (r, s) = (BigNum::from_slice(r)?, BigNum::from_slice(s)?);
            EcdsaSig::from_private_components(r, s)?.to_der()
        };
        der().is_ok_and(|der| self.by_context(digest, &der))
    }

    /// RFC 8032, section 5.1.7: over the text itself.
    fn eddsa(&self, signed: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        Verifier::new_without_digest(&self.pkey)?.verify_oneshot(signature, signed)
    }

    fn by_context(&self, digest: &[u8], signature: &[u8]) -> bool {
        let rested = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut context) = rested.or_else(|| self.context().ok()) else { return false };
        let holds = context.verify(digest, signature).unwrap_or(false);
        if holds {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE {
                idle.push(context);
            }
        }
        holds
    }

    fn context(&self) -> Result<PkeyCtx<Public>, ErrorStack> {
        let mut context = PkeyCtx::new(&self.pkey)?;
        context.verify_init()?;
        match self.algorithm {
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => {
                context.set_rsa_padding(Padding::PKCS1)?;
            }
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 => {
                context.set_rsa_padding(Padding::PKCS1_PSS)?;
                context.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
                context.set_rsa_mgf1_md(self.digest())?;
            }
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa => {}
        }
        context.set_signature_md(self.digest())?;
        Ok(context)
    }

    fn digest(&self) -> &'static MdRef {
        match self.algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => Md::sha256(),
            Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => Md::sha384(),
            Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::Es512 | Algorithm::EdDsa => {
                Md::sha512()
            }
        }
    }
}
