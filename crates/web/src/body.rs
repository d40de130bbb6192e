//! Bodies, bounded.

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{BytesMut, Payload};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use crate::Problem;

/// The length that the request announces, where it does.
pub fn announced_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a JSON body of at most `limit` bytes, whatever its Content-Type says. No answer repeats
/// any of it.
pub async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
) -> Result<T, Problem> {
    let too_large = || Problem::too_large(limit as u64);
    if announced_length(request).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("body", "the body broke off"))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| explain(&error))
}

/// Where and how it is wrong, without any of what is there: serde repeats values in some texts.
fn explain(error: &serde_json::Error) -> Problem {
    use serde_json::error::Category;
    let at = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Data => Problem::bad_request(
            "invalid_members",
            format!("a member is missing, unknown, or of another type than it should be ({at})"),
        ),
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::bad_request("invalid_json", format!("the body is not JSON ({at})"))
        }
    }
}
