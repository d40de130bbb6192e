//! A call that the operator describes.

use std::collections::BTreeMap;

use portcullis_revocation::http::{Answer, Answers, Description};
use serde_json::Value;

use super::super::super::super::node::Node;
use super::super::super::super::section::Section;
use super::super::super::impersonation::json_of_node;

/// The address with its holes, and the rest of the call.
pub(super) fn read(section: &mut Section<'_>) -> Option<(String, Description)> {
    let url: Option<String> = section.required("url");
    let description = Description {
        method: section.or("method", "POST".to_owned()),
        headers: section.map("headers"),
        body: section.optional("body"),
        answers: Answers {
            revoked: section.tables("revoked", answer),
            submitted: section.tables("submitted", answer),
            inactive: section.tables("inactive", dead_already),
            refused: section.tables("refused", answer),
            retry: section.tables("retry", answer),
        },
        batch: section.optional::<u64>("batch").map(|most| {
            let most = section.inside("batch", most, 1..=10_000, u64::to_string);
            usize::try_from(most).unwrap_or(1)
        }),
        rate: None,
    };
    Some((url?, description))
}

fn dead_already(section: &mut Section<'_>) -> Answer {
    Answer { confirmed: section.or("confirmed", false), ..answer(section) }
}

fn answer(section: &mut Section<'_>) -> Answer {
    let status: Vec<u64> = section.one_or_list("status").unwrap_or_default();
    if status.is_empty() {
        section.problem("status", "is required: a status, or a list of them");
    }
    Answer {
        // One that does not fit is none, which is refused with the rest of the call.
        status: status.into_iter().map(|s| u16::try_from(s).unwrap_or(0)).collect(),
        members: section.whole("where", members).unwrap_or_default(),
        confirmed: false,
    }
}

/// By path, the values of which the member must have one.
fn members(
    section: &mut Section<'_>,
    entries: BTreeMap<String, Node>,
) -> BTreeMap<String, Vec<Value>> {
    let mut members = BTreeMap::new();
    for (path, node) in entries {
        let values = match json_of_node(node) {
            Value::Array(values) => values,
            one => vec![one],
        };
        if values.is_empty() || values.contains(&Value::Null) {
            section.problem(&path, "must be a text, a number, true or false, or a list of them");
        }
        members.insert(path, values);
    }
    members
}
