//! The method `pat`: a personal access token of ours, as `Bearer` or as the password of `Basic`.

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_jwt_verify::Outcome;
use portcullis_web::Authorization;

use super::caller::Caller;
use super::chain::Failure;
use crate::pats::Pats;
use crate::problems::of_store;

pub(super) const NAME: &str = "pat";

/// Not requested by anything without the prefix of a PAT.
pub(super) async fn authenticate(pats: &Pats, given: &Authorization) -> Outcome<Caller, Failure> {
    let token = match given {
        Authorization::Bearer(token) | Authorization::Basic { password: token, .. } => token,
        Authorization::Absent | Authorization::Bare(_) | Authorization::Other => {
            return Outcome::NotRequested;
        }
        Authorization::Malformed => return Outcome::Failed(Failure::Refused),
    };
    if !pats.has_prefix(token.expose_secret()) {
        return Outcome::NotRequested;
    }
    holder(pats, token).await
}

async fn holder(pats: &Pats, token: &SecretString) -> Outcome<Caller, Failure> {
    match pats.holder(token.expose_secret()).await {
        Ok(Some(holder)) => Outcome::Authenticated(Caller::new(NAME, holder)),
        Ok(None) => Outcome::Failed(Failure::Refused),
        Err(error) => {
            drop(of_store(&error));
            Outcome::Failed(Failure::Unavailable)
        }
    }
}
