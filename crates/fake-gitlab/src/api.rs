//! The API, as far as it goes.

use actix_web::http::StatusCode;
use serde_json::json;

use crate::admin::{self, Act};
use crate::answer::Answer;
use crate::call::Call;
use crate::sudo::Acting;
use crate::token::{Token, TokenKind, TokenState};
use crate::world::Contents;
use crate::{impersonation, oidc, users};

const API: &str = "/api/v4/";
const READING: &str = "api read_api";

/// Does what a request asks for.
pub(crate) fn answer(world: &mut Contents, call: &Call) -> Answer {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", oidc::DISCOVERY) => return oidc::discovery(world),
        ("GET", oidc::KEYS) => return oidc::keys(world),
        _ => {}
    }
    let below = call.path.strip_prefix(API).unwrap_or_default();
    let parts: Vec<_> = below.split('/').collect();
    if methods(&parts).contains(&call.method.as_str()) {
        answer_known(world, call, &parts).unwrap_or_else(|refusal| refusal)
    } else {
        Answer::message(StatusCode::NOT_FOUND, "404 Not found")
    }
}

/// What can be done at a path.
fn methods(parts: &[&str]) -> &'static [&'static str] {
    match parts {
        ["metadata" | "user"] | ["users", _] => &["GET"],
        ["users", _, "impersonation_tokens"] => &["GET", "POST"],
        ["personal_access_tokens", "self"] | ["users", _, "impersonation_tokens", _] => {
            &["GET", "DELETE"]
        }
        ["admin", "token"] => &["POST", "DELETE"],
        _ => &[],
    }
}

fn answer_known(world: &mut Contents, call: &Call, parts: &[&str]) -> Result<Answer, Answer> {
    let acting = Acting::of(world, call)?;
    let act = if call.method == "DELETE" { Act::Revoke } else { Act::Identify };
    match *parts {
        ["users", user, _] => impersonation::of_user(world, &acting, call, user),
        ["users", user, _, id] => impersonation::one(world, &acting, call, user, id),
        ["users", user] => users::show(world, &acting, user),
        ["user"] => users::myself(world, &acting),
        ["admin", ..] => admin::answer(world, &acting, &act, &call.body),
        ["metadata"] => Ok(metadata(caller(world, call.token.as_deref())?)),
        _ if call.method == "DELETE" => Ok(revoke(caller(world, call.token.as_deref())?)),
        _ => Ok(show(caller(world, call.token.as_deref())?)),
    }
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
    let blocked = world.users.get(&token.spec.user_id).is_some_and(|user| user.blocked);
    let asleep = world.impersonation_off && token.spec.kind == TokenKind::Impersonation;
    match refusal(token) {
        Some(refusal) => Err(refusal),
        None if asleep => Err(Answer::invalid_token(
            "Token is an impersonation token but impersonation was disabled.",
        )),
        None if blocked => Err(blocked_user()),
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
        TokenState::Blocked => blocked_user(),
    };
    Some(answer)
}

fn blocked_user() -> Answer {
    Answer::message(StatusCode::FORBIDDEN, "403 Forbidden - Your account has been blocked.")
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
