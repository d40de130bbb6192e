//! What GitLab's no to a call about a user means.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::UserFailure;
use crate::answer::{self, Refusal};

/// What GitLab can complain about in a new token, by the names of the request.
const FIELDS: [&str; 3] = ["name", "scopes", "expires_at"];

/// `sudo`: the call was made as somebody else. The 404s of users and tokens are taken word by word:
/// they say that a token is gone.
pub(super) fn failure(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    sudo: bool,
) -> UserFailure {
    let refusal = Refusal::read(body);
    if status == StatusCode::NOT_FOUND {
        match refusal.message() {
            Some("404 User Not Found") => return UserFailure::UnknownUser,
            Some("404 Impersonation Token Not Found") => return UserFailure::UnknownToken,
            Some(message) if sudo && names_nobody(message) => return UserFailure::UnknownSudo,
            _ => {}
        }
    }
    match answer::failure(status, headers, body).into() {
        UserFailure::Invalid { .. } => UserFailure::Invalid { fields: complaints(&refusal) },
        other => other,
    }
}

/// `lib/api/helpers.rb`, `sudo!`.
fn names_nobody(message: &str) -> bool {
    message.starts_with("404 User with ID or username '") && message.ends_with("' Not Found")
}

/// A model's complaints are an object of texts by field; those about parameters are one text,
/// `name is missing, expires_at is invalid`.
fn complaints(refusal: &Refusal) -> Vec<&'static str> {
    let model = refusal.message.as_ref().and_then(serde_json::Value::as_object);
    let parameters = refusal.error.as_deref().unwrap_or_default();
    let complained = |field: &&str| {
        model.is_some_and(|model| model.contains_key(*field))
            || parameters.split(", ").any(|one| one.split([' ', '[']).next() == Some(*field))
    };
    FIELDS.into_iter().filter(complained).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: u16, marked: bool, sudo: bool, body: &str) -> UserFailure {
        let mut headers = HeaderMap::new();
        if marked {
            headers.insert("x-gitlab-meta", "{}".parse().unwrap());
        }
        failure(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), sudo)
    }

    #[test]
    fn each_404_is_told_from_the_others() {
        let nobody = r#"{"message":"404 User with ID or username 'token-issuer' Not Found"}"#;
        for (body, sudo, code) in [
            (r#"{"message":"404 User Not Found"}"#, true, "unknown_user"),
            (r#"{"message":"404 User Not Found"}"#, false, "unknown_user"),
            (r#"{"message":"404 Impersonation Token Not Found"}"#, true, "unknown_token"),
            (nobody, true, "unknown_sudo_user"),
            (nobody, false, "user_api_missing"),
            (r#"{"message":"404 Not Found"}"#, true, "user_api_missing"),
            (r#"{"error":"404 Not Found"}"#, true, "user_api_missing"),
            (r#"{"message":"404 User Not Found here"}"#, true, "user_api_missing"),
        ] {
            for marked in [true, false] {
                assert_eq!(failed(404, marked, sudo, body).code(), code, "{body}");
            }
        }
        assert_eq!(
            failed(405, false, true, r#"{"error":"405 Not Allowed"}"#).code(),
            "user_api_missing"
        );
    }

    #[test]
    fn a_401_and_a_403_are_about_the_administrators_token() {
        for (status, body, code) in [
            (401, r#"{"message":"401 Unauthorized"}"#, "admin_token_refused"),
            (
                401,
                r#"{"error":"invalid_token","error_description":"Token was revoked. …"}"#,
                "admin_token_refused",
            ),
            (401, r#"{"error":"invalid_token"}"#, "admin_token_refused"),
            (401, r#"{"error":"dpop_error"}"#, "admin_token_forbidden"),
            (403, r#"{"message":"403 Forbidden"}"#, "admin_token_forbidden"),
            (
                403,
                r#"{"message":"403 Forbidden - Must be admin to use sudo"}"#,
                "admin_token_forbidden",
            ),
            (403, r#"{"error":"insufficient_scope","scope":"sudo"}"#, "admin_token_forbidden"),
        ] {
            assert_eq!(failed(status, false, true, body).code(), code, "{body}");
        }
    }

    #[test]
    fn a_400_names_the_fields_and_never_the_texts() {
        for (body, fields) in [
            (r#"{"message":{"scopes":["can only contain available scopes"]}}"#, vec!["scopes"]),
            (
                r#"{"message":{"expires_at":["SECRET"],"name":["is too long"],"base":["SECRET"]}}"#,
                vec!["name", "expires_at"],
            ),
            (r#"{"message":{"token":["SECRET"],"user":["is blocked"]}}"#, vec![]),
            (r#"{"error":"name is missing"}"#, vec!["name"]),
            (r#"{"error":"expires_at is invalid, name is missing"}"#, vec!["name", "expires_at"]),
            (r#"{"error":"scopes[0] is invalid"}"#, vec!["scopes"]),
            (r#"{"error":"user_id is invalid for that name"}"#, vec![]),
            (r#"{"message":"400 Bad request - SECRET"}"#, vec![]),
        ] {
            let failure = failed(400, true, false, body);
            assert_eq!(failure, UserFailure::Invalid { fields: fields.clone() }, "{body}");
            let told = format!("{failure} {failure:?}");
            assert!(!told.contains("SECRET"), "{told}");
            assert!(fields.iter().all(|field| failure.to_string().contains(field)), "{told}");
        }
    }

    #[test]
    fn what_others_say_proves_nothing() {
        for status in [200, 201, 202, 302, 400, 401, 403, 404, 405, 409, 412, 418, 422] {
            for body in [
                "",
                "{}",
                "[]",
                "<html>404 User Not Found</html>",
                r#""404 User Not Found""#,
                r#"{"message":"User Not Found"}"#,
                r#"{"message":{"404 User Not Found":[]}}"#,
                r#"{"message":"no such page"}"#,
                r#"{"error":"scopes is invalid"}"#,
                r#"{"message":"404 User Not Found""#,
            ] {
                let failure = failed(status, false, true, body);
                assert_eq!(failure, UserFailure::NotGitlab { status }, "{body}");
                assert!(failure.may_have_happened());
            }
        }
        let elsewhere = failed(200, true, true, r#"{"message":"404 User Not Found"}"#);
        assert_eq!(elsewhere, UserFailure::NotGitlab { status: 200 });
    }

    #[test]
    fn what_gitlab_refuses_has_not_happened() {
        for (status, body) in [
            (400, r#"{"error":"name is missing"}"#),
            (401, r#"{"message":"401 Unauthorized"}"#),
            (403, r#"{"message":"403 Forbidden"}"#),
            (404, r#"{"message":"404 User Not Found"}"#),
            (404, r#"{"message":"404 Impersonation Token Not Found"}"#),
            (404, r#"{"message":"404 User with ID or username 'x' Not Found"}"#),
            (404, r#"{"error":"404 Not Found"}"#),
        ] {
            assert!(!failed(status, true, true, body).may_have_happened(), "{body}");
        }
    }
}
