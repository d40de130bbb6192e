//! What an answer means.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName};
use serde::Deserialize;

use crate::Failure;

/// On every answer of GitLab's application, whatever its status; a proxy in front may drop it.
const GITLAB_META: HeaderName = HeaderName::from_static("x-gitlab-meta");

/// These 401s say that the token is good, but that it may only be used in another way
/// (GitLab's `lib/api/api_guard.rb`).
const MORE_THAN_A_TOKEN: [&str; 2] = ["dpop_error", "restricted_language_server_client_error"];

/// How GitLab begins to say that a token is dead for good (`lib/api/api_guard.rb`). What it says
/// otherwise with `invalid_token` may pass: that impersonation is switched off.
const DEAD: [&str; 2] = ["Token was revoked", "Token is expired"];

/// GitLab's two forms of saying no: `message` is Grape's, `error` is OAuth's or a validation's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    pub(crate) message: Option<serde_json::Value>,
    pub(crate) error: Option<String>,
    error_description: Option<serde_json::Value>,
}

impl Refusal {
    pub(crate) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_ref()?.as_str()
    }

    /// Whether GitLab wrote this: its application marks the answer, or the text begins with the
    /// status, as it does in GitLab's own messages and in few others.
    pub(crate) fn is_gitlabs(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let says = |text: Option<&str>| text.is_some_and(|t| t.starts_with(status.as_str()));
        let marked = headers.contains_key(GITLAB_META);
        let refuses = self.message.is_some() || self.error.is_some();
        (marked && refuses) || says(self.message()) || says(self.error.as_deref())
    }

    fn is_final(&self) -> bool {
        let said = self.error_description.as_ref().and_then(serde_json::Value::as_str);
        said.is_some_and(|said| DEAD.iter().any(|dead| said.starts_with(dead)))
    }
}

/// The meaning of an answer that is not the success that the call hoped for. `body` is empty for
/// the answers whose status alone decides.
pub(crate) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let refusal = Refusal::read(body);
    let strange = Failure::NotGitlab { status: status.as_u16() };
    if status == StatusCode::UNAUTHORIZED {
        return unauthorized(&refusal).unwrap_or(strange);
    }
    let insufficient = refusal.error.as_deref() == Some("insufficient_scope");
    if !refusal.is_gitlabs(status, headers) && !insufficient {
        return strange;
    }
    match status {
        StatusCode::BAD_REQUEST => Failure::BadRequest,
        StatusCode::FORBIDDEN => Failure::Forbidden,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Failure::NotFound,
        _ => strange,
    }
}

/// Taken word by word: these decide that a token is dead, and a proxy that asks for its own
/// password answers 401 as well.
fn unauthorized(refusal: &Refusal) -> Option<Failure> {
    match (refusal.error.as_deref(), refusal.message()) {
        (Some("invalid_token"), _) if refusal.is_final() => Some(Failure::InvalidToken),
        (Some("invalid_token"), _) => Some(Failure::Unusable),
        (Some(error), _) if MORE_THAN_A_TOKEN.contains(&error) => Some(Failure::Forbidden),
        (None, Some("401 Unauthorized")) => Some(Failure::Unauthorized),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(status: u16, marked: bool, body: &str) -> &'static str {
        let mut headers = HeaderMap::new();
        if marked {
            headers
                .insert(GITLAB_META, r#"{"correlation_id":"01","version":"1"}"#.parse().unwrap());
        }
        failure(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes()).code()
    }

    #[test]
    fn gitlabs_answers_are_told_apart() {
        for (status, body, code) in [
            (401, r#"{"error":"invalid_token","error_description":"…"}"#, "unusable"),
            (
                401,
                r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#,
                "invalid_token",
            ),
            (401, r#"{"message":"401 Unauthorized"}"#, "unauthorized"),
            (401, r#"{"error":"dpop_error","error_description":"…"}"#, "forbidden"),
            (400, r#"{"message":"400 Bad request"}"#, "bad_request"),
            (403, r#"{"message":"403 Forbidden - Your account has been blocked."}"#, "forbidden"),
            (403, r#"{"error":"insufficient_scope","scope":"api"}"#, "forbidden"),
            (404, r#"{"message":"404 Not found"}"#, "not_found"),
            (404, r#"{"error":"404 Not Found"}"#, "not_found"),
            (405, r#"{"error":"405 Not Allowed"}"#, "not_found"),
        ] {
            assert_eq!(meaning(status, false, body), code, "{body}");
            assert_eq!(meaning(status, true, body), code, "{body}");
        }
    }

    #[test]
    fn dead_is_told_from_unusable_for_now() {
        let failure = |description: &str| {
            let body = format!(r#"{{"error":"invalid_token","error_description":{description}}}"#);
            failure(StatusCode::UNAUTHORIZED, &HeaderMap::new(), body.as_bytes())
        };
        let revoked = r#""Token was revoked. You have to re-authorize from the user.""#;
        let expired = r#""Token is expired. You can either do re-authorization or token refresh.""#;
        assert_eq!(failure(revoked), Failure::InvalidToken);
        assert_eq!(failure(expired), Failure::InvalidToken);
        let off = r#""Token is an impersonation token but impersonation was disabled.""#;
        for other in [off, r#""""#, "null", "7", r#""The token was revoked""#] {
            assert_eq!(failure(other), Failure::Unusable, "{other}");
        }
    }

    #[test]
    fn some_are_known_by_their_mark_alone() {
        for (status, body, code) in [
            (400, r#"{"error":"id is invalid"}"#, "bad_request"),
            (400, r#"{"message":{"name":["is too long"]}}"#, "bad_request"),
            (403, r#"{"message":"no"}"#, "forbidden"),
        ] {
            assert_eq!(meaning(status, true, body), code, "{body}");
            assert_eq!(meaning(status, false, body), "not_gitlab", "{body}");
        }
    }

    #[test]
    fn what_others_say_proves_nothing() {
        for status in [200, 201, 302, 400, 401, 403, 404, 405, 409, 418, 422] {
            for body in [
                "",
                "{}",
                "[]",
                "null",
                r#""401 Unauthorized""#,
                "<html>401 Unauthorized</html>",
                r#"{"message":"Unauthorized"}"#,
                r#"{"message":"401 Unauthorized by the proxy"}"#,
                r#"{"message":"401 Unauthorized","error":"login_required"}"#,
                r#"{"error":"unauthorized"}"#,
                r#"{"error":{"message":"401 Unauthorized"}}"#,
                r#"{"message":"401 Unauthorized""#,
            ] {
                // On a 401 the mark does not help either: what is said decides.
                assert_eq!(meaning(status, status == 401, body), "not_gitlab", "{status} {body}");
            }
        }
    }
}
