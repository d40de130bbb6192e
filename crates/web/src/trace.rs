//! A span for each request, and problems for what actix itself refuses.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError as _, web};
use portcullis_base::{Randomness as _, SystemRandomness};
use tracing::Instrument as _;

use crate::Problem;

/// Logs one line for each request: method, pattern, status and time; never the query, a header or
/// the body. The answer carries the `X-Request-Id` of the line.
pub async fn trace(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let begun = Instant::now();
    let id = request_id();
    let span = tracing::info_span!("request", request.id = %id);
    let method = request.method().clone();
    let mut response = next.call(request).instrument(span.clone()).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    let route = response.request().match_pattern().unwrap_or_else(|| "-".to_owned());
    span.in_scope(|| {
        tracing::debug!(
            http.method = %method,
            http.route = route,
            http.status = response.status().as_u16(),
            http.us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
    });
    Ok(response)
}

fn request_id() -> String {
    let mut bytes = [0; 8];
    SystemRandomness.fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// Makes problems of the errors that actix answers before a handler of ours is reached.
pub fn answer_early_errors(config: &mut web::ServiceConfig) {
    config
        .app_data(web::QueryConfig::default().error_handler(|error, _| {
            let problem = Problem::bad_request("query", "the query cannot be read");
            InternalError::from_response(error, problem.error_response()).into()
        }))
        .app_data(web::PathConfig::default().error_handler(|error, _| {
            InternalError::from_response(error, Problem::not_found().error_response()).into()
        }));
}
