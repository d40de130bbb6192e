//! `/v1/pats`: the holder of an admin token makes, sees and revokes all.

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{self, Data, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_base::clock::from_ms;
use portcullis_store::StoreError;
use portcullis_store::pats::{Pat, PatChange, Regenerated};
use portcullis_web::{Access, Audit, Problem, Route, RouteTable, json, note};
use serde::Deserialize;
use time::format_description::well_known::Rfc3339;

use super::Pats;
use super::docs;
use super::input::{Change, Create, Regenerate};
use super::shown::{Listed, Shown};
use crate::admin::Admin;
use crate::problems::of_store;

const LONGEST_BODY: usize = 64 * 1024;
const PAGE: u32 = 100;
pub(super) const LONGEST_PAGE: u32 = 1000;

/// The routes of the PAT service.
pub fn routes() -> RouteTable {
    let route = |method, path: &str, handler, audit, summary, docs| Route {
        method,
        path: path.to_owned(),
        handler,
        access: Access::Admin,
        audit,
        summary,
        docs,
    };
    vec![
        route(
            Method::POST,
            "/v1/pats",
            || web::to(create),
            Audit::Entry("pat.create"),
            "Make a personal access token; the token is shown this once",
            docs::create,
        ),
        route(Method::GET, "/v1/pats", || web::to(list), Audit::Nothing, "List PATs", docs::list),
        route(
            Method::GET,
            "/v1/pats/{id}",
            || web::to(show),
            Audit::Nothing,
            "Show a PAT",
            docs::show,
        ),
        route(
            Method::PATCH,
            "/v1/pats/{id}",
            || web::to(change),
            Audit::Entry("pat.change"),
            "Change a PAT's name, description or scopes",
            docs::change,
        ),
        route(
            Method::DELETE,
            "/v1/pats/{id}",
            || web::to(revoke),
            Audit::Entry("pat.revoke"),
            "Revoke a PAT; it stays in the list",
            docs::revoke,
        ),
        route(
            Method::POST,
            "/v1/pats/{id}/regenerate",
            || web::to(regenerate),
            Audit::Entry("pat.regenerate"),
            "Give a PAT a new token; the former one dies",
            docs::regenerate,
        ),
    ]
}

async fn create(
    request: HttpRequest,
    payload: Payload,
    pats: Data<Pats>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    let body: Create = json(&request, payload, LONGEST_BODY).await?;
    let wanted = body.check(pats.0.clock.now(), pats.0.max_lifetime)?;
    let (pat, token) = pats.mint(&wanted).await.map_err(|error| of_store(&error))?;
    note(&request).touched("pat", pat.id.as_str());
    let place = format!("/v1/pats/{}", pat.id);
    let answer = Shown::new(&pat, pats.0.clock.now_ms()).with(&token);
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((LOCATION, place))
        .json(answer))
}

#[derive(Deserialize)]
struct Page {
    owner: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

async fn list(page: Query<Page>, pats: Data<Pats>, _: Admin) -> Result<HttpResponse, Problem> {
    let limit = page.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
    let after = page.after.as_deref().map(cursor).transpose()?;
    // No owner has a NUL in its name, and Postgres takes none.
    let owner = page.owner.as_deref().filter(|owner| !owner.contains('\0'));
    if owner.is_none() && page.owner.is_some() {
        return Ok(HttpResponse::Ok().json(Listed { pats: Vec::new(), next: None }));
    }
    let found = pats.0.store.pats(owner, after.as_deref(), limit).await;
    let found = found.map_err(|error| of_store(&error))?;
    let full = found.len() == limit as usize;
    let next = found.last().filter(|_| full).map(|pat| pat.id.clone());
    let now = pats.0.clock.now_ms();
    let pats = found.iter().map(|pat| Shown::new(pat, now)).collect();
    Ok(HttpResponse::Ok().json(Listed { pats, next }))
}

async fn show(
    path: web::Path<String>,
    pats: Data<Pats>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    answer(&pats, pats.0.store.pat(&id(&path)?).await)
}

async fn change(
    request: HttpRequest,
    path: web::Path<String>,
    payload: Payload,
    pats: Data<Pats>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    let change = json::<Change>(&request, payload, LONGEST_BODY).await?.check()?;
    let change = PatChange {
        name: change.name.as_deref(),
        description: change.description.as_deref(),
        scopes: change.scopes.as_deref(),
    };
    let id = id(&path)?;
    note(&request).touched("pat", id.as_str());
    let changed = pats.0.store.change_pat(&id, &change).await;
    pats.forget(&changed);
    answer(&pats, changed)
}

async fn revoke(
    request: HttpRequest,
    path: web::Path<String>,
    pats: Data<Pats>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    let id = id(&path)?;
    note(&request).touched("pat", id.as_str());
    let revoked = pats.0.store.revoke_pat(&id).await;
    pats.0.cache.forget_all();
    answer(&pats, revoked)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn regenerate(
    request: HttpRequest,
    path: web::Path<String>,
    payload: Payload,
    pats: Data<Pats>,
    _: Admin,
) -> Result<HttpResponse, Problem> {
    let id = id(&path)?;
    note(&request).touched("pat", id.as_str());
    let body: Regenerate = json(&request, payload, LONGEST_BODY).await?;
    let expires_at = body.check(pats.0.clock.now(), pats.0.max_lifetime)?;
    let token = pats.token();
    let digest = token.digest();
    let renewed = pats.0.store.regenerate_pat(&id, digest.as_str(), expires_at).await;
    // Several tokens may have died, and the answer tells of none of them.
    pats.0.cache.forget_all();
    let renewed = match renewed.map_err(|error| of_store(&error))? {
        Regenerated::Done(pat) => pat,
        Regenerated::Missing => return Err(Problem::not_found()),
        Regenerated::Deleted => return Err(deleted()),
    };
    let answer = Shown::new(&renewed, pats.0.clock.now_ms()).with(&token);
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer))
}

/// A leaked or expired token may have a successor; what somebody deleted stays deleted.
fn deleted() -> Problem {
    let status = actix_web::http::StatusCode::CONFLICT;
    Problem::new(status, "deleted", "this PAT was deleted; make a new one")
}

impl Pats {
    /// What this process remembers must not outlive its own answer.
    fn forget(&self, changed: &Result<Option<Pat>, StoreError>) {
        match changed {
            Ok(Some(pat)) => self.0.cache.forget(&pat.digest),
            Ok(None) => {}
            // Nobody knows whether it was committed.
            Err(_) => self.0.cache.forget_all(),
        }
    }
}

fn answer(pats: &Pats, found: Result<Option<Pat>, StoreError>) -> Result<HttpResponse, Problem> {
    let pat = found.map_err(|error| of_store(&error))?.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(Shown::new(&pat, pats.0.clock.now_ms())))
}

/// An id in the form in which it is stored; anything else names nothing.
fn id(text: &str) -> Result<String, Problem> {
    uuid::Uuid::parse_str(text).map(|id| id.to_string()).map_err(|_| Problem::not_found())
}

/// What `next` of the page before said: an id.
fn cursor(text: &str) -> Result<String, Problem> {
    let bad = |_| Problem::bad_request("after", "`after` is what `next` of the last page said");
    id(text).map_err(bad)
}

/// Milliseconds since 1970 as RFC 3339 has them, in UTC.
pub(crate) fn rfc3339(ms: i64) -> String {
    // Only years beyond 9999 cannot be written, and none is ever stored.
    from_ms(ms).format(&Rfc3339).unwrap_or_default()
}
