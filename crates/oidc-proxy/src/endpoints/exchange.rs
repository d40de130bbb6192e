//! OAuth 2.0 Token Exchange (RFC 8693).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web;
use portcullis_web::{Account, Code};
use secrecy::{ExposeSecret as _, SecretString};

use super::OidcProxy;
use super::docs::{Exchanged, OAuthError};
use super::token::status;
use crate::resign::{Refusal, Request};

pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(super) const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
pub(super) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A form that has a `grant_type`.
#[derive(Default)]
pub(super) struct Form {
    grant_type: Option<String>,
    subject_token: Option<SecretString>,
    subject_token_type: Option<String>,
    requested_token_type: Option<String>,
    audience: Option<String>,
    more_audiences: bool,
    /// A parameter that came twice, or that is not understood and would change what is issued.
    fault: Option<&'static str>,
}

impl Form {
    /// `None` where it is no form, or has no `grant_type`.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text).ok()?.into_inner();
        let granted = pairs.iter().any(|(name, _)| name == "grant_type");
        let mut form = Self::default();
        // What has no value was not sent (RFC 6749, section 3.1).
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            form.take(&name, value);
        }
        granted.then_some(form)
    }

    /// Scopes mean nothing in an `id_token`, and unknown parameters are ignored (RFC 6749, section 3.2).
    fn take(&mut self, name: &str, value: String) {
        let again = match name {
            "grant_type" => self.grant_type.replace(value).is_some(),
            "subject_token" => self.subject_token.replace(value.into()).is_some(),
            "subject_token_type" => self.subject_token_type.replace(value).is_some(),
            "requested_token_type" => self.requested_token_type.replace(value).is_some(),
            // It may come again (RFC 8693, section 2.1), and is taken one at a time here.
            "audience" => {
                self.more_audiences |= self.audience.replace(value).is_some();
                false
            }
            "actor_token" | "actor_token_type" => {
                self.fault = Some("nobody acts for another here: actor_token is not taken");
                false
            }
            "resource" => {
                self.fault = Some("name an audience: resource is not taken");
                false
            }
            _ => false,
        };
        if again {
            self.fault = Some("a parameter comes twice");
        }
    }

    fn request(self) -> Result<Request, (&'static str, &'static str)> {
        if self.grant_type.as_deref() != Some(GRANT) {
            return Err((
                "unsupported_grant_type",
                "only token exchange is offered here (RFC 8693)",
            ));
        }
        if let Some(fault) = self.fault {
            return Err(("invalid_request", fault));
        }
        let known = |kind: &str| kind == ID_TOKEN || kind == JWT;
        if !self.subject_token_type.as_deref().is_some_and(known) {
            return Err(("invalid_request", "subject_token_type must be id_token or jwt"));
        }
        if !self.requested_token_type.as_deref().is_none_or(known) {
            return Err(("invalid_request", "requested_token_type must be id_token or jwt"));
        }
        if self.more_audiences {
            return Err(("invalid_target", "one audience at a time"));
        }
        let token = self.subject_token.ok_or(("invalid_request", "subject_token is missing"))?;
        Ok(Request { token, algorithm: None, audience: self.audience })
    }
}

/// Errors have OAuth's form (RFC 6749, section 5.2; RFC 8693, section 2.2.2).
pub(super) async fn answer(
    proxy: &OidcProxy,
    issuer: &str,
    form: Form,
    account: &Account,
) -> HttpResponse {
    let kind = if form.requested_token_type.as_deref() == Some(JWT) { JWT } else { ID_TOKEN };
    let request = match form.request() {
        Ok(request) => request,
        Err((error, detail)) => return refused(StatusCode::BAD_REQUEST, error, detail),
    };
    match proxy.resigner().resign(issuer, &request, account).await {
        Ok(resigned) => {
            HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Exchanged {
                access_token: resigned.token.expose_secret(),
                issued_token_type: kind,
                token_type: "N_A",
                expires_in: proxy.resigner().seconds_until(resigned.expires_at),
            })
        }
        Err(refusal) => {
            tracing::info!(oidc_proxy.code = refusal.code(), "a token is not exchanged");
            let (status, error) = oauth(&refusal);
            let mut response = refused(status, error, &refusal.to_string());
            response.extensions_mut().insert(Code(refusal.code()));
            response
        }
    }
}

fn oauth(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::Audience => (StatusCode::BAD_REQUEST, "invalid_target"),
        Refusal::Token(_)
        | Refusal::ClaimMissing(_)
        | Refusal::Subject(_)
        | Refusal::Used
        | Refusal::Leaked => (StatusCode::BAD_REQUEST, "invalid_request"),
        Refusal::NoRule | Refusal::Algorithm => (StatusCode::BAD_REQUEST, "unauthorized_client"),
        Refusal::Keys(_) | Refusal::Record(_) => (status(refusal), "temporarily_unavailable"),
        Refusal::Sign(_) => (status(refusal), "server_error"),
    }
}

fn refused(status: StatusCode, error: &str, detail: &str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(OAuthError { error, error_description: detail })
}
