//! What keeps a certificate from being served.

use std::fmt;
use std::io::ErrorKind;

use thiserror::Error;

/// Which of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The certificate and what stands between it and a CA.
    Certificate,
    /// Its private key.
    PrivateKey,
    /// The CAs of clients.
    ClientCa,
}

impl Part {
    /// What the configuration calls it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::PrivateKey => "private_key",
            Self::ClientCa => "client_ca",
        }
    }
}

/// Why a file cannot serve. Holds nothing of a key.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// There is none, or it is not for us.
    #[error("cannot be read: {0}")]
    Read(ErrorKind),
    /// Nothing in it is a certificate.
    #[error("holds no certificate in PEM")]
    NoCertificate,
    /// Something in it is a broken one.
    #[error("holds a certificate that cannot be read")]
    BadCertificate,
    /// Nothing in it is a key.
    #[error("holds no private key in PEM")]
    NoKey,
    /// A passphrase is asked for.
    #[error(
        "is encrypted, and nobody is there to say its passphrase: write it without one, by openssl pkey"
    )]
    Encrypted,
    /// The key of another certificate.
    #[error("does not belong to the certificate")]
    NotItsKey,
    /// Its certificate comes after others: counted from 1.
    #[error("has the certificate of the private key as number {0}: it must be the first")]
    NotFirst(usize),
    /// An RSA key of so many bits.
    #[error("is an RSA key of {0} bits: 2048 at least")]
    Weak(u32),
    /// Another algorithm, or another curve.
    #[error("must be RSA, ECDSA on P-256, P-384 or P-521, or Ed25519")]
    Kind,
    /// What OpenSSL said.
    #[error("is refused by OpenSSL: {0}")]
    Refused(String),
    /// A new one that no client would take, while the old one is good.
    #[error("is expired or not yet valid, and the one before is valid")]
    NotValidNow,
}

/// One thing that is wrong, and with which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) part: Part,
    pub(crate) why: Why,
}

impl Fault {
    pub(super) fn new(part: Part, why: Why) -> Self {
        Self { part, why }
    }
}

/// All that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Fault { part, why }) in self.0.iter().enumerate() {
            let joint = if i == 0 { "" } else { "; " };
            write!(f, "{joint}{} {why}", part.key())?;
        }
        Ok(())
    }
}
