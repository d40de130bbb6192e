//! The holders of admin tokens.

use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::HttpRequest;
use arc_swap::ArcSwap;
use portcullis_base::secret::SecretString;
use portcullis_web::{
    Authorization, PerAddress, Preshared, Problem, Rate, authorization, client_address,
};

/// Failed authentications that an address may make.
pub(crate) const FAILURES: Rate =
    Rate { per_second: NonZeroU32::new(5).unwrap(), burst: NonZeroU32::new(20).unwrap() };

/// The configured admin tokens.
pub(crate) struct Admins {
    tokens: ArcSwap<Preshared<()>>,
    failures: PerAddress,
}

/// Proof that a request carried an admin token; only [`Admins::authorize`] makes one.
#[derive(Debug)]
pub(crate) struct Admin(());

impl Admins {
    /// These tokens.
    pub(crate) fn new(tokens: Vec<SecretString>) -> Self {
        let tokens = ArcSwap::from_pointee(known(tokens));
        Self { tokens, failures: PerAddress::new(FAILURES) }
    }

    /// These tokens from now on, and no others.
    pub(crate) fn replace(&self, tokens: Vec<SecretString>) {
        self.tokens.store(Arc::new(known(tokens)));
    }

    /// Whether the request carries `Authorization: Bearer <admin token>`. All tokens are compared,
    /// whichever matches.
    pub(crate) fn authorize(&self, request: &HttpRequest) -> Result<Admin, Problem> {
        if let Authorization::Bearer(given) = authorization(request.headers())
            && self.tokens.load().find(&given).is_some()
        {
            return Ok(Admin(()));
        }
        if let Some(address) = client_address(request) {
            self.failures
                .check(address)
                .map_err(|wait| Problem::too_many_requests("too_many_failures", wait))?;
        }
        Err(Problem::unauthorized(&["Bearer realm=\"portcullis-admin\""]))
    }
}

fn known(tokens: Vec<SecretString>) -> Preshared<()> {
    Preshared::new(tokens.into_iter().map(|token| (token, ())))
}
