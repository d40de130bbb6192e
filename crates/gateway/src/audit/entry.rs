//! A call as an entry.

use portcullis_store::audit::Told;
use portcullis_web::Call;
use serde_json::{Map, Value, json};

/// What was refused or failed is one event, whatever was asked.
const REFUSED: &str = "call.refused";

/// A call that did, or may have done, what it was asked.
pub(super) fn done(at: i64, call: &Call) -> Told {
    let mut members = members(call);
    if let Some(id) = &call.request_id {
        members.insert("request_id".to_owned(), id.as_str().into());
    }
    if !call.noted.touched.is_empty() {
        members.insert("touched".to_owned(), Value::Object(call.noted.touched.clone()));
    }
    Told::new(at, call.event.unwrap_or(REFUSED), &members)
}

/// So many calls like this one since `since`, all of them refused or failed.
pub(super) fn refused(at: i64, call: &Call, count: u64, since: i64) -> Told {
    let mut members = members(call);
    if let Some(event) = call.event {
        members.insert("asked".to_owned(), event.into());
    }
    members.insert("count".to_owned(), count.into());
    members.insert("since".to_owned(), since.into());
    Told::new(at, REFUSED, &members)
}

fn members(call: &Call) -> Map<String, Value> {
    let mut members = Map::new();
    if let Some((by, name)) = &call.noted.by {
        members.insert("by".to_owned(), json!({ "method": by.name(), "name": name }));
    }
    if let Some(address) = call.address {
        members.insert("address".to_owned(), address.to_string().into());
    }
    members.insert("route".to_owned(), call.route.as_str().into());
    members.insert("outcome".to_owned(), call.outcome.name().into());
    if let Some(status) = call.status {
        members.insert("status".to_owned(), status.into());
    }
    if let Some(code) = call.code {
        members.insert("code".to_owned(), code.into());
    }
    members
}
