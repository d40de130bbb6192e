//! The endpoints of PATs as the OpenAPI document has them.

use portcullis_web::Docs;
use serde_json::json;

use super::handlers::LONGEST_PAGE;
use super::input::{Change, Create, Regenerate};
use super::shown::{Listed, Shown, WithToken};

fn docs() -> Docs {
    Docs::new("Personal access tokens").asks_database()
}

fn of_one() -> Docs {
    let id = json!({ "type": "string", "format": "uuid" });
    docs().path("id", id, "The id of a PAT.").problem(404, &["not_found"])
}

pub(super) fn create() -> Docs {
    let docs = docs().takes::<Create>().problem_with::<Member>(400, &["invalid_member"]);
    docs.answers_json::<WithToken>(201, "The PAT. Its token is shown this once.")
        .sends(201, "Location", json!({ "type": "string" }), "Where the PAT is.")
        .not_stored(201)
}

pub(super) fn list() -> Docs {
    let uuid = json!({ "type": "string", "format": "uuid" });
    // A longer page than there is, or an empty one, is cut to what there is.
    let limit = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX, "default": 100 });
    docs()
        .query("owner", json!({ "type": "string" }), "Only those of this identity.")
        .query("after", uuid, "What `next` of the page before said.")
        .query("limit", limit, &format!("How many; at most {LONGEST_PAGE} are given."))
        .problem(400, &["query", "after"])
        .answers_json::<Listed>(200, "A page of them, the oldest first.")
}

pub(super) fn show() -> Docs {
    of_one().answers_json::<Shown>(200, "The PAT.")
}

pub(super) fn change() -> Docs {
    of_one()
        .takes::<Change>()
        .problem_with::<Member>(400, &["invalid_member"])
        .answers_json::<Shown>(200, "The PAT as it is now.")
}

pub(super) fn revoke() -> Docs {
    of_one().answers(204, "It is revoked, or was before.")
}

pub(super) fn regenerate() -> Docs {
    of_one()
        .takes::<Regenerate>()
        .problem_with::<Member>(400, &["invalid_member"])
        .problem(409, &["deleted"])
        .answers_json::<WithToken>(200, "The PAT with a new token, which is shown this once.")
        .not_stored(200)
}

/// What a problem of code `invalid_member` says besides.
#[derive(utoipa::ToSchema)]
#[schema(as = InvalidMember)]
struct Member {
    /// The member of the body that is wrong.
    #[expect(dead_code, reason = "told by `Problem::with`")]
    member: Option<String>,
}
