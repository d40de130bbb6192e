//! The endpoints as the OpenAPI document has them.

use portcullis_web::{Docs, schema_of};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::batch::Told;
use crate::partners::Programme;

/// The types of token that a client may report.
#[derive(Serialize, ToSchema)]
#[schema(as = RevocableTokenTypes)]
pub(crate) struct Types<'a> {
    pub(crate) types: Vec<&'a str>,
}

/// The body of a report, as it should be. What differs is judged item by item.
pub fn reported_items() -> Value {
    json!({ "type": "array", "items": {
        "type": "object",
        "required": ["type", "token"],
        "properties": {
            "type": { "type": "string", "minLength": 1, "maxLength": 256 },
            "token": {
                "type": ["string", "null"], "maxLength": 16384,
                "description": "An item without a token is counted and skipped.",
            },
            "location": { "type": ["string", "null"], "description": "Where it was found." },
        },
    }})
}

pub(crate) fn types() -> Docs {
    Docs::new("Token Revocation API")
        .answers_json::<Types<'_>>(200, "All that are offered to this client.")
}

pub(crate) fn revoke() -> Docs {
    let about = "What is good is taken in any case, whatever its neighbours are: a problem tells which \
                 items were not. Sending the same again does no harm.";
    let items = ["some_items_rejected", "invalid_body"];
    Docs::new("Token Revocation API")
        .about(about)
        .takes_as("application/json", reported_items())
        .problem_with::<Told>(400, &items)
        .problem_with::<Told>(408, &[])
        .problem(413, &["too_large"])
        .problem(429, &["queue_full"])
        .answers(204, "All are taken: each one will be revoked at its provider.")
}

pub(crate) fn public_keys() -> Docs {
    let key = json!({
        "type": "object",
        "required": ["key_identifier", "key", "is_current"],
        "properties": {
            "key_identifier": schema_of::<String>(),
            "key": { "type": "string", "description": "PEM, a public key of P-256." },
            "is_current": { "type": "boolean" },
        },
    });
    let document = json!({
        "type": "object",
        "required": ["public_keys"],
        "properties": { "public_keys": { "type": "array", "items": key } },
    });
    Docs::new("Partner programmes")
        .answers_as(200, "application/json", document, "The keys, in the form of GitHub's.")
        .cached()
}

pub(crate) fn github() -> Docs {
    let labels = json!({ "type": "array", "items": {
        "type": "object",
        "required": ["token_raw", "token_type", "label"],
        "properties": {
            "token_raw": { "type": "string" },
            "token_type": { "type": "string" },
            "label": { "enum": ["true_positive", "false_positive"] },
        },
    }});
    partner(Programme::Github)
        .answers_as(200, "application/json", labels, "Whether each is ours, dead or alive.")
        .not_stored(200)
}

pub(crate) fn gitlab() -> Docs {
    partner(Programme::Gitlab).answers(204, "What is ours is revoked.").not_stored(204)
}

fn partner(programme: Programme) -> Docs {
    let names = programme.headers();
    let text = json!({ "type": "string", "minLength": 1 });
    let items = json!({ "type": "array", "items": {
        "type": "object",
        "required": ["type", "token"],
        "properties": {
            "type": { "type": "string" }, "token": { "type": "string" },
            "url": { "type": "string" }, "source": { "type": "string" },
        },
    }});
    Docs::new("Partner programmes")
        .about(
            "Only what is provably a token of this gateway is taken; of all else nothing is kept.",
        )
        .header(names.identifier, text.clone(), "Which key signed.")
        .header(names.signature, text, "ECDSA over the SHA-256 of the body, DER in base64.")
        .takes_as("application/json", items)
        .problem(400, &["invalid_body"])
        .problem(429, &["queue_full"])
}
