//! What is answered.

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, ResponseError as _};
use portcullis_web::Problem;

use super::caller::Caller;

const IDENTITY: HeaderName = HeaderName::from_static("x-auth-identity");
const EMAIL: HeaderName = HeaderName::from_static("x-auth-email");
const METHOD: HeaderName = HeaderName::from_static("x-auth-method");
const SCOPES: HeaderName = HeaderName::from_static("x-auth-scopes");
const GERRIT_ACCOUNT: HeaderName = HeaderName::from_static("x-auth-gerrit-account");
const GERRIT_CHANGE: HeaderName = HeaderName::from_static("x-auth-gerrit-change");
/// All of them, with what they tell.
pub(super) const TOLD: [(HeaderName, &str); 6] = [
    (IDENTITY, "Who is calling."),
    (EMAIL, "The address, where somebody vouches for it."),
    (METHOD, "How it was proven: `gerrit`, `pat` or `oidc`."),
    (SCOPES, "What the credential may do, separated by spaces."),
    (GERRIT_ACCOUNT, "The account at Gerrit."),
    (GERRIT_CHANGE, "The change at Gerrit."),
];
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The longest value that is told, in bytes: proxies have small buffers for headers.
const LONGEST: usize = 2048;

/// All six headers every time, empty where unknown, so that a proxy which copies them overwrites
/// whatever the client sent under these names.
pub(super) fn identity(caller: &Caller) -> Result<HttpResponse, Problem> {
    let mut answer = HttpResponse::new(StatusCode::OK);
    let headers = answer.headers_mut();
    headers.insert(IDENTITY, told(&caller.holder.owner)?);
    headers.insert(EMAIL, told(address(&caller.email)?)?);
    headers.insert(METHOD, HeaderValue::from_static(caller.method));
    headers.insert(SCOPES, told(&caller.holder.scopes.join(" "))?);
    headers.insert(GERRIT_ACCOUNT, told(&caller.gerrit_account)?);
    headers.insert(GERRIT_CHANGE, told(&caller.gerrit_change)?);
    headers.insert(CACHE_CONTROL, NO_STORE);
    Ok(answer)
}

/// A value as it is, or not at all: cut or cleaned it could be somebody else's. Spaces at its ends
/// would be lost on the way (RFC 9110, section 5.5).
fn told(value: &str) -> Result<HeaderValue, Problem> {
    let plain = value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    let whole = plain && value.trim_matches(' ') == value && value.len() <= LONGEST;
    let value = whole.then(|| HeaderValue::from_str(value).ok()).flatten();
    value.ok_or_else(unusable)
}

/// One `@` with something on both sides, and nothing that would make it two addresses.
fn address(email: &str) -> Result<&str, Problem> {
    let odd = |b: u8| !b.is_ascii_graphic() || b"\"(),:;<>@[\\]".contains(&b);
    let fits = |part: &str| !part.is_empty() && !part.bytes().any(odd);
    let is_one = email.rsplit_once('@').is_some_and(|(name, host)| fits(name) && fits(host));
    if email.is_empty() || is_one { Ok(email) } else { Err(unusable()) }
}

fn unusable() -> Problem {
    let detail = "the credential is good, and names somebody who cannot be told in a header";
    Problem::forbidden("unusable_identity", detail)
}

/// The 401, put together once and copied: a flood of forged tokens is answered by nothing else.
#[derive(Debug)]
pub(super) struct Refusal {
    headers: HeaderMap,
    body: Bytes,
}

impl Refusal {
    /// With these challenges.
    pub(super) fn new(challenges: &[&str]) -> Self {
        let (head, body) = Problem::unauthorized(challenges).error_response().into_parts();
        // A problem's body is a text, and never a stream.
        let body = body.try_into_bytes().unwrap_or_default();
        Self { headers: head.headers().clone(), body }
    }

    /// The answer.
    pub(super) fn response(&self) -> HttpResponse {
        let body = BoxBody::new(self.body.clone());
        let mut refusal = HttpResponse::with_body(StatusCode::UNAUTHORIZED, body);
        *refusal.headers_mut() = self.headers.clone();
        refusal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;

    #[actix_web::test]
    async fn the_copied_refusal_is_the_problem_itself() {
        let challenges = ["Basic realm=\"x\"", "Bearer realm=\"x\""];
        let refusal = Refusal::new(&challenges);
        let problem = Problem::unauthorized(&challenges).error_response();
        let lines = |response: &HttpResponse| {
            let lines = response.headers().iter().map(|(name, value)| format!("{name}: {value:?}"));
            lines.collect::<std::collections::BTreeSet<_>>()
        };
        for _ in 0..2 {
            let response = refusal.response();
            assert_eq!(response.status(), problem.status());
            assert_eq!(lines(&response), lines(&problem));
            let body = to_bytes(response.into_body()).await.unwrap();
            assert!(!body.is_empty());
            let again = Problem::unauthorized(&challenges).error_response();
            assert_eq!(body, to_bytes(again.into_body()).await.unwrap());
        }
    }

    #[test]
    fn a_value_is_told_whole_or_not_at_all() {
        for value in ["", "user:ann", "a b", "oidc:https://i.example#a/b:ref:main", "a\"b;c,d"] {
            assert_eq!(told(value).unwrap().as_bytes(), value.as_bytes());
        }
        let longest = "a".repeat(LONGEST);
        assert!(told(&longest).is_ok());
        for value in
            [" a", "a ", " ", "a\tb", "a\r\nb", "a\nb", "a\0b", "\u{7f}", "\u{e9}", "a\u{a0}b"]
        {
            assert_eq!(told(value).unwrap_err().code(), "unusable_identity", "{value:?}");
        }
        assert!(told(&(longest + "a")).is_err());
    }

    #[test]
    fn an_address_is_one() {
        for email in ["", "ann@example.com", "a.b+c%d@localhost", "o'x@e"] {
            assert_eq!(address(email).unwrap(), email);
        }
        for email in
            ["ann", "@", "ann@", "@e", "a@b@c", "a b@c", "a,b@c", "<a@b>", "a@b\n", "\u{e9}@b", " "]
        {
            assert!(address(email).is_err(), "{email:?}");
        }
    }
}
