//! What the operators' listener tells of reported secrets.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::api::Api;
use super::walk::{Mismatch, equal};

/// Far beyond what anything here takes, and short enough to be waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// One reported secret as the gateway tells of it: all but the secret.
#[derive(Clone, PartialEq)]
pub(super) struct Row(Value);

impl Row {
    /// What stands at this JSON pointer, as text; empty where nothing does.
    pub(super) fn text(&self, pointer: &str) -> String {
        match self.0.pointer(pointer) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// What stands there, as a number; 0 where none does.
    pub(super) fn number(&self, pointer: &str) -> i64 {
        self.0.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
    }

    /// That this stands there.
    pub(super) fn has(&self, pointer: &str, expected: &str) -> Result<(), Mismatch> {
        equal(pointer.trim_start_matches('/'), self.text(pointer).as_str(), expected)
    }

    /// Its identity, whole.
    pub(super) fn fingerprint(&self) -> String {
        self.text("/fingerprint")
    }

    /// Its identity as people see it.
    pub(super) fn short(&self) -> String {
        self.fingerprint().chars().take(8).collect()
    }

    /// The same without what every further report adds.
    pub(super) fn without_sightings(&self) -> Self {
        let mut row = self.0.clone();
        if let Some(members) = row.as_object_mut() {
            members.retain(|name, _| !name.starts_with("sightings"));
        }
        Self(row)
    }

    /// How many milliseconds passed from the moment at this JSON pointer to its end.
    pub(super) fn milliseconds(&self, from: &str) -> Result<i128, Mismatch> {
        let at = |pointer: &str| {
            let text = self.text(pointer);
            let read = OffsetDateTime::parse(&text, &Rfc3339);
            read.map_err(|_| Mismatch::new(format!("a time in {pointer}"), format!("\"{text}\"")))
        };
        Ok((at("/ended_at")? - at(from)?).whole_milliseconds())
    }

    fn was_seen_at(&self, location: &str) -> bool {
        let seen = self.0["sightings_kept"].as_array();
        seen.is_some_and(|seen| {
            seen.iter().any(|one| one["location"].as_str().unwrap_or_default() == location)
        })
    }
}

impl Api {
    /// The row of this fingerprint.
    pub(super) async fn row(&self, fingerprint: &str) -> Result<Row, Mismatch> {
        let answer = self.revocations(Method::GET, &format!("/{fingerprint}")).await?;
        Ok(Row(answer.with_status(200)?.body))
    }

    /// Every row, with all that is known of it.
    pub(super) async fn rows(&self) -> Result<Vec<Row>, Mismatch> {
        let page = self.revocations(Method::GET, "").await?.with_status(200)?;
        let mut rows = Vec::new();
        for row in page.body["revocations"].as_array().unwrap_or(&Vec::new()) {
            rows.push(self.row(row["fingerprint"].as_str().unwrap_or_default()).await?);
        }
        Ok(rows)
    }

    /// The one row of what was found at `location` (empty: at none).
    pub(super) async fn found_at(&self, location: &str) -> Result<Row, Mismatch> {
        let mut rows = self.rows().await?;
        rows.retain(|row| row.was_seen_at(location));
        let count = rows.len();
        match rows.pop() {
            Some(row) if count == 1 => Ok(row),
            _ => Err(Mismatch::new("1 row of what was reported", format!("{count}"))),
        }
    }

    /// The row of this fingerprint, once it is in this state and has been tried this often.
    pub(super) async fn once(
        &self,
        fingerprint: &str,
        state: &str,
        attempts: i64,
    ) -> Result<Row, Mismatch> {
        let until = Instant::now() + PATIENCE;
        loop {
            let row = self.row(fingerprint).await?;
            let (now, tried) = (row.text("/state"), row.number("/attempts"));
            // A claim counts as an attempt before anything came of it.
            let told = now != "pending" || !row.text("/code").is_empty();
            if now == state && tried >= attempts && told {
                return Ok(row);
            }
            if Instant::now() >= until {
                let came = format!("{now} after {tried} attempts");
                return Err(Mismatch::new(format!("{state} within {PATIENCE:?}"), came));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
