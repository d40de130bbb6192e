//! `/health` and `/ready` as the OpenAPI document has them.

use portcullis_web::Docs;
use serde_json::{Value, json};

const TAG: &str = "Health";

pub(super) fn health() -> Docs {
    Docs::new(TAG).answers_as(200, "text/plain", json!({ "const": "Healthy" }), "It lives.")
}

pub(super) fn ready() -> Docs {
    Docs::new(TAG)
        .about("On the operators' listener the answer also tells how issuers, keys and the broker are doing.")
        .answers_as(200, "application/json", body(), "The database answers.")
        .asks_database()
        .problem(503, &["draining"])
}

fn body() -> Value {
    let keys = json!({
        "type": "object",
        "required": ["issuer", "keys", "fetched_at", "skipped", "last_error"],
        "properties": {
            "issuer": { "type": "string" },
            "keys": { "type": "integer", "minimum": 0 },
            "fetched_at": { "type": ["string", "null"], "format": "date-time" },
            "skipped": { "type": "array", "items": { "type": "object", "required": ["kid", "why"] } },
            "last_error": { "type": ["object", "null"], "required": ["at", "error"] },
        },
    });
    let signing = json!({
        "type": "object",
        "required": ["file", "sign", "fault"],
        "properties": {
            "file": { "type": "string" },
            "sign": { "type": "object", "additionalProperties": { "type": "string" } },
            "fault": { "type": ["string", "null"] },
        },
    });
    let certificate = json!({
        "type": "object",
        "required": ["listener", "not_after", "days_left", "fault"],
        "properties": {
            "listener": { "enum": ["public", "admin"] },
            "not_after": { "type": ["string", "null"], "format": "date-time" },
            "days_left": { "type": "integer" },
            "fault": { "type": ["string", "null"] },
        },
    });
    json!({
        "type": "object",
        "required": ["ready"],
        "properties": {
            "ready": { "const": true },
            "degraded": {
                "type": "array", "items": { "const": "impersonation" },
                "description": "What works no more, and no other replica could do better.",
            },
            "issuers": { "type": "array", "items": keys.clone() },
            "impersonation": {
                "type": "object",
                "required": ["gitlab", "admin_token", "keys"],
                "properties": {
                    "gitlab": { "type": "string" },
                    "admin_token": { "type": "object", "required": ["state"] },
                    "keys": keys,
                },
            },
            "signing_keys": signing,
            "tls": { "type": "array", "items": certificate },
        },
    })
}
