//! A span for each request, and problems for what actix itself refuses.

use std::cell::RefCell;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, JsonPayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, ResponseError as _, web};
use portcullis_base::{Randomness as _, SystemRandomness};
use tracing::Instrument as _;

use crate::activity::UnderWay;
use crate::observer::Watch;
use crate::{Problem, client_address};

/// Logs one line for each request: method, pattern, status, time and the client's address; never the
/// query, a header or the body. The answer carries the `X-Request-Id` of the line. The listener's
/// [`Observer`](crate::Observer), where it has one, hears of it.
pub async fn trace(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let begun = Instant::now();
    let watch = Watch::begin(&request);
    let id = request_id();
    let span = tracing::info_span!("request", request.id = %id);
    let method = request.method().clone();
    request.extensions_mut().insert(RequestId(id.clone()));
    let _under_way = UnderWay::of(request.request());
    let mut response = next.call(request).instrument(span.clone()).await?;
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
    }
    watch.answered(&method, &response, begun.elapsed());
    // What a field says is looked up only where the line is written.
    tracing::debug!(
        parent: &span,
        http.method = %method,
        http.route = response.request().match_pattern().as_deref().unwrap_or("-"),
        http.status = response.status().as_u16(),
        client.address = client_address(response.request()).map(tracing::field::display),
        http.us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    Ok(response)
}

/// What the log and the answer call a request; among its extensions.
#[derive(Debug, Clone)]
pub struct RequestId(pub(crate) String);

/// So many ids are made of what the system's generator gives at a time: a call of the system for each
/// request would show in its time. They are names, not secrets.
const IDS_AT_A_TIME: usize = 32;

fn request_id() -> String {
    thread_local! {
        static IDS: RefCell<Vec<[u8; 8]>> = const { RefCell::new(Vec::new()) };
    }
    let id = IDS.with_borrow_mut(|ids| {
        if ids.is_empty() {
            ids.resize(IDS_AT_A_TIME, [0; 8]);
            SystemRandomness.fill(ids.as_flattened_mut());
        }
        ids.pop().unwrap_or_default()
    });
    format!("{:016x}", u64::from_be_bytes(id))
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
        }))
        .app_data(web::JsonConfig::default().error_handler(|error, _| {
            let status = match &error {
                // Actix says 400 here, and 415 for forms.
                JsonPayloadError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                other => other.status_code(),
            };
            let problem = problem_in_body(status, "the JSON cannot be read");
            InternalError::from_response(error, problem.error_response()).into()
        }))
        .app_data(web::FormConfig::default().error_handler(|error, _| {
            let problem = problem_in_body(error.status_code(), "the form cannot be read");
            InternalError::from_response(error, problem.error_response()).into()
        }));
}

/// Actix tells a wrong type from a wrong size from wrong content, by the status.
fn problem_in_body(status: StatusCode, detail: &'static str) -> Problem {
    let code = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        _ => "body",
    };
    Problem::new(status, code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::App;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use std::collections::{BTreeMap, BTreeSet};

    type Members = BTreeMap<String, u8>;

    fn routes(config: &mut web::ServiceConfig) {
        answer_early_errors(config);
        config
            .route("/json", web::post().to(|_: web::Json<u8>| async { "" }))
            .route("/form", web::post().to(|_: web::Form<Members>| async { "" }))
            .route("/query", web::post().to(|_: web::Query<Members>| async { "" }))
            .route("/path/{n}", web::post().to(|_: web::Path<u8>| async { "" }));
    }

    #[actix_web::test]
    async fn what_actix_refuses_is_a_problem_too() {
        let app = init_service(App::new().configure(routes)).await;
        let large = " ".repeat(3 << 20);
        for (path, kind, body, status, code) in [
            ("/json", "application/json", "300", 400, "body"),
            ("/json", "text/plain", "1", 415, "unsupported_media_type"),
            ("/json", "application/json", large.as_str(), 413, "too_large"),
            ("/form", "application/x-www-form-urlencoded", "a=b", 400, "body"),
            ("/query?a=b", "text/plain", "", 400, "query"),
            ("/path/300", "text/plain", "", 404, "not_found"),
        ] {
            let request = TestRequest::post()
                .uri(path)
                .insert_header(("content-type", kind))
                .set_payload(body.to_owned());
            let response = call_service(&app, request.to_request()).await;
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
            let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
            assert!(body.contains(&format!(r#""code":"{code}""#)), "{path}: {body}");
        }
    }

    #[actix_web::test]
    async fn every_answer_has_an_id_of_its_own() {
        let app = init_service(App::new().wrap(from_fn(trace)).configure(routes)).await;
        let mut seen = BTreeSet::new();
        for path in ["/json", "/json", "/nothing"] {
            let request = TestRequest::post().uri(path).insert_header(("x-request-id", "mine"));
            let response = call_service(&app, request.to_request()).await;
            let id = response.headers().get("x-request-id").unwrap();
            seen.insert(id.to_str().unwrap().to_owned());
        }
        assert_eq!(seen.len(), 3);
        assert!(!seen.contains("mine"));
    }
}
