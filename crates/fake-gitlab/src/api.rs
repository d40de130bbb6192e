//! The API, as far as it goes.

use actix_web::http::{Method, StatusCode};
use serde_json::json;

use crate::admin::{self, Act};
use crate::answer::Answer;
use crate::token::{Token, TokenKind, TokenState};
use crate::world::Contents;

const SELF: &str = "/api/v4/personal_access_tokens/self";
const METADATA: &str = "/api/v4/metadata";
const ADMIN: &str = "/api/v4/admin/token";
const READING: &str = "api read_api";

/// Does what a request asks for. `path` is the one below GitLab's own root.
pub(crate) fn answer(
    world: &mut Contents,
    method: &Method,
    path: &str,
    token: Option<&str>,
    body: &[u8],
) -> Answer {
    let call: fn(&mut Token) -> Answer = match (method.as_str(), path) {
        ("GET", SELF) => show,
        ("DELETE", SELF) => revoke,
        ("GET", METADATA) => metadata,
        ("POST", ADMIN) => return admin::answer(world, &Act::Identify, token, body),
        ("DELETE", ADMIN) => return admin::answer(world, &Act::Revoke, token, body),
        _ => return Answer::message(StatusCode::NOT_FOUND, "404 Not found"),
    };
    caller(world, token).map_or_else(|refusal| refusal, call)
}

/// Whose token comes with a request, if it is one that may call at all.
pub(crate) fn caller<'a>(
    world: &'a mut Contents,
    token: Option<&str>,
) -> Result<&'a mut Token, Answer> {
    let known = token.and_then(|token| world.tokens.get_mut(token));
    let Some(token) = known.filter(|token| token.spec.kind.speaks()) else {
        return Err(Answer::message(StatusCode::UNAUTHORIZED, "401 Unauthorized"));
    };
    let asleep = world.impersonation_off && token.spec.kind == TokenKind::Impersonation;
    match refusal(token) {
        Some(refusal) => Err(refusal),
        None if asleep => Err(Answer::invalid_token(
            "Token is an impersonation token but impersonation was disabled.",
        )),
        None => Ok(token),
    }
}

/// What comes before any call.
fn refusal(token: &Token) -> Option<Answer> {
    let answer = match token.state {
        // What a lack of scopes keeps it from is each call's own affair.
        TokenState::Active | TokenState::InsufficientScope => return None,
        TokenState::Revoked => {
            Answer::invalid_token("Token was revoked. You have to re-authorize from the user.")
        }
        TokenState::Expired => Answer::invalid_token(
            "Token is expired. You can either do re-authorization or token refresh.",
        ),
        TokenState::Blocked => {
            Answer::message(StatusCode::FORBIDDEN, "403 Forbidden - Your account has been blocked.")
        }
    };
    Some(answer)
}

fn show(token: &mut Token) -> Answer {
    if token.state == TokenState::InsufficientScope {
        return Answer::insufficient_scope(READING);
    }
    let spec = &token.spec;
    Answer::ok(json!({
        "id": token.id,
        "name": spec.name,
        "revoked": false,
        "created_at": spec.created_at,
        "description": null,
        "scopes": spec.scopes,
        "user_id": spec.user_id,
        "last_used_at": spec.last_used_at,
        "active": true,
        "granular": false,
        "expires_at": spec.expires_at,
        "last_used_ips": ["127.0.0.1"],
    }))
}

fn revoke(token: &mut Token) -> Answer {
    match token.spec.kind {
        TokenKind::Personal => {
            token.state = TokenState::Revoked;
            Answer::no_content()
        }
        // The others do not get as far as this.
        _ => Answer::message(StatusCode::BAD_REQUEST, "400 Bad request"),
    }
}

fn metadata(token: &mut Token) -> Answer {
    if token.state == TokenState::InsufficientScope {
        return Answer::insufficient_scope(READING);
    }
    Answer::ok(json!({
        "version": "18.11.5-ee",
        "revision": "0fa4e000000",
        "kas": {
            "enabled": false,
            "externalUrl": null,
            "externalK8sProxyUrl": null,
            "version": null,
        },
        "enterprise": true,
    }))
}
