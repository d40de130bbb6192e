//! The users (GitLab's `lib/api/users.rb` and its entities).

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::sudo::Acting;
use crate::world::Contents;

const SINCE: &str = "2026-01-05T09:00:00.000Z";

/// What is known of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSpec {
    /// The number.
    pub id: u64,
    /// The login name.
    pub username: String,
    /// The name for people.
    pub name: String,
    /// Whether an administrator.
    pub admin: bool,
    /// Whether blocked: no token of a blocked user works.
    pub blocked: bool,
    /// Whether made by GitLab for a project, a group or a service.
    pub bot: bool,
}

impl Default for UserSpec {
    /// User 2, `sample-user`, an ordinary one.
    fn default() -> Self {
        Self { username: "sample-user".to_owned(), ..Self::ordinary(2) }
    }
}

impl UserSpec {
    /// One of whom only the number is known.
    pub(crate) fn ordinary(id: u64) -> Self {
        Self {
            id,
            username: format!("user-{id}"),
            name: format!("User {id}"),
            admin: false,
            blocked: false,
            bot: false,
        }
    }
}

/// The administrator `root`, number 1, and `sample-user`, number 2.
pub(crate) fn at_first() -> BTreeMap<u64, UserSpec> {
    let root = UserSpec {
        username: "root".to_owned(),
        name: "Administrator".to_owned(),
        admin: true,
        ..UserSpec::ordinary(1)
    };
    [root, UserSpec::default()].into_iter().map(|user| (user.id, user)).collect()
}

/// The user with this number, or GitLab's word that there is none.
pub(crate) fn find(world: &Contents, id: u64) -> Result<&UserSpec, Answer> {
    let missing = || Answer::message(StatusCode::NOT_FOUND, "404 User Not Found");
    world.users.get(&id).ok_or_else(missing)
}

/// `GET /users/:id`.
pub(crate) fn show(world: &Contents, acting: &Acting, id: &str) -> Result<Answer, Answer> {
    acting.needs("read_user api read_api")?;
    let Ok(id) = id.parse() else {
        return Err(Answer::error(StatusCode::BAD_REQUEST, "id is invalid"));
    };
    let user = find(world, id)?;
    let mut shown = profile(world, user);
    if acting.admin {
        merge(&mut shown, private(user));
        merge(
            &mut shown,
            json!({ "is_admin": user.admin, "note": "", "namespace_id": user.id + 4 }),
        );
    }
    Ok(Answer::ok(shown))
}

/// `GET /user`.
pub(crate) fn myself(world: &Contents, acting: &Acting) -> Result<Answer, Answer> {
    acting.needs("read_user api read_api")?;
    let user = find(world, acting.user)?;
    let mut shown = profile(world, user);
    merge(&mut shown, private(user));
    if acting.admin {
        merge(&mut shown, json!({ "is_admin": true, "note": "" }));
    }
    Ok(Answer::ok(shown))
}

/// What everybody may see.
fn profile(world: &Contents, user: &UserSpec) -> Value {
    json!({
        "id": user.id,
        "username": user.username,
        "public_email": null,
        "name": user.name,
        "state": if user.blocked { "blocked" } else { "active" },
        "locked": false,
        "avatar_url": null,
        "web_url": format!("{}/{}", world.url, user.username),
        "created_at": SINCE,
        "bio": "",
        "location": "",
        "linkedin": "",
        "twitter": "",
        "discord": "",
        "website_url": "",
        "github": "",
        "job_title": "",
        "pronouns": null,
        "organization": "",
        "bot": user.bot,
        "work_information": null,
        "local_time": null,
    })
}

/// What only the user and administrators may see.
fn private(user: &UserSpec) -> Value {
    let email = format!("{}@example.com", user.username);
    json!({
        "last_sign_in_at": null,
        "confirmed_at": SINCE,
        "last_activity_on": "2026-01-06",
        "email": email,
        "theme_id": 3,
        "color_scheme_id": 1,
        "projects_limit": 0,
        "current_sign_in_at": null,
        "identities": [],
        "can_create_group": false,
        "can_create_project": false,
        "two_factor_enabled": false,
        "external": false,
        "private_profile": false,
        "commit_email": email,
        "preferred_language": "en",
        "shared_runners_minutes_limit": null,
        "extra_shared_runners_minutes_limit": null,
        "scim_identities": [],
    })
}

fn merge(shown: &mut Value, more: Value) {
    if let (Value::Object(shown), Value::Object(more)) = (shown, more) {
        shown.extend(more);
    }
}
