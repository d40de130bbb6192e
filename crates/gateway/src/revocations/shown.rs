//! What is told of a reported secret: all but the secret.

use portcullis_revocation_api::RejectedItem;
use portcullis_store::ledger::{Attempt, Detail, KeptSighting, Revocation};
use portcullis_store::queue::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::pats::rfc3339;

/// A page of reported secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = Revocations)]
pub(super) struct Listed {
    pub(super) revocations: Vec<Row>,
    /// What `after` is for the next page; null where there is none.
    #[schema(required)]
    pub(super) next: Option<String>,
}

/// A reported secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Revocation)]
pub(super) struct Row {
    /// Its identity.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    fingerprint: String,
    /// The type under which it is handled.
    r#type: String,
    /// Who is asked to revoke it.
    provider: String,
    /// `revoke`, `approve`, `notify` or `dry-run`.
    mode: String,
    /// `pending` and `held` wait; all others are ends.
    #[schema(schema_with = super::docs::state)]
    state: String,
    /// Why it is in this state, a stable code.
    #[schema(required)]
    code: Option<String>,
    /// The same for people.
    #[schema(required)]
    reason: Option<String>,
    /// Of `inactive`: the provider knew the secret.
    confirmed: bool,
    /// What the provider told of the credential.
    #[schema(required, value_type = Value)]
    about: Option<Value>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it shall be dead.
    #[schema(format = DateTime)]
    due_at: String,
    /// For how many whole seconds it should have been dead. What waits for an operator is not late.
    #[schema(required)]
    overdue_seconds: Option<i64>,
    #[schema(required, format = DateTime)]
    next_attempt_at: Option<String>,
    #[schema(required, format = DateTime)]
    ended_at: Option<String>,
    /// Those of the present round.
    #[schema(minimum = 0)]
    attempts: i64,
    /// All of them, also those that are not kept in full.
    #[schema(minimum = 0)]
    sightings: i64,
}

/// The same with where it was seen and what was tried.
#[derive(Serialize, ToSchema)]
#[schema(as = RevocationInFull)]
pub(super) struct Whole {
    #[serde(flatten)]
    row: Row,
    sightings_kept: Vec<Sighting>,
    attempts_made: Vec<Made>,
}

/// Where, as what and by whom a secret was seen.
#[derive(Serialize, ToSchema)]
struct Sighting {
    /// The type that the reporter gave.
    r#type: String,
    reporter: String,
    #[schema(required)]
    location: Option<String>,
    /// How often.
    #[schema(minimum = 1)]
    times: i64,
    #[schema(format = DateTime)]
    first_seen_at: String,
    #[schema(format = DateTime)]
    last_seen_at: String,
}

/// An attempt to revoke a secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
struct Made {
    /// The number of the lease under which it was made.
    lease: i64,
    #[schema(format = DateTime)]
    at: String,
    outcome: String,
    #[schema(required)]
    code: Option<String>,
}

/// What became of an operator's report.
#[derive(Serialize, ToSchema)]
#[schema(as = Reported)]
pub(super) struct Outcome {
    /// Those that were taken, as they are now.
    pub(super) revocations: Vec<Indexed>,
    /// Those that were not.
    pub(super) rejected: Vec<RejectedItem>,
    /// How many had no token.
    pub(super) skipped: usize,
}

/// A reported secret by its place in the report.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportedRevocation)]
pub(super) struct Indexed {
    pub(super) index: usize,
    #[serde(flatten)]
    pub(super) row: Row,
}

impl Row {
    /// Of this row.
    pub(super) fn new(row: &Revocation) -> Self {
        let about = row.about.as_deref().and_then(|about| serde_json::from_str(about).ok());
        Self {
            fingerprint: hex::encode(&row.fingerprint),
            r#type: row.token_type.clone(),
            provider: row.provider.clone(),
            mode: row.mode.clone(),
            state: row.state.clone(),
            code: row.code.clone(),
            reason: row.reason.clone(),
            confirmed: row.confirmed,
            about,
            created_at: rfc3339(row.created_at),
            due_at: rfc3339(row.due_at),
            overdue_seconds: overdue(row),
            next_attempt_at: row.ended_at.is_none().then(|| rfc3339(row.run_at)),
            ended_at: row.ended_at.map(rfc3339),
            attempts: row.attempts,
            sightings: row.sightings,
        }
    }
}

/// For how many whole seconds it should have been dead. What waits for an operator is not late.
fn overdue(row: &Revocation) -> Option<i64> {
    let pending = row.state == State::Pending.as_str();
    Some(row.late / 1000).filter(|seconds| pending && *seconds > 0)
}

impl Whole {
    /// Of a row with all that is kept of it.
    pub(super) fn new(detail: &Detail) -> Self {
        Self {
            row: Row::new(&detail.revocation),
            sightings_kept: detail.sightings.iter().map(Sighting::new).collect(),
            attempts_made: detail.attempts.iter().map(Made::new).collect(),
        }
    }
}

impl Sighting {
    fn new(seen: &KeptSighting) -> Self {
        Self {
            r#type: seen.token_type.clone(),
            reporter: seen.reporter.clone(),
            location: seen.location.clone(),
            times: seen.times,
            first_seen_at: rfc3339(seen.first_seen_at),
            last_seen_at: rfc3339(seen.last_seen_at),
        }
    }
}

impl Made {
    fn new(attempt: &Attempt) -> Self {
        Self {
            lease: attempt.lease,
            at: rfc3339(attempt.at),
            outcome: attempt.outcome.clone(),
            code: attempt.code.clone(),
        }
    }
}
