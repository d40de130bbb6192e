//! Tokens that nobody can call back.

use portcullis_base::secret::ExposeSecret as _;
use portcullis_store::Fingerprint;
use portcullis_store::issuances::Once;
use portcullis_store::queue::State;
use portcullis_store::report::{Entry, NewRevocation};

use super::{Group, Intake, hide};
use crate::catalog::Mode;
use crate::own::Signed;

impl Intake {
    /// The row of one of these, which ends where it begins, and what is to be refused because of it.
    pub(super) fn noted(
        &self,
        fingerprint: Fingerprint,
        group: Group,
        signed: Signed,
    ) -> (NewRevocation, Option<Once>) {
        let row = NewRevocation {
            fingerprint,
            token_type: hide(&group.token_type, group.secret.expose_secret()),
            provider: signed.provider.to_owned(),
            mode: Mode::Notify.as_str(),
            entry: Entry::Ended(State::Noted),
            code: Some(signed.code),
            reason: Some(signed.reason),
            sealed: None,
            key_version: self.vault.key_version(),
            pat_digest: None,
            sightings: group.sightings,
        };
        (row, signed.origin)
    }
}
