//! Who a call counts as: the token's user, or another one at an administrator's word (GitLab's
//! `lib/api/helpers.rb`).

use actix_web::http::StatusCode;

use crate::answer::Answer;
use crate::api::caller;
use crate::call::Call;
use crate::token::TokenState;
use crate::users::UserSpec;
use crate::world::Contents;

/// Whom a call is made as.
pub(crate) struct Acting {
    pub(crate) user: u64,
    pub(crate) admin: bool,
    /// What its token may; `None` for another user's stead, whose scopes nobody asks for.
    scopes: Option<Vec<String>>,
}

impl Acting {
    /// Whoever calls, if the token may call at all.
    pub(crate) fn of(world: &mut Contents, call: &Call) -> Result<Self, Answer> {
        let token = caller(world, call.token.as_deref())?;
        let weak = token.state == TokenState::InsufficientScope;
        let scopes = if weak { Vec::new() } else { token.spec.scopes.clone() };
        let (user, admin) = (token.spec.user_id, token.spec.admin);
        let admin = admin || world.users.get(&user).is_some_and(|user| user.admin);
        let Some(name) = &call.sudo else {
            return Ok(Self { user, admin, scopes: Some(scopes) });
        };
        if !admin {
            let refused = "403 Forbidden - Must be admin to use sudo";
            return Err(Answer::message(StatusCode::FORBIDDEN, refused));
        }
        if !scopes.iter().any(|scope| scope == "sudo") {
            return Err(Answer::insufficient_scope("sudo"));
        }
        let Some(other) = find(world, name) else {
            let missing = format!("404 User with ID or username '{name}' Not Found");
            return Err(Answer::message(StatusCode::NOT_FOUND, missing));
        };
        if other.id == user {
            return Ok(Self { user, admin, scopes: Some(scopes) });
        }
        Ok(Self { user: other.id, admin: other.admin, scopes: None })
    }

    /// Refuses a token without any of these scopes.
    pub(crate) fn needs(&self, wanted: &str) -> Result<(), Answer> {
        let fits = |scope: &String| wanted.split(' ').any(|wanted| wanted == scope);
        match &self.scopes {
            Some(scopes) if !scopes.iter().any(fits) => Err(Answer::insufficient_scope(wanted)),
            _ => Ok(()),
        }
    }

    /// Refuses whoever is no administrator.
    pub(crate) fn administers(&self) -> Result<(), Answer> {
        if self.admin {
            Ok(())
        } else {
            Err(Answer::message(StatusCode::FORBIDDEN, "403 Forbidden"))
        }
    }
}

/// By number, or by name in any case.
fn find<'a>(world: &'a Contents, name: &str) -> Option<&'a UserSpec> {
    if let Ok(id) = name.parse() {
        return world.users.get(&id);
    }
    world.users.values().find(|user| user.username.eq_ignore_ascii_case(name))
}
