//! The holders of admin tokens.

use std::future::{Ready, ready};
use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use arc_swap::ArcSwap;
use portcullis_base::secret::SecretString;
use portcullis_web::{
    Access, Authorization, By, Guard, PerAddress, Preshared, Problem, Rate, authorization,
    client_address, note,
};

/// Failed authentications that an address may make.
pub(crate) const FAILURES: Rate =
    Rate { per_second: NonZeroU32::new(5).unwrap(), burst: NonZeroU32::new(20).unwrap() };

const CHALLENGE: &str = "Bearer realm=\"portcullis-admin\"";

/// The configured admin tokens.
pub(crate) struct Admins {
    tokens: ArcSwap<Preshared<String>>,
    failures: PerAddress,
}

/// Proof that a request carried an admin token; only [`Admins::authorize`] makes one. A handler that takes
/// it runs behind the guard of [`Access::Admin`] or not at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admin(());

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let proof = request.extensions().get::<Self>().copied();
        ready(proof.ok_or_else(|| Problem::unauthorized(&[CHALLENGE])))
    }
}

/// What stands before the routes of an access. All but an admin token is proven by the handlers of the
/// surface that knows how: it takes a body, keys or the database.
pub(crate) fn guard(access: Access) -> Option<Guard> {
    match access {
        Access::Admin => Some(admit),
        Access::Metrics => Some(crate::metrics::admit),
        Access::Public
        | Access::RevocationClient
        | Access::Job
        | Access::UpstreamToken
        | Access::Partner
        | Access::ForwardAuth => None,
    }
}

fn admit(request: &HttpRequest) -> Result<(), Problem> {
    let Some(admins) = request.app_data::<Data<Admins>>() else {
        tracing::error!("nobody knows the admin tokens here");
        return Err(Problem::internal());
    };
    let proof = admins.authorize(request)?;
    request.extensions_mut().insert(proof);
    Ok(())
}

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
            && let Some(name) = self.tokens.load().find(&given)
        {
            note(request).by(By::AdminToken, name);
            return Ok(Admin(()));
        }
        if let Some(address) = client_address(request) {
            self.failures
                .check(address)
                .map_err(|wait| Problem::too_many_requests("too_many_failures", wait))?;
        }
        Err(Problem::unauthorized(&[CHALLENGE]))
    }
}

/// Each by what an operator can find in the configuration, and nothing of the token.
fn known(tokens: Vec<SecretString>) -> Preshared<String> {
    Preshared::new(
        tokens.into_iter().zip(0..).map(|(token, n)| (token, format!("admin_tokens[{n}]"))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::App;
    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::web;
    use portcullis_web::{Audit, Docs, Route, mount};

    fn route(path: &str, access: Access, handler: fn() -> actix_web::Route) -> Route {
        Route {
            method: Method::GET,
            path: path.to_owned(),
            handler,
            access,
            audit: Audit::Nothing,
            summary: "",
            docs: || Docs::new(""),
        }
    }

    #[actix_web::test]
    async fn neither_half_of_the_guard_can_be_forgotten() {
        let table = [
            route("/forgetful", Access::Admin, || web::to(|| async { "" })),
            route("/careful", Access::Admin, || web::to(|_: Admin| async { "" })),
            route("/mislabelled", Access::Public, || web::to(|_: Admin| async { "" })),
        ];
        let admins = || Data::new(Admins::new(vec!["secret".into()]));
        let known = App::new().app_data(admins()).configure(|c| mount(&table, guard, c));
        let (known, nobody) = (
            init_service(known).await,
            init_service(App::new().configure(|c| mount(&table, guard, c))).await,
        );
        for (path, token, expected) in [
            ("/forgetful", "secret", (200, 500)),
            ("/forgetful", "other", (401, 500)),
            ("/careful", "secret", (200, 500)),
            ("/careful", "other", (401, 500)),
            ("/mislabelled", "secret", (401, 401)),
        ] {
            let ask = || {
                let bearer = ("authorization", format!("Bearer {token}"));
                TestRequest::with_uri(path).insert_header(bearer).to_request()
            };
            let said = (
                call_service(&known, ask()).await.status().as_u16(),
                call_service(&nobody, ask()).await.status().as_u16(),
            );
            assert_eq!(said, expected, "{path} with {token}");
        }
    }
}
