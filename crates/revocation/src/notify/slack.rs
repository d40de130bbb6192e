//! A message for people, as Slack's incoming webhooks take it, and whoever is compatible.
//!
//! What strangers wrote (locations, names, types) stands in code spans with `&`, `<` and `>` escaped: there
//! neither Slack nor its like make mentions, links or formatting of it.

use serde_json::{Value, json};

use super::notice::Notice;

/// Lines in one message at the most.
const LINES: usize = 20;

/// No further line begins after so many bytes: Slack cuts at 40,000 characters, others sooner.
const BYTES: usize = 12_000;

/// Locations of a secret that is told alone, and of one among several.
const ALONE: usize = 10;
const AMONG: usize = 2;

/// Members of `about` that are shown.
const MEMBERS: usize = 6;

/// The message that tells these notices.
pub(super) fn message(notices: &[Notice]) -> Value {
    json!({
        "text": text(notices),
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn text(notices: &[Notice]) -> String {
    let (title, places) = match notices.len() {
        1 => ("*Portcullis:* a leaked secret".to_owned(), ALONE),
        count => (format!("*Portcullis:* {count} leaked secrets"), AMONG),
    };
    let (mut text, mut left) = (title, notices.len());
    for notice in notices.iter().take(LINES) {
        if text.len() > BYTES {
            break;
        }
        text += "\n• ";
        text += &line(notice, places);
        left -= 1;
    }
    if left > 0 { format!("{text}\nand {left} more") } else { text }
}

fn line(notice: &Notice, places: usize) -> String {
    let short = notice.fingerprint.get(..8).unwrap_or_default();
    let kind = code(&notice.token_type);
    let parts = [
        format!("*{}*: {kind} {}", escaped(&notice.state), code(short)),
        meaning(notice).map(|meaning| format!(", {meaning}")).unwrap_or_default(),
        format!("; provider {}", code(&notice.provider)),
        notice.code.as_deref().map(|why| format!(", code {}", code(why))).unwrap_or_default(),
        notice.reason.as_deref().map(|why| format!(" ({})", code(why))).unwrap_or_default(),
        whose(notice),
        seen(notice, places),
    ];
    parts.concat()
}

fn whose(notice: &Notice) -> String {
    let Some(Value::Object(about)) = &notice.about else { return String::new() };
    let members = about.iter().filter_map(|(name, value)| Some((name, scalar(value)?)));
    let members = members.take(MEMBERS);
    let told: Vec<String> =
        members.map(|(name, value)| code(&format!("{name}: {value}"))).collect();
    if told.is_empty() { String::new() } else { format!("; about {}", told.join(" ")) }
}

fn seen(notice: &Notice, places: usize) -> String {
    if notice.locations.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = notice.locations.iter().take(places).map(|one| code(one)).collect();
    let more = if notice.locations.len() > places { " and elsewhere" } else { "" };
    format!("; seen at {}{more}", shown.join(" "))
}

/// What a state means for whoever has to act; a vendor that never tells is not said to have revoked.
fn meaning(notice: &Notice) -> Option<&'static str> {
    Some(match notice.state.as_str() {
        "held" => "waits for somebody to approve",
        "noted" => "nobody revokes it",
        "failed" => "given up: it may still be alive",
        "refused" => "it may still be alive",
        "inactive" if notice.confirmed => "was dead before we came",
        "inactive" => "unknown there: it may be alive elsewhere",
        "submitted" => "handed to its vendor, who does not tell what comes of it",
        "simulated" => "nothing was done",
        "cancelled" => "taken back by an operator",
        _ => return None,
    })
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// In a code span, which nothing in `text` can end.
fn code(text: &str) -> String {
    let inside = escaped(text.trim()).replace('`', "'");
    format!("`{}`", if inside.is_empty() { "-" } else { &inside })
}

/// As Slack wants it: these three and no others.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
