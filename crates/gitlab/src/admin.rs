//! What an administrator's token can do about any other: GitLab's token information API
//! (`doc/api/admin/token.md`, `lib/api/admin/token.rb`).

mod failure;
mod identified;

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

pub use self::failure::AdminFailure;
pub use self::identified::Identified;
use crate::GitlabClient;
use crate::answer::{self, Refusal};
use crate::client::body;

/// The flag without which nothing is revoked; GitLab names it when it is off.
const FLAG: &str = "api_admin_token_revoke";

impl GitlabClient {
    /// Asks what `token` is: `POST /api/v4/admin/token`, in the name of `admin`. Of any kind that
    /// this GitLab can tell by its prefix; nothing changes.
    pub async fn identify_token(
        &self,
        admin: &SecretString,
        token: &SecretString,
    ) -> Result<Identified, AdminFailure> {
        let response = self.about(Method::POST, admin, token).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(response).await?;
        if status == StatusCode::OK {
            let strange = AdminFailure::NotGitlab { status: status.as_u16() };
            return Identified::read(&body).ok_or(strange);
        }
        Err(failure(status, &headers, &body))
    }

    /// Has `token` revoked, reset or deleted, whichever its kind knows: `DELETE
    /// /api/v4/admin/token`, in the name of `admin`. Only a 204 says that it was.
    pub async fn revoke_token(
        &self,
        admin: &SecretString,
        token: &SecretString,
    ) -> Result<(), AdminFailure> {
        let response = self.about(Method::DELETE, admin, token).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        Err(failure(status, &headers, &body(response).await?))
    }

    async fn about(
        &self,
        method: Method,
        admin: &SecretString,
        token: &SecretString,
    ) -> Result<Response, AdminFailure> {
        let request = self.ask(method, &self.admin_url, admin)?;
        let request = request.json(&json!({ "token": token.expose_secret() }));
        Ok(self.send(request).await?)
    }
}

/// These calls say some things in words of their own, without the status in front; so they are
/// taken word by word, or with GitLab's mark.
fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> AdminFailure {
    let refusal = Refusal::read(body);
    let says = |text: &str| refusal.message().is_some_and(|message| message.contains(text));
    match status {
        StatusCode::NOT_FOUND if refusal.message == Some(not_found()) => AdminFailure::UnknownToken,
        StatusCode::NOT_FOUND if says(FLAG) => AdminFailure::SwitchedOff,
        StatusCode::UNPROCESSABLE_ENTITY
            if says("Token type not supported") || refusal.is_gitlabs(status, headers) =>
        {
            AdminFailure::UnknownKind
        }
        _ => answer::failure(status, headers, body).into(),
    }
}

fn not_found() -> Value {
    json!({ "error": "Not found" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(status: u16, marked: bool, body: &str) -> &'static str {
        let mut headers = HeaderMap::new();
        if marked {
            headers.insert("x-gitlab-meta", "{}".parse().unwrap());
        }
        failure(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes()).code()
    }

    #[test]
    fn each_404_is_told_from_the_others() {
        for (body, code) in [
            (r#"{"message":{"error":"Not found"}}"#, "unknown_token"),
            (r#"{"message":"'api_admin_token_revoke' feature flag is disabled"}"#, "admin_api_off"),
            (r#"{"message":"404 Not Found"}"#, "admin_api_missing"),
            (r#"{"error":"404 Not Found"}"#, "admin_api_missing"),
        ] {
            assert_eq!(meaning(404, true, body), code, "{body}");
            assert_eq!(meaning(404, false, body), code, "{body}");
        }
    }

    #[test]
    fn a_401_is_about_the_administrators_token_whatever_it_says() {
        for body in [
            r#"{"error":"invalid_token","error_description":"Token was revoked. …"}"#,
            r#"{"error":"invalid_token","error_description":"Token is expired. …"}"#,
            r#"{"error":"invalid_token"}"#,
            r#"{"message":"401 Unauthorized"}"#,
        ] {
            assert_eq!(meaning(401, true, body), "admin_token_refused", "{body}");
        }
        assert_eq!(meaning(401, true, "Authorization Required"), "not_gitlab");
    }

    #[test]
    fn the_other_refusals() {
        for (status, body, code) in [
            (403, r#"{"message":"403 Forbidden"}"#, "admin_token_forbidden"),
            (403, r#"{"error":"insufficient_scope","scope":"api"}"#, "admin_token_forbidden"),
            (405, r#"{"error":"405 Not Allowed"}"#, "admin_api_missing"),
            (422, r#"{"message":"Token type not supported."}"#, "unknown_kind"),
        ] {
            assert_eq!(meaning(status, false, body), code, "{body}");
        }
        assert_eq!(meaning(400, true, r#"{"message":{"error":"no"}}"#), "not_revoked");
        assert_eq!(meaning(400, true, r#"{"error":"token is missing"}"#), "not_revoked");
        for (status, body) in [
            (400, r#"{"message":{"error":"no"}}"#),
            (404, r#"{"message":{"error":"Not here"}}"#),
            (404, r#"{"message":"no such page"}"#),
            (422, r#"{"message":"no"}"#),
            (422, "<html>"),
            (201, r#"{"message":{"error":"Not found"}}"#),
        ] {
            assert_eq!(meaning(status, false, body), "not_gitlab", "{status} {body}");
        }
    }
}
