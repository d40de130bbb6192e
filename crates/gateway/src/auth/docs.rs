//! `/auth` as the OpenAPI document has it.

use portcullis_web::Docs;
use serde_json::json;

use super::answer::TOLD;

pub(super) fn exactly() -> Docs {
    let scopes = json!({ "type": "string" });
    docs().query(
        "scope",
        scopes,
        "Scopes that the credential must have, separated by spaces; it may come again.",
    )
}

pub(super) fn below() -> Docs {
    let tail = json!({ "type": "string" });
    docs()
        .path(
            "tail",
            tail,
            "Any path, slashes and all. `as/{profile}` wants the scopes of that profile.",
        )
        .problem(403, &["unknown_profile"])
}

fn docs() -> Docs {
    let about = "Any method, and the body is never read. Every 200 has all of the headers, empty where nothing \
                 is known.";
    let docs = Docs::new("Forward authentication")
        .about(about)
        .answers(200, "Somebody that is known, and may do this.")
        .not_stored(200)
        .problem(403, &["insufficient_scope", "unusable_identity"]);
    TOLD.iter().fold(docs, |docs, (header, about)| {
        docs.sends(200, header.as_str(), json!({ "type": "string" }), about)
    })
}
