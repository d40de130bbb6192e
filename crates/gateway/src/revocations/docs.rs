//! The operators' endpoints of the queue as the OpenAPI document has them.

use portcullis_revocation_api::reported_items;
use portcullis_store::queue::State;
use portcullis_web::{Docs, schema_of};
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::LONGEST_PAGE;
use super::shown::{Listed, Outcome, Whole};

fn docs() -> Docs {
    Docs::new("Revocations").asks_database()
}

/// The names of all states.
pub(super) fn state() -> Schema {
    let names = State::ALL.map(State::as_str);
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build())
}

/// A state, by its name.
struct Name;

impl PartialSchema for Name {
    fn schema() -> utoipa::openapi::RefOr<Schema> {
        state().into()
    }
}

pub(super) fn list() -> Docs {
    let digits = json!({ "type": "string", "pattern": "^[0-9a-fA-F]{8,64}$" });
    let cursor = json!({ "type": "string", "pattern": "^[0-9]{1,18}[.][0-9a-f]{64}$" });
    // A longer page than there is, or an empty one, is cut to what there is.
    let limit = json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX, "default": 100 });
    docs()
        .query("state", schema_of::<Name>(), "Only those in this state.")
        .query("fingerprint", digits, "Only those whose fingerprint begins so.")
        .query("after", cursor, "What `next` of the page before said.")
        .query("limit", limit, &format!("How many; at most {LONGEST_PAGE} are given."))
        .problem(400, &["query", "unknown_state", "after", "fingerprint"])
        .answers_json::<Listed>(200, "A page of them, in the order of their first report.")
}

pub(super) fn report() -> Docs {
    docs()
        .takes_as("application/json", reported_items())
        .problem_with::<Outcome>(400, &["some_items_rejected", "invalid_body"])
        .answers_json::<Outcome>(200, "All are taken, but for those without a token.")
}

fn of_one() -> Docs {
    let fingerprint = json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" });
    docs().path("fingerprint", fingerprint, "All 64 digits of it.").problem(404, &["not_found"])
}

pub(super) fn show() -> Docs {
    of_one().answers_json::<Whole>(200, "All that is kept of it.")
}

pub(super) fn act() -> Docs {
    of_one()
        .problem_with::<WrongState>(409, &["wrong_state", "lent"])
        .answers_json::<Whole>(200, "It is done, and this is how it is now.")
}

/// What a problem of these codes says besides.
#[derive(ToSchema)]
struct WrongState {
    #[schema(schema_with = state)]
    #[expect(dead_code, reason = "told by `Problem::with`")]
    state: String,
}
