//! What is told of PATs.

use portcullis_store::pats::Pat;
use serde::Serialize;
use utoipa::ToSchema;

use super::handlers::rfc3339;

/// A page of PATs.
#[derive(Serialize, ToSchema)]
#[schema(as = Pats)]
pub(super) struct Listed {
    pub(super) pats: Vec<Shown>,
    /// What `after` is for the next page; null where there is none.
    #[schema(required)]
    pub(super) next: Option<String>,
}

/// A personal access token.
#[derive(Serialize, ToSchema)]
#[schema(as = Pat)]
pub(super) struct Shown {
    /// A UUID; it stays the same when the token is regenerated.
    #[schema(format = "uuid")]
    id: String,
    name: String,
    /// The identity that the token speaks for.
    owner: String,
    description: String,
    scopes: Vec<String>,
    status: Status,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    /// To the minute.
    #[schema(required, format = DateTime)]
    last_used_at: Option<String>,
    #[schema(required, format = DateTime)]
    revoked_at: Option<String>,
    /// `reported`, `deleted` or `regenerated`.
    #[schema(required)]
    revoked_reason: Option<String>,
}

/// Whether a token is good.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PatStatus)]
enum Status {
    Active,
    Expired,
    Revoked,
}

/// The same with its token, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = PatWithToken)]
pub(super) struct WithToken {
    #[serde(flatten)]
    pat: Shown,
    token: String,
}

impl Shown {
    /// At this moment, in milliseconds since 1970.
    pub(super) fn new(pat: &Pat, now: i64) -> Self {
        let status = match pat.revoked_at {
            Some(_) => Status::Revoked,
            None if pat.expires_at <= now => Status::Expired,
            None => Status::Active,
        };
        Self {
            id: pat.id.clone(),
            name: pat.name.clone(),
            owner: pat.owner.clone(),
            description: pat.description.clone(),
            scopes: super::scopes(&pat.scopes),
            status,
            created_at: rfc3339(pat.created_at),
            expires_at: rfc3339(pat.expires_at),
            last_used_at: pat.last_used_at.map(rfc3339),
            revoked_at: pat.revoked_at.map(rfc3339),
            revoked_reason: pat.revoked_reason.clone(),
        }
    }

    /// With its token.
    pub(super) fn with(self, token: &portcullis_pat::Pat) -> WithToken {
        WithToken { pat: self, token: token.expose().to_owned() }
    }
}
