//! `POST /v1/partners/github` and `POST /v1/partners/gitlab`.

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_web::{Access, Audit, By, Problem, Route, RouteTable, body, client_address, note};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::intake::{Taken, take_in};
use super::keys::Found;
use super::signature::{Claimed, PublicKey};
use super::{Partner, Partners, Programme};
use crate::handlers::refuse_while_too_deep;

/// The routes of these programmes, below `mount` (`/` or a path).
pub fn routes(mount: &str, programmes: &[Programme]) -> RouteTable {
    let mount = mount.trim_end_matches('/');
    let route = |programme: &Programme| Route {
        method: Method::POST,
        path: format!("{mount}/v1/partners/{}", programme.name()),
        handler: match programme {
            Programme::Github => || web::to(github),
            Programme::Gitlab => || web::to(gitlab),
        },
        access: Access::Partner,
        audit: Audit::Entry("revocation.report"),
        summary: "Report leaked tokens under a partner programme",
    };
    programmes.iter().map(route).collect()
}

async fn github(
    request: HttpRequest,
    partners: Data<Partners>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let taken = receive(&request, &partners, Programme::Github, payload).await?;
    let labels: Vec<Value> = taken.iter().map(label).collect();
    let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(HttpResponse::Ok().insert_header(no_store).json(labels))
}

async fn gitlab(
    request: HttpRequest,
    partners: Data<Partners>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    receive(&request, &partners, Programme::Gitlab, payload).await?;
    let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(HttpResponse::NoContent().insert_header(no_store).finish())
}

/// Whether it is ours, dead or alive.
fn label(taken: &Taken) -> Value {
    json!({
        "token_raw": taken.report.secret.expose_secret(),
        "token_type": taken.report.token_type,
        "label": if taken.ours { "true_positive" } else { "false_positive" },
    })
}

/// Nothing of the body is looked at before its signature holds. What is returned is committed.
async fn receive(
    request: &HttpRequest,
    partners: &Partners,
    programme: Programme,
    payload: Payload,
) -> Result<Vec<Taken>, Problem> {
    let partner = partners.of(programme).ok_or_else(Problem::not_found)?;
    let refused = |problem| limited(partners, request, problem);
    let claimed = Claimed::read(request.headers(), programme.headers());
    let claimed = claimed.map_err(|name| refused(missing(name)))?;
    let body = body(request, payload, partner.max_body).await?;
    let key = key(partner, claimed.identifier, &refused).await?;
    if !key.made(claimed.signature, &body) {
        let detail = "the signature is not that of this key over this body";
        return Err(refused(Problem::bad_request("invalid_signature", detail)));
    }
    let account = note(request);
    account.by(By::Partner, programme.name());
    let limit = partner.limit.check();
    limit.map_err(|wait| Problem::too_many_requests("rate_limited", wait))?;
    refuse_while_too_deep(&partners.intake, partners.max_waiting).await?;
    take_in(partners, partner, &account, &body).await
}

/// The key that is said to have signed, where it may.
async fn key(
    partner: &Partner,
    identifier: &str,
    refused: &impl Fn(Problem) -> Problem,
) -> Result<PublicKey, Problem> {
    let (code, detail) = match partner.keys.find(identifier).await {
        Found::Current(key) => return Ok(key),
        Found::Retired => ("key_not_current", "this key signs no more"),
        Found::Unknown => ("unknown_key", "no key has this identifier"),
        // No fault of the caller's.
        Found::Unavailable => return Err(Problem::unavailable()),
    };
    Err(refused(Problem::bad_request(code, detail)))
}

fn missing(name: &str) -> Problem {
    Problem::bad_request("missing_header", format!("{name} must be there, once and not empty"))
}

/// Failures are limited per address, and never hold up who signs: only they are counted.
fn limited(partners: &Partners, request: &HttpRequest, problem: Problem) -> Problem {
    let Some(address) = client_address(request) else { return problem };
    match partners.failures.check(address) {
        Ok(()) => problem,
        Err(wait) => Problem::too_many_requests("too_many_failures", wait),
    }
}
