//! `portcullis revocations show`

use portcullis_base::clock::{Clock as _, SystemClock};
use portcullis_revocation::issuance::LENT_PROVIDER;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{Row, find, standing};
use crate::cli::Beginning;
use crate::commands::output::Output;
use crate::commands::remote::Remote;
use crate::commands::table::{Table, facts};
use crate::commands::terminal;
use crate::commands::times::{to_the_second, with_distance};
use crate::error::StartError;

const MARGIN: usize = 2;

/// A row with all that belongs to it.
#[derive(Deserialize)]
struct Detail {
    #[serde(flatten)]
    row: Row,
    sightings_kept: Vec<Sighting>,
    attempts_made: Vec<Attempt>,
}

#[derive(Deserialize)]
struct Sighting {
    r#type: String,
    reporter: String,
    location: Option<String>,
    times: u64,
    first_seen_at: String,
    last_seen_at: String,
}

#[derive(Deserialize)]
struct Attempt {
    lease: u64,
    at: String,
    outcome: String,
    code: Option<String>,
}

/// Prints everything about one row.
pub(super) async fn show(
    remote: &Remote,
    beginning: &Beginning,
    output: &mut Output,
) -> Result<(), StartError> {
    let fingerprint = find::one(remote, beginning).await?;
    let answer = remote.get(&["v1", "revocations", &fingerprint], &[]).await?;
    let detail: Detail = remote.read(&answer)?;
    let (now, width) = (SystemClock.now(), terminal::width());
    let parts = [
        outline(&detail.row, now),
        about(&detail.row, now),
        attempts(&detail, width),
        sightings(&detail, width),
    ];
    output.result(&parts.join("\n\n"), &answer);
    Ok(())
}

fn outline(row: &Row, now: OffsetDateTime) -> String {
    let state = match (row.state.as_str(), row.confirmed) {
        ("inactive", true) => "inactive, confirmed".to_owned(),
        ("inactive", false) => "inactive, unconfirmed".to_owned(),
        _ => standing(row),
    };
    let begun = if row.provider == LENT_PROVIDER { "issued" } else { "reported" };
    let at = |time: &Option<String>| time.as_deref().map(|time| with_distance(time, now));
    let all = [
        ("fingerprint", Some(row.fingerprint.clone())),
        ("state", Some(state)),
        ("code", row.code.clone()),
        ("reason", row.reason.clone()),
        ("type", Some(row.r#type.clone())),
        ("provider", Some(row.provider.clone())),
        ("mode", Some(row.mode.clone())),
        (begun, Some(with_distance(&row.created_at, now))),
        // A report is due at once, unless somebody had to approve it.
        ("due", Some(with_distance(&row.due_at, now)).filter(|_| row.due_at != row.created_at)),
        // What is held has a time too, which means nothing before somebody approves.
        ("next attempt", at(&row.next_attempt_at).filter(|_| row.state != "held")),
        ("ended", at(&row.ended_at)),
    ];
    facts(&all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect::<Vec<_>>(), 0)
}

/// Which token it was, in the provider's words.
fn about(row: &Row, now: OffsetDateTime) -> String {
    let Some(Value::Object(about)) = &row.about else {
        return "TOKEN\n  the provider has told nothing of it".to_owned();
    };
    let words = |name: &str, value: &Value| match value {
        Value::Null if name == "last_used_at" => Some("never".to_owned()),
        Value::Null => None,
        Value::String(text) if name.ends_with("_at") => Some(with_distance(text, now)),
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => {
            let all = all.iter().map(|one| one.as_str().map_or(one.to_string(), str::to_owned));
            Some(all.collect::<Vec<_>>().join(" "))
        }
        other => Some(other.to_string()),
    };
    // What it is called and whose it is comes first, then whatever else was told.
    let first = ["name", "owner", "username", "user_id", "scopes"];
    let told = first.iter().filter_map(|name| about.get_key_value(*name));
    let rest = about.iter().filter(|(name, _)| !first.contains(&name.as_str()));
    let told = told.chain(rest).filter_map(|(name, value)| Some((name, words(name, value)?)));
    let told: Vec<_> = told.map(|(name, words)| (label(name), words)).collect();
    let told: Vec<_> = told.iter().map(|(name, words)| (name.as_str(), words.clone())).collect();
    format!("TOKEN, as {} knew it\n{}", terminal::plain(&row.provider), facts(&told, MARGIN))
}

/// `last_used_at` as people say it.
fn label(name: &str) -> String {
    let name = name.strip_suffix("_at").or_else(|| name.strip_suffix("_id")).unwrap_or(name);
    terminal::plain(&name.replace('_', " "))
}

fn attempts(detail: &Detail, width: Option<usize>) -> String {
    let (made, begun) = (&detail.attempts_made, detail.row.attempts);
    // A lease that ran out leaves no outcome, and an earlier round is not counted.
    let heading = match made.len() as u64 {
        heard if heard == begun => format!("ATTEMPTS: {heard}"),
        heard => format!("ATTEMPTS: {heard} with an outcome, {begun} begun in this round"),
    };
    if made.is_empty() {
        return heading;
    }
    let mut table = Table::new(&["LEASE", "AT", "OUTCOME", "CODE"]);
    for attempt in made {
        table.push(&[
            attempt.lease.to_string(),
            to_the_second(&attempt.at),
            attempt.outcome.clone(),
            attempt.code.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    format!("{heading}\n{}", table.render(width, MARGIN))
}

fn sightings(detail: &Detail, width: Option<usize>) -> String {
    let (row, kept) = (&detail.row, &detail.sightings_kept);
    let mut headings = vec!["FIRST SEEN", "LAST SEEN", "TIMES", "REPORTER", "LOCATION"];
    // The type is said above already, unless somebody called it otherwise.
    let typed = kept.iter().any(|seen| seen.r#type != row.r#type);
    headings.extend(typed.then_some("TYPE"));
    let mut table = Table::new(&headings);
    for seen in kept {
        let mut cells = vec![
            to_the_second(&seen.first_seen_at),
            to_the_second(&seen.last_seen_at),
            seen.times.to_string(),
            seen.reporter.clone(),
            seen.location.clone().unwrap_or_else(|| "-".to_owned()),
        ];
        cells.extend(typed.then(|| seen.r#type.clone()));
        table.push(&cells);
    }
    let shown = kept.iter().map(|seen| seen.times).fold(0, u64::saturating_add);
    let heading = match row.sightings.saturating_sub(shown) {
        0 => format!("SIGHTINGS: {}", row.sightings),
        counted => format!("SIGHTINGS: {}, {counted} of them only counted", row.sightings),
    };
    format!("{heading}\n{}", table.render(width, MARGIN))
}
