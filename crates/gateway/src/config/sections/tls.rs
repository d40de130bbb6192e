//! `tls` and `admin_tls` of `[server]`.

use std::path::PathBuf;

use portcullis_base::{Clock as _, SystemClock};

use super::super::section::Section;
use crate::tls::{Faults, Material, Part};

/// The files of a listener's TLS. They were judged when the configuration was read, and are read again
/// when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and what stands between it and a CA, PEM, in this order.
    pub certificate: PathBuf,
    /// Its private key, PEM, not encrypted.
    pub private_key: PathBuf,
    /// Where clients must show a certificate: the CAs that may have signed it, PEM.
    pub client_ca: Option<PathBuf>,
}

impl Tls {
    /// `tls`, whether anything is said about it, and what.
    pub(super) fn of_public(section: &mut Section<'_>) -> (bool, Option<Self>) {
        let given = section.has("tls");
        let read = |section: &mut Section<'_>| Self::read(section, false, None, false);
        (given, given.then(|| section.table("tls", read).flatten()).flatten())
    }

    /// `admin_tls`; what it leaves out is that of `tls`.
    pub(super) fn of_admin(section: &mut Section<'_>, tls: &(bool, Option<Self>)) -> Option<Self> {
        let (tls_given, tls) = tls;
        if !section.has("admin_tls") {
            return tls.clone();
        }
        let read = |section: &mut Section<'_>| Self::read(section, *tls_given, tls.as_ref(), true);
        section.table("admin_tls", read).flatten()
    }

    /// `None` only with a problem noted, here or in `tls`.
    fn read(
        section: &mut Section<'_>,
        tls_given: bool,
        tls: Option<&Self>,
        asks_for_certificates: bool,
    ) -> Option<Self> {
        let (certificate, private_key) = (Part::Certificate.key(), Part::PrivateKey.key());
        let inherits = tls_given && !section.has(certificate) && !section.has(private_key);
        let (certificate, private_key) = if inherits {
            section.known(certificate, false, None, "a path");
            section.known(private_key, false, None, "a path");
            tls.map(|tls| (tls.certificate.clone(), tls.private_key.clone())).unzip()
        } else {
            (section.required(certificate), section.required(private_key))
        };
        let client_ca = asks_for_certificates.then(|| section.optional(Part::ClientCa.key()));
        let files = Self {
            certificate: certificate?,
            private_key: private_key?,
            client_ca: client_ca.flatten(),
        };
        files.check(section, inherits).then_some(files)
    }

    /// As the start opens the files. What is inherited was warned of there.
    fn check(&self, section: &mut Section<'_>, inherits: bool) -> bool {
        let judged = Material::read(self).and_then(|material| {
            if material.is_exposed() && !inherits {
                let warning = "others on this machine can read the file; chmod 600 it";
                section.warn(Part::PrivateKey.key(), warning);
            }
            material.judge()
        });
        match judged {
            Ok(served) => {
                let warning = served.warning(SystemClock.now()).filter(|_| !inherits);
                if let Some(warning) = warning {
                    section.warn(Part::Certificate.key(), &warning);
                }
                true
            }
            Err(Faults(faults)) => {
                for fault in faults {
                    let path = self.path_of(fault.part).display().to_string();
                    section.problem(fault.part.key(), format!("{path} {}", fault.why));
                }
                false
            }
        }
    }

    fn path_of(&self, part: Part) -> &std::path::Path {
        match part {
            Part::Certificate => &self.certificate,
            Part::PrivateKey => &self.private_key,
            Part::ClientCa => self.client_ca.as_ref().unwrap_or(&self.certificate),
        }
    }
}
