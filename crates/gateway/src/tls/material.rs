//! The files as they are at one moment, not yet judged.

use sha2::{Digest as _, Sha256};

use super::fault::{Fault, Faults, Part, Why};
use crate::config::Tls;
use crate::config::files::{Small, read_small};

/// What the files held.
pub(crate) struct Material {
    pub(super) certificate: Small,
    pub(super) private_key: Small,
    pub(super) client_ca: Option<Small>,
    pub(super) digest: [u8; 32],
}

impl Material {
    /// Reads all of them, links followed. Each that cannot be read is told.
    pub(crate) fn read(files: &Tls) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let mut read = |part, path| {
            let unread = |error: std::io::Error| Fault::new(part, Why::Read(error.kind()));
            read_small(path).map_err(|error| faults.push(unread(error))).ok()
        };
        let certificate = read(Part::Certificate, &files.certificate);
        let private_key = read(Part::PrivateKey, &files.private_key);
        let client_ca = files.client_ca.as_deref().and_then(|path| read(Part::ClientCa, path));
        let (Some(certificate), Some(private_key), true) =
            (certificate, private_key, faults.is_empty())
        else {
            return Err(Faults(faults));
        };
        let digest = digest(&certificate, &private_key, client_ca.as_ref());
        Ok(Self { certificate, private_key, client_ca, digest })
    }

    /// Whether others than its owner can read the private key.
    pub(crate) fn is_exposed(&self) -> bool {
        self.private_key.exposed
    }
}

/// The same for the same content alone: what stands in one file cannot stand in for another.
fn digest(certificate: &Small, private_key: &Small, client_ca: Option<&Small>) -> [u8; 32] {
    let mut whole = Sha256::new();
    for file in [Some(certificate), Some(private_key), client_ca].into_iter().flatten() {
        whole.update(Sha256::digest(&file.bytes));
    }
    whole.finalize().into()
}
