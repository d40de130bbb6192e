//! `/auth`: tells a reverse proxy who is calling (nginx `auth_request`, Traefik, Caddy, Envoy).
//!
//! Any method, the body is never read. The answer is 200, 401, 403 or 503 and nothing else: a proxy
//! takes anything else for an error of its own.

mod answer;
mod caller;
mod chain;
mod counts;
mod docs;
mod gerrit;
mod keys;
mod oidc;
mod pat;
mod place;

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_web::{Access, Audit, Problem, Route, RouteTable};

pub(crate) use chain::Chain;
pub(crate) use keys::{keys_of, keys_of_all, keys_with};

use chain::Verdict;

/// The routes of forward authentication.
pub(crate) fn routes() -> RouteTable {
    ["/auth", "/auth/{tail:.*}"]
        .map(|path| Route {
            method: Route::any_method(),
            path: path.to_owned(),
            handler: || web::to(auth),
            access: Access::ForwardAuth,
            audit: Audit::Nothing,
            summary: "Who is calling, for a reverse proxy",
            docs: if path == "/auth" { docs::exactly } else { docs::below },
        })
        .into()
}

async fn auth(request: HttpRequest, chain: Data<Chain>) -> Result<HttpResponse, Problem> {
    let caller = match chain.judge(request.headers()).await {
        Verdict::Known(caller) => caller,
        Verdict::Unknown => return Ok(chain.refusal()),
        // Also where the database refused for good: a proxy must not take our fault for a verdict.
        Verdict::Unavailable => return Err(Problem::unavailable()),
    };
    chain.places().check(&request, &caller)?;
    answer::identity(&caller)
}
