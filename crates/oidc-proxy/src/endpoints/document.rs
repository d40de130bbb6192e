//! The discovery document (OpenID Connect Discovery 1.0, section 3) and the keys.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use portcullis_web::{Problem, cached};
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
    Ok(cached(&request, proxy.0.max_age, DISCOVERY.kind, tag, document))
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
    cached(&request, proxy.0.max_age, KEYS.kind, tag, document)
}
