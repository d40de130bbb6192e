//! Files that were judged: a certificate with its key, and the CAs of clients.

use std::net::IpAddr;

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::ssl::SslContext;
use openssl::x509::X509;
use time::{Duration, OffsetDateTime};

use super::context;
use super::fault::{Fault, Faults, Part, Why};
use super::material::Material;

const STRONG_RSA: u32 = 2048;
const CURVES: [Nid; 3] = [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1];

/// What connections are given.
pub(crate) struct Served {
    pub(super) context: SslContext,
    pub(super) digest: [u8; 32],
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    names_a_host: bool,
}

impl Material {
    /// What is served of it, if it can be; else all that is wrong.
    pub(crate) fn judge(&self) -> Result<Served, Faults> {
        let mut faults = Vec::new();
        let mut note = |part, why| faults.push(Fault::new(part, why));
        let chain =
            certificates(&self.certificate.bytes).map_err(|why| note(Part::Certificate, why)).ok();
        let key =
            private_key(&self.private_key.bytes).map_err(|why| note(Part::PrivateKey, why)).ok();
        let client_ca = self.client_ca.as_ref().and_then(|file| {
            certificates(&file.bytes).map_err(|why| note(Part::ClientCa, why)).ok()
        });
        if let (Some(chain), Some(key)) = (&chain, &key)
            && let Err(fault) = belongs(chain, key)
        {
            faults.push(fault);
        }
        let (Some(chain), Some(key), true) = (chain, key, faults.is_empty()) else {
            return Err(Faults(faults));
        };
        let refused = |error: ErrorStack| Fault::new(Part::Certificate, Why::Refused(said(&error)));
        let context = context::serving(&chain, &key, client_ca.as_deref()).map_err(refused)?;
        let leaf = &chain[0];
        Ok(Served {
            context,
            digest: self.digest,
            not_before: moment(leaf.not_before()).map_err(refused)?,
            not_after: moment(leaf.not_after()).map_err(refused)?,
            names_a_host: leaf.subject_alt_names().is_some(),
        })
    }
}

impl Served {
    /// The last moment at which clients take it.
    pub(crate) fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// Whole days until then; below 0 once it is over.
    pub(crate) fn days_left(&self, now: OffsetDateTime) -> i64 {
        (self.not_after - now).whole_seconds().div_euclid(Duration::DAY.whole_seconds())
    }

    /// Whether clients take it at this moment.
    pub(crate) fn is_valid(&self, now: OffsetDateTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// What clients will not like.
    pub(crate) fn warning(&self, now: OffsetDateTime) -> Option<String> {
        let days = self.days_left(now);
        if now > self.not_after {
            Some(format!("has expired on {}: clients refuse it", self.not_after.date()))
        } else if now < self.not_before {
            Some(format!("is not valid before {}: clients refuse it", self.not_before.date()))
        } else if !self.names_a_host {
            Some("names no host (subjectAltName): clients refuse it".to_owned())
        } else if days <= super::watched::EARLY {
            Some(format!("expires in {days} days"))
        } else {
            None
        }
    }
}

/// All certificates of a file, in their order.
fn certificates(pem: &[u8]) -> Result<Vec<X509>, Why> {
    let all = X509::stack_from_pem(pem).map_err(|_| Why::BadCertificate)?;
    if all.is_empty() { Err(Why::NoCertificate) } else { Ok(all) }
}

/// Nobody is ever asked for a passphrase: OpenSSL would ask on the terminal.
fn private_key(pem: &[u8]) -> Result<PKey<Private>, Why> {
    let mut asked = false;
    let key = PKey::private_key_from_pem_callback(pem, |_| {
        asked = true;
        Err(ErrorStack::get())
    });
    let key = key.map_err(|_| if asked { Why::Encrypted } else { Why::NoKey })?;
    match key.id() {
        Id::RSA | Id::RSA_PSS if key.bits() < STRONG_RSA => Err(Why::Weak(key.bits())),
        Id::RSA | Id::RSA_PSS | Id::ED25519 => Ok(key),
        Id::EC => {
            let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
            if curve.is_some_and(|curve| CURVES.contains(&curve)) {
                Ok(key)
            } else {
                Err(Why::Kind)
            }
        }
        _ => Err(Why::Kind),
    }
}

fn belongs(chain: &[X509], key: &PKey<Private>) -> Result<(), Fault> {
    let its = |one: &X509| one.public_key().is_ok_and(|public| public.public_eq(key));
    match chain.iter().position(its) {
        Some(0) => Ok(()),
        Some(n) => Err(Fault::new(Part::Certificate, Why::NotFirst(n + 1))),
        None => Err(Fault::new(Part::PrivateKey, Why::NotItsKey)),
    }
}

fn moment(time: &Asn1TimeRef) -> Result<OffsetDateTime, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let since = Duration::days(since.days.into()) + Duration::seconds(since.secs.into());
    Ok(OffsetDateTime::UNIX_EPOCH + since)
}

/// The reason alone: the rest names OpenSSL's source files.
fn said(error: &ErrorStack) -> String {
    let reason = error.errors().iter().rev().find_map(openssl::error::Error::reason);
    reason.unwrap_or("no reason was given").to_owned()
}

/// The certificates of a file by themselves, and the host by which `address` is called so that the first of
/// them fits: `None` where it is for the address, or for no host. Nothing of what is no certificate.
pub(crate) fn call_name(pem: &[u8], address: IpAddr) -> Option<(Vec<u8>, Option<String>)> {
    let chain = certificates(pem).ok()?;
    let alone: Vec<u8> = chain.iter().filter_map(|one| one.to_pem().ok()).flatten().collect();
    let names = chain[0].subject_alt_names();
    let names: Vec<_> = names.iter().flatten().collect();
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let by_address = names.iter().any(|name| name.ipaddress() == Some(&octets[..]));
    let host = names.iter().find_map(|name| name.dnsname()).filter(|_| !by_address);
    // A star stands for any one label.
    Some((alone, host.map(|host| host.replacen('*', "portcullis", 1))))
}
