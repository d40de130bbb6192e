//! The discovery document (OpenID Connect Discovery 1.0, section 3) and the keys.

use actix_web::http::header::Header as _;
use actix_web::http::header::{CACHE_CONTROL, ETAG, EntityTag, IF_NONE_MATCH, IfNoneMatch};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use portcullis_web::Problem;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::OidcProxy;

/// Where a document is, below the issuer, and what it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) kind: &'static str,
}

pub(super) const DISCOVERY: Place =
    Place { path: "/.well-known/openid-configuration", kind: "application/json" };
pub(super) const KEYS: Place =
    Place { path: "/.well-known/jwks.json", kind: "application/jwk-set+json" };

pub(super) async fn discovery(
    request: HttpRequest,
    proxy: Data<OidcProxy>,
) -> Result<HttpResponse, Problem> {
    let issuer = proxy.issuer(&request)?;
    let resigner = proxy.resigner();
    let document = compose(&issuer, &resigner.keyring().algorithms(), &resigner.claims());
    let tag = hex::encode(&Sha256::digest(&document)[..16]);
    Ok(cached(&request, &proxy, DISCOVERY.kind, tag, document))
}

/// The discovery document of an issuer that signs by these algorithms, and whose tokens may have these
/// claims.
pub(super) fn compose(issuer: &str, algorithms: &[&str], claims: &[&str]) -> String {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{}{}", issuer.trim_end_matches('/'), KEYS.path),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "claims_supported": claims,
    })
    .to_string()
}

pub(super) async fn keys(request: HttpRequest, proxy: Data<OidcProxy>) -> HttpResponse {
    let keyring = proxy.resigner().keyring();
    let (tag, document) = (keyring.tag().to_owned(), keyring.document().to_owned());
    cached(&request, &proxy, KEYS.kind, tag, document)
}

/// The `Cache-Control` of both, for this many seconds.
pub(super) fn cache_control(max_age: u64) -> String {
    format!("public, max-age={max_age}")
}

/// Whoever has this very document is told so (RFC 9110, section 13.1.2).
fn cached(
    request: &HttpRequest,
    proxy: &OidcProxy,
    kind: &'static str,
    tag: String,
    document: String,
) -> HttpResponse {
    let tag = EntityTag::new_strong(tag);
    let known = request.headers().contains_key(IF_NONE_MATCH)
        && match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => true,
            Ok(IfNoneMatch::Items(items)) => items.iter().any(|item| item.weak_eq(&tag)),
            Err(_) => false,
        };
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((CACHE_CONTROL, cache_control(proxy.0.max_age)))
        .insert_header((ETAG, tag.to_string()));
    if known { response.finish() } else { response.content_type(kind).body(document) }
}
