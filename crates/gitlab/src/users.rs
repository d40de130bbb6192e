//! What an administrator does for a user: GitLab's impersonation tokens
//! (`doc/api/user_tokens.md`, `lib/api/users.rb`).

mod failure;
mod pages;
mod refusal;
mod told;

use std::fmt::Display;

use portcullis_base::secret::SecretString;
use reqwest::{Method, StatusCode};
use time::Date;
use url::Url;

pub use self::failure::UserFailure;
pub use self::pages::Page;
pub use self::told::{CreatedToken, ListedToken, User};
use crate::GitlabClient;
use crate::client::{body, body_up_to};
use crate::moment;

/// A hundred entries with the longest names, descriptions and lists of scopes stay below this.
const LONGEST_LIST: usize = 2 * 1024 * 1024;

/// In whose name the calls are made.
#[derive(Debug, Clone)]
pub struct Administrator {
    /// An administrator's token with the scope `api`; to act as another with `sudo` too, and where
    /// admin mode is on with `admin_mode`.
    pub token: SecretString,
    /// The user as whom tokens are made and revoked, by number or name, so that GitLab's audit
    /// names them. Must be an administrator as well: GitLab asks it of the one who acts in the end
    /// (`lib/api/helpers.rb`, `sudo!`). Where admin mode is on GitLab grants it to the token's owner
    /// alone, and so lets them act as nobody but themselves. Questions are always asked as the owner.
    pub sudo: Option<String>,
}

/// An impersonation token to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewImpersonationToken<'a> {
    /// Whose token it will be.
    pub user_id: u64,
    /// What it will be called; GitLab shows it to administrators.
    pub name: &'a str,
    /// What it may do.
    pub scopes: &'a [String],
    /// The day on which it expires at GitLab, in UTC.
    pub expires_at: Date,
}

impl GitlabClient {
    /// Makes an impersonation token: `POST /api/v4/users/:id/impersonation_tokens`. Only a 201 with
    /// an id and a usable token is one; after any other end ask
    /// [`UserFailure::may_have_happened`].
    ///
    /// A GitLab on which impersonation is switched off may still make one, and then refuses it
    /// wherever it is used ([`Failure::Unusable`](crate::Failure::Unusable)).
    pub async fn create_impersonation_token(
        &self,
        by: &Administrator,
        new: &NewImpersonationToken<'_>,
    ) -> Result<CreatedToken, UserFailure> {
        let url = acting(by, self.tokens_of(new.user_id));
        let expires_at = moment::written(new.expires_at);
        let mut form = vec![("name", new.name), ("expires_at", &expires_at)];
        form.extend(new.scopes.iter().map(|scope| ("scopes[]", scope.as_str())));
        let request = self.ask(Method::POST, &url, &by.token)?.form(&form);
        let response = self.send(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(response).await?;
        if status == StatusCode::CREATED {
            return told::created(&body).ok_or(strange(status));
        }
        Err(refusal::failure(status, &headers, &body, by.sudo.is_some()))
    }

    /// The impersonation tokens of a user that are neither revoked nor expired: `GET
    /// /api/v4/users/:id/impersonation_tokens?state=active`. Pages count from 1. A list that is
    /// shortened between two pages moves up: whoever revokes what is found must begin again at
    /// the first page to have seen all. A page with an entry that cannot be read is
    /// [`UserFailure::NotGitlab`] as a whole, so that nothing is hidden.
    pub async fn impersonation_tokens(
        &self,
        by: &Administrator,
        user_id: u64,
        page: u32,
    ) -> Result<Page<ListedToken>, UserFailure> {
        let mut url = self.tokens_of(user_id);
        url.set_query(Some(&format!("state=active&per_page={}&page={page}", pages::PER_PAGE)));
        let response = self.send(self.ask(Method::GET, &url, &by.token)?).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body_up_to(LONGEST_LIST, response).await?;
        if status == StatusCode::OK {
            let items = told::listed(&body).ok_or(strange(status))?;
            let next = pages::next(&headers, page, items.len()).map_err(|_| strange(status))?;
            return Ok(Page { items, next });
        }
        Err(refusal::failure(status, &headers, &body, false))
    }

    /// Revokes an impersonation token: `DELETE /api/v4/users/:id/impersonation_tokens/:token_id`.
    /// Only a 204 says that it is revoked; GitLab says it again of one that was before.
    pub async fn revoke_impersonation_token(
        &self,
        by: &Administrator,
        user_id: u64,
        token_id: u64,
    ) -> Result<(), UserFailure> {
        let url = acting(by, below(&self.tokens_of(user_id), token_id));
        let response = self.send(self.ask(Method::DELETE, &url, &by.token)?).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(response).await?;
        Err(refusal::failure(status, &headers, &body, by.sudo.is_some()))
    }

    /// Asks who a user is: `GET /api/v4/users/:id`.
    pub async fn user(&self, by: &Administrator, user_id: u64) -> Result<User, UserFailure> {
        let url = below(&self.users_url, user_id);
        let response = self.send(self.ask(Method::GET, &url, &by.token)?).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(response).await?;
        if status == StatusCode::OK {
            let user = told::user(&body).filter(|user| user.id == user_id);
            return user.ok_or(strange(status));
        }
        Err(refusal::failure(status, &headers, &body, false))
    }

    /// Asks who calls: `GET /api/v4/user`, as the user to act as where there is one. Whether they are an
    /// administrator GitLab tells those who are one alone.
    pub async fn current_user(&self, by: &Administrator) -> Result<User, UserFailure> {
        let url = acting(by, self.user_url.clone());
        let response = self.send(self.ask(Method::GET, &url, &by.token)?).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(response).await?;
        if status == StatusCode::OK {
            return told::user(&body).ok_or(strange(status));
        }
        Err(refusal::failure(status, &headers, &body, by.sudo.is_some()))
    }

    fn tokens_of(&self, user_id: u64) -> Url {
        below(&below(&self.users_url, user_id), "impersonation_tokens")
    }
}

fn below(url: &Url, name: impl Display) -> Url {
    let mut below = url.clone();
    below.set_path(&format!("{}/{name}", url.path()));
    below
}

fn acting(by: &Administrator, mut url: Url) -> Url {
    if let Some(sudo) = &by.sudo {
        url.query_pairs_mut().append_pair("sudo", sudo);
    }
    url
}

fn strange(status: StatusCode) -> UserFailure {
    UserFailure::NotGitlab { status: status.as_u16() }
}
