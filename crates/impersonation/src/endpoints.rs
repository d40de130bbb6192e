//! `GET /token` and `DELETE /token`.

mod docs;

use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT, Accept, CACHE_CONTROL, ContentType, Header as _, HeaderValue, Quality,
};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_web::{
    Access, Audit, Authorization, Problem, Route, RouteTable, authorization, note,
};
use secrecy::{ExposeSecret as _, SecretString};
use time::format_description::well_known::Rfc3339;

use crate::Broker;
use crate::broker::{Handed, Wish};
use crate::failure::Failure;
use docs::Lent;

/// The routes, below `mount` (`/` or a path).
pub fn routes(mount: &str) -> RouteTable {
    let path = format!("{}/token", mount.trim_end_matches('/'));
    vec![
        Route {
            method: Method::GET,
            path: path.clone(),
            handler: || web::to(issue),
            access: Access::Job,
            audit: Audit::Entry("impersonation.issue"),
            summary: "A GitLab token of the job's user, which is revoked seconds later",
            docs: docs::issue,
        },
        Route {
            method: Method::DELETE,
            path,
            handler: || web::to(end),
            access: Access::Job,
            audit: Audit::Entry("impersonation.end"),
            summary: "Revoke what this job was given, now",
            docs: docs::end,
        },
    ]
}

async fn issue(request: HttpRequest, broker: Data<Broker>) -> Result<HttpResponse, Problem> {
    let handed = async {
        let jwt = bearer(&request)?;
        let wish = wish(request.query_string())?;
        broker.issue(&jwt, &wish, &note(&request)).await
    };
    let handed = handed.await.map_err(|failure| failure.problem())?;
    Ok(answer(&handed, wants_json(&request)))
}

async fn end(request: HttpRequest, broker: Data<Broker>) -> Result<HttpResponse, Problem> {
    let ended = async {
        let jwt = bearer(&request)?;
        broker.end(&jwt, &note(&request)).await
    };
    ended.await.map_err(|failure| failure.problem())?;
    Ok(HttpResponse::NoContent().finish())
}

fn bearer(request: &HttpRequest) -> Result<SecretString, Failure> {
    match authorization(request.headers()) {
        Authorization::Bearer(jwt) => Ok(jwt),
        Authorization::Absent
        | Authorization::Basic { .. }
        | Authorization::Bare(_)
        | Authorization::Other
        | Authorization::Malformed => Err(Failure::NoToken),
    }
}

/// What the query asks for. Anything else in it is refused: a job that misspells what it wants less of
/// must not get more.
fn wish(query: &str) -> Result<Wish, Failure> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|_| Failure::Query("the query cannot be read"))?;
    let mut wish = Wish::default();
    for (name, value) in pairs.into_inner() {
        let place = match name.as_str() {
            "scopes" => &mut wish.scopes,
            "ttl" => &mut wish.ttl,
            _ => return Err(Failure::Query("the query knows scopes and ttl alone")),
        };
        if place.replace(value).is_some() {
            return Err(Failure::Query("the query has something twice"));
        }
    }
    Ok(wish)
}

/// Whether JSON is what the caller would rather have than a plain text.
fn wants_json(request: &HttpRequest) -> bool {
    if !request.headers().contains_key(ACCEPT) {
        return false;
    }
    let Ok(mut accept) = Accept::parse(request) else { return false };
    // RFC 9110, section 12.4.2: what has a weight of 0 is not acceptable.
    accept.retain(|kind| kind.quality != Quality::ZERO);
    let ranked = accept.ranked();
    let first =
        ranked.iter().find_map(|kind| match (kind.type_().as_str(), kind.subtype().as_str()) {
            ("application", "json") => Some(true),
            ("text" | "*", "plain" | "*") => Some(false),
            _ => None,
        });
    first.unwrap_or(false)
}

fn answer(handed: &Handed, json: bool) -> HttpResponse {
    let token = handed.token.expose_secret();
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    if !json {
        return response.content_type(ContentType::plaintext()).body(token.to_owned());
    }
    response.json(Lent {
        token,
        scopes: &handed.grant.scopes,
        user_id: handed.user_id,
        user_login: handed.user_login.as_deref(),
        lifetime_seconds: handed.grant.lifetime.as_secs(),
        expires_at: handed.planned.due_at.format(&Rfc3339).ok(),
    })
}
