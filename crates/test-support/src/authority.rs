//! A CA of a test, and certificates that it signs.

use std::net::IpAddr;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name};

const WORKS: &str = "OpenSSL works";

/// A CA that nobody knows.
pub struct Authority {
    key: PKey<Private>,
    certificate: X509,
}

/// A certificate and its private key, as PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate alone.
    pub certificate: Vec<u8>,
    /// PKCS #8, not encrypted.
    pub private_key: Vec<u8>,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub enum Life {
    /// From now on for so many days.
    Days(u32),
    /// No longer.
    Over,
    /// From so many days from now on.
    ToCome(u32),
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// Where OpenSSL does not work.
    pub fn new(name: &str) -> Self {
        let key = key();
        let mut builder = begin(name, &key, Life::Days(30));
        let ca = BasicConstraints::new().critical().ca().build().expect(WORKS);
        builder.append_extension(ca).expect(WORKS);
        let own = named(name);
        builder.set_issuer_name(&own).expect(WORKS);
        builder.sign(&key, MessageDigest::sha256()).expect(WORKS);
        Self { key, certificate: builder.build() }
    }

    /// One that signs with what was issued, whether it may or not.
    ///
    /// # Panics
    /// Where OpenSSL does not work.
    pub fn of(issued: &Issued) -> Self {
        let key = PKey::private_key_from_pem(&issued.private_key).expect(WORKS);
        Self { key, certificate: X509::from_pem(&issued.certificate).expect(WORKS) }
    }

    /// Its certificate as PEM.
    ///
    /// # Panics
    /// Where OpenSSL does not work.
    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().expect(WORKS)
    }

    /// A certificate for a new key and these names: hosts and addresses.
    ///
    /// # Panics
    /// Where OpenSSL does not work.
    pub fn issue(&self, names: &[&str], life: Life) -> Issued {
        self.issue_to(&key(), names, life)
    }

    /// The same for this key.
    ///
    /// # Panics
    /// Where OpenSSL does not work.
    pub fn issue_to(&self, key: &PKey<Private>, names: &[&str], life: Life) -> Issued {
        let mut builder = begin(names.first().copied().unwrap_or("nobody"), key, life);
        builder.set_issuer_name(self.certificate.subject_name()).expect(WORKS);
        if !names.is_empty() {
            let mut all = SubjectAlternativeName::new();
            for name in names {
                match name.parse::<IpAddr>() {
                    Ok(_) => all.ip(name),
                    Err(_) => all.dns(name),
                };
            }
            let all = all.build(&builder.x509v3_context(Some(&self.certificate), None));
            builder.append_extension(all.expect(WORKS)).expect(WORKS);
        }
        builder.sign(&self.key, MessageDigest::sha256()).expect(WORKS);
        Issued {
            certificate: builder.build().to_pem().expect(WORKS),
            private_key: key.private_key_to_pem_pkcs8().expect(WORKS),
        }
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect(WORKS);
    PKey::from_ec_key(EcKey::generate(&group).expect(WORKS)).expect(WORKS)
}

fn named(name: &str) -> X509Name {
    let mut builder = X509Name::builder().expect(WORKS);
    builder.append_entry_by_text("CN", name).expect(WORKS);
    builder.build()
}

fn begin(name: &str, key: &PKey<Private>, life: Life) -> X509Builder {
    let day = |days| Asn1Time::days_from_now(days).expect(WORKS);
    let past = |seconds| Asn1Time::from_unix(seconds).expect(WORKS);
    let (from, to) = match life {
        Life::Days(days) => (day(0), day(days)),
        Life::Over => (past(0), past(86_400)),
        Life::ToCome(days) => (day(days), day(days + 1)),
    };
    let mut serial = BigNum::new().expect(WORKS);
    serial.rand(127, MsbOption::MAYBE_ZERO, false).expect(WORKS);
    let serial = Asn1Integer::from_bn(&serial).expect(WORKS);
    let mut builder = X509::builder().expect(WORKS);
    builder.set_version(2).expect(WORKS);
    builder.set_serial_number(&serial).expect(WORKS);
    builder.set_subject_name(&named(name)).expect(WORKS);
    builder.set_pubkey(key).expect(WORKS);
    builder.set_not_before(&from).expect(WORKS);
    builder.set_not_after(&to).expect(WORKS);
    builder
}
