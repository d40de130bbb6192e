//! What is told of a row: everything but the secret, made harmless and bounded.

use portcullis_base::clock::from_ms;
use portcullis_store::notices::{Notice as Kept, Rest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::format_description::well_known::Rfc3339;

use super::plain::{plain, plain_json};

/// What is told of a row, as it is kept and as a webhook of the JSON format gets it. The names are those of
/// the operators' `/v1/revocations`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
// What another version of this program kept is told as far as it is understood.
#[serde(default)]
pub(super) struct Notice {
    /// The same however often, by whichever replica and to whomever this is told.
    pub(super) id: String,
    pub(super) fingerprint: String,
    #[serde(rename = "type")]
    pub(super) token_type: String,
    pub(super) provider: String,
    pub(super) mode: String,
    pub(super) state: String,
    pub(super) code: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) confirmed: bool,
    pub(super) about: Option<Value>,
    pub(super) locations: Vec<String>,
    pub(super) sightings: i64,
    pub(super) attempts: i64,
    pub(super) created_at: String,
    pub(super) due_at: String,
    pub(super) ended_at: Option<String>,
}

impl Notice {
    /// What is told of this row.
    pub(super) fn of(row: &Rest) -> Self {
        let about = row.about.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self {
            id: id(row),
            fingerprint: hex::encode(&row.fingerprint),
            token_type: plain(&row.token_type),
            provider: plain(&row.provider),
            mode: row.mode.clone(),
            state: row.state.clone(),
            code: row.code.as_deref().map(plain),
            reason: row.reason.as_deref().map(plain),
            confirmed: row.confirmed,
            about: about.as_ref().map(plain_json),
            locations: row.locations.iter().map(|location| plain(location)).collect(),
            sightings: row.sightings,
            attempts: row.attempts,
            created_at: rfc3339(row.created_at),
            due_at: rfc3339(row.due_at),
            ended_at: row.ended_at.map(rfc3339),
        }
    }

    /// As it is kept.
    pub(super) fn payload(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// What was kept.
    pub(super) fn read(kept: &Kept) -> Self {
        let bare = || Self { fingerprint: hex::encode(kept.fingerprint), ..Self::default() };
        serde_json::from_str(&kept.payload).unwrap_or_else(|_| bare())
    }
}

/// Stands for one coming to rest of one row.
fn id(row: &Rest) -> String {
    let mut hash = Sha256::new();
    hash.update(&row.fingerprint);
    hash.update(row.round.to_be_bytes());
    hash.update(&row.state);
    hex::encode(&hash.finalize()[..16])
}

fn rfc3339(ms: i64) -> String {
    // Every moment inside the calendar of four-digit years can be written.
    from_ms(ms).format(&Rfc3339).unwrap_or_default()
}
