//! What an administrator's token can do about others (GitLab's `lib/api/admin/token.rb`).

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::sudo::Acting;
use crate::token::{Token, TokenKind, TokenState};
use crate::world::Contents;

/// By these GitLab knows the kind of a token, where no prefix of the instance is set.
const PREFIXES: [&str; 11] = [
    "gldt-",
    "glft-",
    "glpat-",
    "gloas-",
    "glagent-",
    "glrt-",
    "glptt-",
    "glcbt-",
    "glffct-",
    "_gitlab_session=",
    "glimt-",
];

/// What is done with the token that the body names.
pub(crate) enum Act {
    Identify,
    Revoke,
}

/// Answers what is asked about the token in `body`.
pub(crate) fn answer(
    world: &mut Contents,
    acting: &Acting,
    act: &Act,
    body: &[u8],
) -> Result<Answer, Answer> {
    acting.needs("api")?;
    acting.administers()?;
    Ok(about(world, act, body))
}

fn about(world: &mut Contents, act: &Act, body: &[u8]) -> Answer {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(named) = asked["token"].as_str() else {
        return Answer::error(StatusCode::BAD_REQUEST, "token is missing");
    };
    if matches!(act, Act::Revoke) && !world.admin_revocation {
        let off = "'api_admin_token_revoke' feature flag is disabled";
        return Answer::message(StatusCode::NOT_FOUND, off);
    }
    if !PREFIXES.iter().any(|prefix| named.starts_with(prefix)) {
        let unsupported = "Token type not supported.";
        return Answer::message(StatusCode::UNPROCESSABLE_ENTITY, unsupported);
    }
    let known =
        |token: &&mut Token| token.spec.kind.leaves_a_trace() || token.state != TokenState::Revoked;
    let Some(token) = world.tokens.get_mut(named).filter(known) else {
        return Answer::message(StatusCode::NOT_FOUND, json!({ "error": "Not found" }));
    };
    match act {
        Act::Identify => Answer::ok(describe(token, named)),
        Act::Revoke => {
            token.state = TokenState::Revoked;
            Answer::no_content()
        }
    }
}

/// Each kind in the words of its own.
fn describe(token: &Token, text: &str) -> Value {
    let (id, spec) = (token.id, &token.spec);
    let (revoked, expired) =
        (token.state == TokenState::Revoked, token.state == TokenState::Expired);
    match spec.kind {
        TokenKind::Personal | TokenKind::Impersonation => json!({
            "id": id,
            "name": spec.name,
            "revoked": revoked,
            "created_at": spec.created_at,
            "description": null,
            "scopes": spec.scopes,
            "user_id": spec.user_id,
            "last_used_at": spec.last_used_at,
            "active": !revoked && !expired,
            "expires_at": spec.expires_at,
            "impersonation": spec.kind == TokenKind::Impersonation,
        }),
        TokenKind::Deploy => json!({
            "id": id,
            "name": spec.name,
            "username": format!("gitlab+deploy-token-{id}"),
            "expires_at": spec.expires_at,
            "scopes": spec.scopes,
            "revoked": revoked,
            "expired": expired,
        }),
        TokenKind::Agent => json!({
            "id": id,
            "name": spec.name,
            "description": null,
            "agent_id": 5,
            "status": if revoked { "revoked" } else { "active" },
            "created_at": spec.created_at,
            "created_by_user_id": spec.user_id,
            "last_used_at": spec.last_used_at,
        }),
        TokenKind::Trigger => json!({
            "id": id,
            "token": text,
            "description": spec.name,
            "created_at": spec.created_at,
            "updated_at": spec.created_at,
            "last_used": spec.last_used_at,
            "owner": { "id": spec.user_id, "username": "someone", "state": "active" },
        }),
        TokenKind::Feed => json!({
            "id": spec.user_id,
            "username": "someone",
            "name": spec.name,
            "state": "active",
            "locked": false,
        }),
        TokenKind::Runner => json!({
            "id": id,
            "description": spec.name,
            "active": true,
            "paused": false,
            "is_shared": false,
            "runner_type": "project_type",
            "name": null,
            "online": true,
            "status": "online",
        }),
    }
}
