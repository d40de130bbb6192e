//! The endpoints as the OpenAPI document has them.

use portcullis_web::Docs;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::document::{DISCOVERY, KEYS};
use super::exchange::{GRANT, ID_TOKEN, JWT};

/// What a token exchange gives (RFC 8693, section 2.2.1).
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangedToken)]
pub(super) struct Exchanged<'a> {
    /// The token, which is no access token.
    pub(super) access_token: &'a str,
    pub(super) issued_token_type: &'a str,
    /// Always `N_A`.
    pub(super) token_type: &'a str,
    /// Seconds.
    pub(super) expires_in: u64,
}

/// An error in the form of OAuth (RFC 6749, section 5.2).
#[derive(Serialize, ToSchema)]
pub(super) struct OAuthError<'a> {
    pub(super) error: &'a str,
    pub(super) error_description: &'a str,
}

const TAG: &str = "OpenID Connect issuer";

fn text() -> Value {
    json!({ "type": "string" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": text() })
}

pub(super) fn discovery() -> Docs {
    let members = [
        ("issuer", text()),
        ("jwks_uri", text()),
        ("response_types_supported", texts()),
        ("subject_types_supported", texts()),
        ("id_token_signing_alg_values_supported", texts()),
        ("claims_supported", texts()),
    ];
    let document = json!({
        "type": "object",
        "required": members.clone().map(|(name, _)| name),
        "properties": Value::Object(members.map(|(name, schema)| (name.to_owned(), schema)).into_iter().collect()),
    });
    Docs::new(TAG)
        .answers_as(200, DISCOVERY.kind, document, "OpenID Connect Discovery 1.0, section 3.")
        .cached()
        .problem(400, &["host"])
}

pub(super) fn keys() -> Docs {
    let key = json!({ "type": "object", "required": ["kty"], "properties": { "kty": text() } });
    let document = json!({
        "type": "object",
        "required": ["keys"],
        "properties": { "keys": { "type": "array", "items": key } },
    });
    Docs::new(TAG).answers_as(200, KEYS.kind, document, "A JWK set (RFC 7517).").cached()
}

pub(super) fn resign() -> Docs {
    let about = "JSON gives a JWT as `application/jwt`, and problems. A form with a `grant_type` is a token \
                 exchange (RFC 8693), with answers and errors in OAuth's form. Whatever Content-Type else is \
                 said, the body is held to be JSON.";
    let forbidden = [
        "invalid_token",
        "claim_missing",
        "audience",
        "no_rule",
        "subject",
        "algorithm",
        "used",
        "leaked",
    ];
    Docs::new(TAG)
        .about(about)
        .takes_as("application/json", body())
        .takes_as("application/x-www-form-urlencoded", form())
        .answers_as(200, "application/jwt", text(), "The token.")
        .answers_json::<Exchanged<'_>>(200, "The token.")
        .not_stored(200)
        .answers_json::<OAuthError<'_>>(400, "An error of OAuth.")
        .problem(400, &["no_token", "host"])
        .problem(403, &forbidden)
        .problem(415, &["unsupported_media_type"])
        .answers_json::<OAuthError<'_>>(500, "An error of OAuth.")
        .answers_json::<OAuthError<'_>>(502, "An error of OAuth.")
        .problem(502, &["upstream_unavailable"])
        .answers_json::<OAuthError<'_>>(503, "An error of OAuth.")
        .answers_json::<OAuthError<'_>>(504, "An error of OAuth.")
        .problem(504, &["upstream_timeout"])
        .asks_database()
}

fn body() -> Value {
    json!({
        "type": "object",
        "required": ["token"],
        "properties": {
            "token": { "type": "string", "minLength": 1, "description": "A token of the upstream issuer." },
            "alg": { "type": "string", "description": "By which algorithm to sign." },
        },
    })
}

fn form() -> Value {
    let kind = json!({ "enum": [ID_TOKEN, JWT] });
    json!({
        "type": "object",
        "required": ["grant_type", "subject_token", "subject_token_type"],
        "properties": {
            "grant_type": { "const": GRANT },
            "subject_token": { "type": "string", "minLength": 1 },
            "subject_token_type": kind,
            "requested_token_type": kind,
            "audience": { "type": "string" },
        },
    })
}
