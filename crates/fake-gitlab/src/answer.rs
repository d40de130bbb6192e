//! Answers in GitLab's shape, and in that of what stands in front of it.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

pub(crate) struct Answer {
    status: StatusCode,
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), headers: Vec::new() }
    }

    pub(crate) fn created(body: Value) -> Self {
        Self { status: StatusCode::CREATED, ..Self::ok(body) }
    }

    /// With these headers too, which replace those that every answer has.
    pub(crate) fn with(mut self, headers: Vec<(&'static str, String)>) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, headers: Vec::new() }
    }

    /// What GitLab's API itself says: the status in words, and perhaps why.
    pub(crate) fn message(status: StatusCode, message: impl Into<Value>) -> Self {
        let message: Value = message.into();
        Self { status, body: Some(json!({ "message": message })), headers: Vec::new() }
    }

    /// What the library says that checks the API's parameters.
    pub(crate) fn error(status: StatusCode, error: &str) -> Self {
        Self { status, body: Some(json!({ "error": error })), headers: Vec::new() }
    }

    /// What the OAuth library in front of the API says of a token that it knows.
    pub(crate) fn invalid_token(description: &str) -> Self {
        let challenge = format!(
            r#"Bearer realm="Protected by OAuth 2.0", error="invalid_token", error_description="{description}""#
        );
        let body = json!({ "error": "invalid_token", "error_description": description });
        let headers = vec![("WWW-Authenticate", challenge)];
        Self { status: StatusCode::UNAUTHORIZED, body: Some(body), headers }
    }

    /// `wanted` are the scopes of which one would have done.
    pub(crate) fn insufficient_scope(wanted: &str) -> Self {
        let body = json!({
            "error": "insufficient_scope",
            "error_description":
                "The request requires higher privileges than provided by the access token.",
            "scope": wanted,
        });
        Self { status: StatusCode::FORBIDDEN, body: Some(body), headers: Vec::new() }
    }

    /// With the headers that every answer of GitLab has; `number` tells the answers apart.
    pub(crate) fn into_response(self, number: usize) -> HttpResponse {
        // As long as the ULIDs of GitLab.
        let id = format!("01FAKE{number:020}");
        let cache = match self.status {
            StatusCode::OK | StatusCode::CREATED => "max-age=0, private, must-revalidate",
            _ => "no-cache",
        };
        let mut response = with_proxys_headers(self.status);
        response
            .insert_header((header::CACHE_CONTROL, cache))
            .insert_header((header::VARY, "Origin"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::X_FRAME_OPTIONS, "SAMEORIGIN"))
            .insert_header(("Nel", r#"{"max_age": 0}"#))
            .insert_header((
                "X-Gitlab-Meta",
                json!({ "correlation_id": id, "version": "1" }).to_string(),
            ))
            .insert_header(("X-Request-Id", id))
            .insert_header(("X-Runtime", "0.021345"));
        for header in self.headers {
            response.insert_header(header);
        }
        match self.body {
            Some(body) => response.insert_header(ContentType::json()).body(body.to_string()),
            None => response.finish(),
        }
    }
}

fn with_proxys_headers(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::SERVER, "nginx"))
        .insert_header((header::REFERRER_POLICY, "strict-origin-when-cross-origin"))
        .insert_header((header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"));
    response
}

/// A status on command. A 429 is a plain text, as GitLab's rate limiter answers before its API is
/// reached; the others are what the API would say.
pub(crate) fn failure(status: u16, retry_after: Option<u64>, number: usize) -> HttpResponse {
    let status = status_of(status);
    let mut response = if status == StatusCode::TOO_MANY_REQUESTS {
        with_proxys_headers(status).insert_header(ContentType::plaintext()).body("Retry later\n")
    } else {
        let message = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("?"));
        Answer::message(status, message).into_response(number)
    };
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// A page for people.
pub(crate) fn html(status: u16) -> HttpResponse {
    let status = status_of(status);
    with_proxys_headers(status)
        .insert_header(ContentType::html())
        .body(format!("<html><head><title>{status}</title></head><body>{status}</body></html>\n"))
}

/// A proxy that wants a password of its own.
pub(crate) fn plain_unauthorized() -> HttpResponse {
    with_proxys_headers(StatusCode::UNAUTHORIZED)
        .insert_header((header::WWW_AUTHENTICATE, r#"Basic realm="internal""#))
        .insert_header(ContentType::plaintext())
        .body("Authorization Required\n")
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
