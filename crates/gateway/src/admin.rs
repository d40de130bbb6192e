//! The holders of admin tokens.

use std::num::NonZeroU32;

use actix_web::HttpRequest;
use portcullis_base::secret::SecretString;
use portcullis_web::{
    Authorization, By, PerAddress, Preshared, Problem, Rate, authorization, client_address, note,
};

/// Failed authentications that an address may make.
pub(crate) const FAILURES: Rate =
    Rate { per_second: NonZeroU32::new(5).unwrap(), burst: NonZeroU32::new(20).unwrap() };

/// The configured admin tokens.
pub(crate) struct Admins {
    tokens: Preshared<String>,
    failures: PerAddress,
}

/// Proof that a request carried an admin token; only [`Admins::authorize`] makes one.
#[derive(Debug)]
pub(crate) struct Admin(());

impl Admins {
    /// These tokens.
    pub(crate) fn new(tokens: Vec<SecretString>) -> Self {
        // What an operator can find in the configuration, and nothing of the token.
        let named =
            tokens.into_iter().zip(0..).map(|(token, n)| (token, format!("admin_tokens[{n}]")));
        let tokens = Preshared::new(named);
        Self { tokens, failures: PerAddress::new(FAILURES) }
    }

    /// Whether the request carries `Authorization: Bearer <admin token>`. All tokens are compared,
    /// whichever matches.
    pub(crate) fn authorize(&self, request: &HttpRequest) -> Result<Admin, Problem> {
        if let Authorization::Bearer(given) = authorization(request.headers())
            && let Some(name) = self.tokens.find(&given)
        {
            note(request).by(By::AdminToken, name);
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
