//! The endpoints as the OpenAPI document has them.

use portcullis_web::Docs;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// A token that was lent.
#[derive(Serialize, ToSchema)]
#[schema(as = LentToken)]
pub(super) struct Lent<'a> {
    /// A GitLab token of the job's user.
    pub(super) token: &'a str,
    pub(super) scopes: &'a [String],
    #[schema(minimum = 1)]
    pub(super) user_id: u64,
    #[schema(required)]
    pub(super) user_login: Option<&'a str>,
    #[schema(minimum = 1)]
    pub(super) lifetime_seconds: u64,
    /// When it is revoked.
    #[schema(required, format = DateTime)]
    pub(super) expires_at: Option<String>,
}

fn docs() -> Docs {
    Docs::new("Tokens of CI jobs")
        .problem(403, &["claim"])
        .problem(429, &["rate_limited"])
        .problem(502, &["issuer_unavailable"])
        .asks_database()
}

pub(super) fn issue() -> Docs {
    let about = "The token comes as plain text, or as JSON where `Accept` asks for it. `HEAD` is refused with \
                 405, so that nothing is lent by accident.";
    let text = json!({ "type": "string", "minLength": 1 });
    let seconds = json!({ "type": "string", "pattern": "^[1-9][0-9]{0,8}$" });
    docs()
        .about(about)
        .query(
            "scopes",
            text.clone(),
            "Fewer scopes than the rules give, separated by commas or spaces.",
        )
        .query("ttl", seconds, "Fewer seconds than the rules give.")
        .answers_as(200, "text/plain", text, "The token.")
        .answers_json::<Lent<'_>>(200, "The token.")
        .not_stored(200)
        .problem(400, &["invalid_query", "invalid_scopes", "invalid_ttl"])
        .problem(401, &["used"])
        .problem(403, &["administrator", "fork", "fork_unknown", "no_rule"])
        .problem(403, &["scope_not_granted", "ttl_not_granted"])
        .problem(429, &["gitlab_busy"])
        .problem(502, &["gitlab_refused", "gitlab_unavailable"])
        .problem(503, &["paused"])
        .problem(504, &["gitlab_timeout"])
}

pub(super) fn end() -> Docs {
    docs().answers(204, "Nothing that this job was given lives on, or will in a moment.")
}
