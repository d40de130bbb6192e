//! `/auth`: tells a reverse proxy who is calling (nginx `auth_request`, Traefik, Caddy, Envoy).
//!
//! Any method, the body is never read. The answer is 200, 401, 403 or 503 and nothing else: a proxy
//! takes anything else for an error of its own.

use std::sync::OnceLock;

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_web::{Access, Audit, Authorization, Problem, Route, RouteTable, authorization};
use url::form_urlencoded;

use crate::pats::{Holder, Pats};
use crate::problems::of_store;

/// What a caller that nobody knows is asked for. `Basic` is how git and docker bring a token; it
/// comes first because nginx passes on no more than the first.
const CHALLENGES: [&str; 2] = ["Basic realm=\"portcullis\"", "Bearer realm=\"portcullis\""];

const IDENTITY: HeaderName = HeaderName::from_static("x-auth-identity");
const EMAIL: HeaderName = HeaderName::from_static("x-auth-email");
const METHOD: HeaderName = HeaderName::from_static("x-auth-method");
const SCOPES: HeaderName = HeaderName::from_static("x-auth-scopes");
const GERRIT_ACCOUNT: HeaderName = HeaderName::from_static("x-auth-gerrit-account");
const GERRIT_CHANGE: HeaderName = HeaderName::from_static("x-auth-gerrit-change");
const EMPTY: HeaderValue = HeaderValue::from_static("");

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
    let token = match requested(authorization(request.headers()), &pats) {
        Ok(Some(token)) => token,
        Ok(None) | Err(Failed) => return Ok(unauthorized()),
    };
    let holder = pats.holder(token.expose_secret()).await.map_err(|error| unavailable(&error))?;
    let Some(holder) = holder else { return Ok(unauthorized()) };
    check_place(&request, &holder)?;
    Ok(identity(&holder))
}

/// A credential that cannot be read.
struct Failed;

/// The token, where the request means to be authenticated by a PAT; `None` where it brings nothing
/// or something that is none of our business.
fn requested(given: Authorization, pats: &Pats) -> Result<Option<SecretString>, Failed> {
    let token = match given {
        Authorization::Bearer(token) => token,
        Authorization::Basic { password, .. } => password,
        Authorization::Absent | Authorization::Bare(_) | Authorization::Other => return Ok(None),
        Authorization::Malformed => return Err(Failed),
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
    HttpResponse::Ok()
        .insert_header((IDENTITY, holder.owner.as_str()))
        .insert_header((EMAIL, EMPTY))
        .insert_header((METHOD, HeaderValue::from_static("pat")))
        .insert_header((SCOPES, holder.scopes.join(" ")))
        .insert_header((GERRIT_ACCOUNT, EMPTY))
        .insert_header((GERRIT_CHANGE, EMPTY))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .finish()
}

/// A flood of forged tokens is answered by nothing else: it is put together once, and copied.
fn unauthorized() -> HttpResponse {
    static REFUSAL: OnceLock<(HeaderMap, Bytes)> = OnceLock::new();
    let (headers, body) = REFUSAL.get_or_init(|| {
        let (head, body) = Problem::unauthorized(&CHALLENGES).error_response().into_parts();
        // A problem's body is a text, and never a stream.
        (head.headers().clone(), body.try_into_bytes().unwrap_or_default())
    });
    let mut refusal = HttpResponse::with_body(StatusCode::UNAUTHORIZED, BoxBody::new(body.clone()));
    *refusal.headers_mut() = headers.clone();
    refusal
}

/// Also where the database refused for good: a proxy must not take our fault for a verdict.
fn unavailable(error: &portcullis_store::StoreError) -> Problem {
    drop(of_store(error));
    Problem::unavailable()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;

    #[actix_web::test]
    async fn the_copied_refusal_is_the_problem_itself() {
        let problem = Problem::unauthorized(&CHALLENGES).error_response();
        for _ in 0..2 {
            let refusal = unauthorized();
            assert_eq!(refusal.status(), problem.status());
            let lines = |response: &HttpResponse| {
                let lines =
                    response.headers().iter().map(|(name, value)| format!("{name}: {value:?}"));
                lines.collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(lines(&refusal), lines(&problem));
            let body = to_bytes(refusal.into_body()).await.unwrap();
            assert!(!body.is_empty());
            let again = Problem::unauthorized(&CHALLENGES).error_response();
            assert_eq!(body, to_bytes(again.into_body()).await.unwrap());
        }
    }
}
