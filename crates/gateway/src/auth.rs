//! `/auth`: tells a reverse proxy who is calling (nginx `auth_request`, Traefik, Caddy, Envoy).
//!
//! Any method, the body is never read. The answer is 200, 401, 403 or 503 and nothing else: a proxy
//! takes anything else for an error of its own.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_web::{Access, Audit, Authorization, Problem, Route, RouteTable, authorization};
use url::form_urlencoded;

use crate::pats::{Holder, Pats};
use crate::problems::of_store;

/// What a caller that nobody knows is asked for. `Basic` is how git and docker bring a token; it
/// comes first because nginx passes on no more than the first.
const CHALLENGES: [&str; 2] = ["Basic realm=\"portcullis\"", "Bearer realm=\"portcullis\""];

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
        })
        .into()
}

async fn auth(request: HttpRequest, pats: Data<Pats>) -> Result<HttpResponse, Problem> {
    let Some(token) = requested(authorization(request.headers()), &pats)? else {
        return Err(unauthorized());
    };
    let holder = pats.holder(token.expose_secret()).await.map_err(|error| unavailable(&error))?;
    let holder = holder.ok_or_else(unauthorized)?;
    check_place(&request, &holder)?;
    Ok(identity(&holder))
}

/// The token, where the request means to be authenticated by a PAT; `None` where it brings nothing
/// or something that is none of our business.
fn requested(given: Authorization, pats: &Pats) -> Result<Option<SecretString>, Problem> {
    let token = match given {
        Authorization::Bearer(token) => token,
        Authorization::Basic { password, .. } => password,
        Authorization::Absent | Authorization::Bare(_) | Authorization::Other => return Ok(None),
        Authorization::Malformed => return Err(unauthorized()),
    };
    Ok(pats.has_prefix(token.expose_secret()).then_some(token))
}

/// `?scope=` counts on exactly `/auth`; behind a longer path the query is the caller's own, which
/// Envoy appends. Named sets of scopes (`/auth/as/…`) are not configurable yet: asking for one
/// must not pass.
fn check_place(request: &HttpRequest, holder: &Holder) -> Result<(), Problem> {
    let path = request.path();
    if path == "/auth/as" || path.starts_with("/auth/as/") {
        return Err(Problem::forbidden("unknown_profile", "there is no such profile"));
    }
    if path != "/auth" {
        return Ok(());
    }
    let wanted: Vec<String> = form_urlencoded::parse(request.query_string().as_bytes())
        .filter(|(name, _)| name == "scope")
        .flat_map(|(_, value)| value.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    if wanted.iter().all(|scope| holder.scopes.contains(scope)) {
        return Ok(());
    }
    Err(Problem::forbidden("insufficient_scope", "the credential does not have this scope"))
}

/// All six headers every time, empty where unknown, so that a proxy which copies them overwrites
/// whatever the client sent under these names.
fn identity(holder: &Holder) -> HttpResponse {
    HttpResponse::build(StatusCode::OK)
        .insert_header(("X-Auth-Identity", holder.owner.as_str()))
        .insert_header(("X-Auth-Email", ""))
        .insert_header(("X-Auth-Method", "pat"))
        .insert_header(("X-Auth-Scopes", holder.scopes.join(" ")))
        .insert_header(("X-Auth-Gerrit-Account", ""))
        .insert_header(("X-Auth-Gerrit-Change", ""))
        .insert_header(("Cache-Control", "no-store"))
        .finish()
}

fn unauthorized() -> Problem {
    Problem::unauthorized(&CHALLENGES)
}

/// Also where the database refused for good: a proxy must not take our fault for a verdict.
fn unavailable(error: &portcullis_store::StoreError) -> Problem {
    drop(of_store(error));
    Problem::unavailable()
}
