//! Every error that leaves the house: `application/problem+json` (RFC 9457) with a stable `code`.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use problem_details::ProblemDetails;
use serde::Serialize;
use serde_json::{Map, Value};

/// An error as a caller sees it. What went wrong inside is for the log, and never in here.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, String)>,
}

/// The stable code of a problem, among the extensions of the response that tells it: for those who count
/// and record what was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub &'static str);

impl Problem {
    /// Of any status.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// 400.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401 with one `WWW-Authenticate` for each challenge.
    pub fn unauthorized(challenges: &[&str]) -> Self {
        let problem =
            Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "no valid credential was given");
        challenges.iter().fold(problem, |problem, challenge| {
            problem.header(WWW_AUTHENTICATE, (*challenge).to_owned())
        })
    }

    /// 401 with a code of its own and one challenge.
    pub fn challenge(code: &'static str, detail: impl Into<String>, challenge: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
            .header(WWW_AUTHENTICATE, challenge.to_owned())
    }

    /// 403.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
    }

    /// 405 with `Allow`.
    pub fn method_not_allowed(allow: &str) -> Self {
        let detail = "this address does not take this method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            .header(ALLOW, allow.to_owned())
    }

    /// 413.
    pub fn too_large(limit: u64) -> Self {
        let detail = format!("the body is longer than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// 429 with `Retry-After`.
    pub fn too_many_requests(code: &'static str, wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, "too much at a time").retry_after(wait)
    }

    /// 503 with `Retry-After`.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "this cannot be done right now")
            .retry_after(Duration::from_secs(5))
    }

    /// 500: ours to mend; the log says more.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something failed on our side")
    }

    /// The same with a member more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// The same with the members of an object more.
    #[must_use]
    pub fn with_all(self, object: &impl Serialize) -> Self {
        // What is no object has no members; ours are written for this.
        let Ok(Value::Object(members)) = serde_json::to_value(object) else { return self };
        members.into_iter().fold(self, |problem, (name, value)| problem.with(&name, value))
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The same with `Retry-After` in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
        self.header(RETRY_AFTER, seconds.to_string())
    }

    fn header(mut self, name: HeaderName, value: String) -> Self {
        self.0.headers.push((name, value));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    // Actix's own would write `Display` into a plain body.
    fn error_response(&self) -> HttpResponse {
        let mut members = self.0.members.clone();
        members.insert("code".to_owned(), self.0.code.into());
        let status = http::StatusCode::from_u16(self.0.status.as_u16()).unwrap_or_default();
        let body = ProblemDetails::from_status_code(status)
            .with_detail(self.0.detail.clone())
            .with_extensions(members);
        let mut response = HttpResponse::build(self.0.status);
        response.extensions_mut().insert(Code(self.0.code));
        response.content_type("application/problem+json");
        response.insert_header((CACHE_CONTROL, "no-store"));
        for (name, value) in &self.0.headers {
            response.append_header((name.clone(), value.as_str()));
        }
        response.json(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;

    async fn body(problem: &Problem) -> Value {
        let bytes = to_bytes(problem.error_response().into_body()).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[actix_web::test]
    async fn it_is_problem_json_with_a_code() {
        let problem = Problem::bad_request("some_items_rejected", "two of three")
            .with("rejected_total", 2)
            .with("accepted", 1);
        let response = problem.error_response();
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
        assert_eq!(response.extensions().get(), Some(&Code("some_items_rejected")));
        let body = body(&problem).await;
        assert_eq!(body["code"], "some_items_rejected");
        assert_eq!(body["status"], 400);
        assert_eq!(body["title"], "Bad Request");
        assert_eq!(body["detail"], "two of three");
        assert_eq!(body["rejected_total"], 2);
    }

    #[actix_web::test]
    async fn waiting_is_said_in_whole_seconds_rounded_up() {
        for (wait, said) in [(0, "1"), (1, "1"), (999, "1"), (1000, "1"), (1001, "2")] {
            let problem = Problem::too_many_requests("slow_down", Duration::from_millis(wait));
            let response = problem.error_response();
            assert_eq!(response.headers().get("retry-after").unwrap(), said);
        }
    }

    #[actix_web::test]
    async fn every_challenge_is_a_header_of_its_own() {
        let response = Problem::unauthorized(&["Bearer", "Basic realm=\"x\""]).error_response();
        assert_eq!(response.headers().get_all("www-authenticate").count(), 2);
    }
}
