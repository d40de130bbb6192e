//! Impersonation tokens (GitLab's `lib/api/users.rb`). Whether their use is switched off changes none
//! of these calls: GitLab goes on making tokens that nobody can use.

use std::sync::Arc;

use actix_web::http::StatusCode;
use serde_json::{Value, json};
use time::{Date, Duration, Month};

use crate::answer::Answer;
use crate::call::{Call, Params};
use crate::chance;
use crate::pages::Page;
use crate::sudo::Acting;
use crate::token::{Token, TokenKind, TokenSpec, TokenState};
use crate::users;
use crate::world::Contents;

/// What a token for the API can be allowed.
pub(crate) const SCOPES: [&str; 20] = [
    "admin_mode",
    "ai_features",
    "api",
    "create_runner",
    "k8s_proxy",
    "manage_runner",
    "mcp",
    "read_api",
    "read_observability",
    "read_registry",
    "read_repository",
    "read_service_ping",
    "read_user",
    "read_virtual_registry",
    "self_rotate",
    "sudo",
    "write_observability",
    "write_registry",
    "write_repository",
    "write_virtual_registry",
];

const LONGEST_NAME: usize = 255;
const LONGEST_LIFE: Duration = Duration::days(365);

/// `…/users/:user_id/impersonation_tokens`.
pub(crate) fn of_user(
    world: &mut Contents,
    acting: &Acting,
    call: &Call,
    user: &str,
) -> Result<Answer, Answer> {
    if call.method == "POST" {
        acting.needs("api")?;
        acting.administers()?;
        create(world, call, user)
    } else {
        acting.needs("read_user api read_api")?;
        acting.administers()?;
        list(world, call, user)
    }
}

/// `…/users/:user_id/impersonation_tokens/:id`.
pub(crate) fn one(
    world: &mut Contents,
    acting: &Acting,
    call: &Call,
    user: &str,
    id: &str,
) -> Result<Answer, Answer> {
    let reads = call.method == "GET";
    acting.needs(if reads { "read_user api read_api" } else { "api" })?;
    acting.administers()?;
    let (user, id) = (number(user, "user_id")?, number(id, "impersonation_token_id")?);
    users::find(world, user)?;
    let missing = || Answer::message(StatusCode::NOT_FOUND, "404 Impersonation Token Not Found");
    let token = world.tokens.impersonation_mut(user, id).ok_or_else(missing)?;
    if reads {
        return Ok(Answer::ok(describe(token)));
    }
    // GitLab finds a revoked one as well, and revokes it again.
    token.state = TokenState::Revoked;
    Ok(Answer::no_content())
}

fn list(world: &Contents, call: &Call, user: &str) -> Result<Answer, Answer> {
    let user = number(user, "user_id")?;
    let page = Page::of(call)?;
    let state = call.query("state").unwrap_or("all");
    let fits: fn(&Token) -> bool = match state {
        "all" => |_| true,
        "active" => works,
        "inactive" => |token| !works(token),
        _ => return Err(bad("state does not have a valid value")),
    };
    users::find(world, user)?;
    let all: Vec<_> = world.tokens.impersonation(user).filter(|token| fits(token)).collect();
    let url = format!("{}/api/v4/users/{user}/impersonation_tokens", world.url);
    let params = [("state", state.to_owned()), ("user_id", user.to_string())];
    let headers = page.headers(all.len(), &url, &params);
    let shown: Vec<_> = page.cut(all).into_iter().map(describe).collect();
    Ok(Answer::ok(Value::from(shown)).with(headers))
}

fn create(world: &mut Contents, call: &Call, user: &str) -> Result<Answer, Answer> {
    let params = call.params()?;
    let user = number(user, "user_id")?;
    let Some(name) = params.text("name") else { return Err(bad("name is missing")) };
    let expires = match params.text("expires_at").as_deref() {
        None | Some("") => None,
        Some(text) => Some(date(text).ok_or_else(|| bad("expires_at is invalid"))?),
    };
    users::find(world, user)?;
    let wrong = complaints(&name, &params, expires);
    if wrong.as_object().is_some_and(|wrong| !wrong.is_empty()) {
        return Err(Answer::message(StatusCode::BAD_REQUEST, wrong));
    }
    let now = chance::now();
    // A token dies when its day begins, and one whose day has passed is made all the same.
    let dead = expires.is_some_and(|day| day <= now.date());
    let spec = TokenSpec {
        name,
        user_id: user,
        scopes: params.list("scopes"),
        state: if dead { TokenState::Expired } else { TokenState::Active },
        kind: TokenKind::Impersonation,
        admin: false,
        created_at: chance::stamp(now),
        expires_at: expires.map(|day| day.to_string()),
        last_used_at: None,
    };
    let token = world.tokens.add(&chance::routable_token(), &Arc::new(spec));
    let mut shown = describe(token);
    shown["description"] = params.text("description").into();
    shown["token"] = (*token.text).into();
    Ok(Answer::created(shown))
}

/// What the model would not save, by member.
fn complaints(name: &str, params: &Params, expires: Option<Date>) -> Value {
    let mut wrong = json!({});
    let scopes = params.list("scopes");
    if name.trim().is_empty() {
        wrong["name"] = json!(["can't be blank"]);
    } else if name.chars().count() > LONGEST_NAME {
        wrong["name"] = json!([format!("is too long (maximum is {LONGEST_NAME} characters)")]);
    }
    if scopes.is_empty() {
        wrong["scopes"] = json!(["can't be blank"]);
    } else if !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
        wrong["scopes"] = json!(["can only contain available scopes"]);
    }
    let latest = (chance::now() + LONGEST_LIFE).date();
    match expires {
        None => wrong["expires_at"] = json!(["can't be blank"]),
        Some(day) if day > latest => {
            wrong["expires_at"] = json!([format!("must be before {latest}")]);
        }
        Some(_) => {}
    }
    wrong
}

fn describe(token: &Token) -> Value {
    let spec = &token.spec;
    json!({
        "id": token.id,
        "name": spec.name,
        "revoked": token.state == TokenState::Revoked,
        "created_at": spec.created_at,
        "description": null,
        "scopes": spec.scopes,
        "user_id": spec.user_id,
        "last_used_at": spec.last_used_at,
        "active": works(token),
        "granular": false,
        "expires_at": spec.expires_at,
        "last_used_ips": [],
        "impersonation": true,
    })
}

/// GitLab looks at the token alone, not at its user.
fn works(token: &Token) -> bool {
    !matches!(token.state, TokenState::Revoked | TokenState::Expired)
}

fn number(text: &str, name: &str) -> Result<u64, Answer> {
    text.parse().map_err(|_| bad(&format!("{name} is invalid")))
}

fn bad(error: &str) -> Answer {
    Answer::error(StatusCode::BAD_REQUEST, error)
}

/// A day, written `YYYY-MM-DD`.
fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let month = Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    let day = parts.next()?.parse().ok()?;
    parts.next().is_none().then(|| Date::from_calendar_date(year, month, day).ok())?
}
