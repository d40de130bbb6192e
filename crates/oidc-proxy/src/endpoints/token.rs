//! `POST /token`: `{"token", "alg"?}` as JSON, or a token exchange as a form.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use portcullis_jwt_verify::sources::KeyError;
use portcullis_web::{Problem, note};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{OidcProxy, exchange};
use crate::resign::{Refusal, Request};

/// A token has at most 16 KiB, and a form writes some characters with three.
const LONGEST: usize = 64 * 1024;

pub(super) async fn resign(
    request: HttpRequest,
    payload: Payload,
    proxy: Data<OidcProxy>,
) -> Result<HttpResponse, Problem> {
    let body = portcullis_web::body(&request, payload, LONGEST).await?;
    if is_form(&request)
        && let Some(form) = exchange::Form::read(&body)
    {
        let issuer = proxy.issuer(&request)?;
        return Ok(exchange::answer(&proxy, &issuer, form, &note(&request)).await);
    }
    let asked = asked(&body)?;
    let issuer = proxy.issuer(&request)?;
    match proxy.resigner().resign(&issuer, &asked, &note(&request)).await {
        Ok(resigned) => Ok(HttpResponse::Ok()
            .content_type("application/jwt")
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(resigned.token.expose_secret().to_owned())),
        Err(refusal) => {
            tracing::info!(oidc_proxy.code = refusal.code(), "a token is not re-signed");
            Ok(problem(&refusal).error_response())
        }
    }
}

fn is_form(request: &HttpRequest) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    essence.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// Whatever the Content-Type says, it is the body that counts.
fn asked(body: &[u8]) -> Result<Request, Problem> {
    let mut value: Value = serde_json::from_slice(body).map_err(|_| {
        let detail = "the body is not JSON, and no form with a grant_type";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    })?;
    // Moved, so that no copy of it stays behind.
    let token = match value.get_mut("token").map(Value::take) {
        Some(Value::String(token)) if !token.is_empty() => token.into(),
        _ => {
            let detail = "the body has no member token with a text";
            return Err(Problem::bad_request("no_token", detail));
        }
    };
    let algorithm = match value.get("alg") {
        None => None,
        Some(Value::String(name)) => Some(name.clone()),
        // No key signs by null or 7: as the origin has it, it is refused after the token was proved.
        Some(other) => Some(other.to_string()),
    };
    Ok(Request { token, algorithm, audience: None })
}

/// The status that a refusal has in either form.
pub(super) fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Token(_)
        | Refusal::ClaimMissing(_)
        | Refusal::Audience
        | Refusal::NoRule
        | Refusal::Subject(_)
        | Refusal::Algorithm
        | Refusal::Used
        | Refusal::Leaked => StatusCode::FORBIDDEN,
        Refusal::Keys(KeyError::Timeout) => StatusCode::GATEWAY_TIMEOUT,
        Refusal::Keys(_) => StatusCode::BAD_GATEWAY,
        Refusal::Record(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Sign(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Record(_) => Problem::unavailable(),
        Refusal::Sign(_) => Problem::internal(),
        Refusal::Keys(_) => Problem::new(
            status(refusal),
            refusal.code(),
            "the upstream issuer's keys cannot be had",
        ),
        _ => Problem::new(status(refusal), refusal.code(), refusal.to_string()),
    }
}
