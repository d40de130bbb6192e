//! The method `oidc`: a JWT of one of the configured issuers, as `Bearer`.

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_jwt_verify::{Error, Outcome, VerifiedClaims, Verifier, claimed_issuers};
use portcullis_web::Authorization;
use serde_json::Value;

use super::caller::Caller;
use super::chain::Failure;
use super::keys::keys_of;
use crate::config::{Config, Oidc};
use crate::error::StartError;

pub(super) const NAME: &str = "oidc";

/// One issuer whose tokens pass.
#[derive(Debug)]
pub(super) struct Issuer {
    /// What `iss` has to be.
    pub(super) name: String,
    pub(super) verifier: Verifier,
    pub(super) trust_email: bool,
}

/// All that are configured, each with its keys.
pub(super) fn issuers(config: &Config) -> Result<Vec<Issuer>, StartError> {
    let one = |entry: &Oidc| {
        let keys = keys_of(config, &entry.issuer, &entry.keys, entry.ca_file.as_ref())?;
        let verifier = Verifier::builder(keys)
            .issuer(&entry.issuer)
            .audiences(entry.audiences.iter().cloned())
            .remember(config.auth.token_cache)
            .build();
        let (name, trust_email) = (entry.issuer.clone(), entry.trust_email);
        Ok(Issuer { name, verifier, trust_email })
    };
    config.auth.oidc.iter().map(one).collect()
}

/// A request for this method, or why it is none.
pub(super) enum Request<'a> {
    /// Nothing in it is for any of these issuers.
    None,
    /// A credential that cannot be read.
    Unreadable,
    /// A token that says that it is of this issuer.
    Token(&'a Issuer, &'a SecretString),
}

/// Whether anything in a request is meant for one of these issuers.
pub(super) fn request<'a>(issuers: &'a [Issuer], given: &'a Authorization) -> Request<'a> {
    let token = match given {
        Authorization::Bearer(token) => token,
        Authorization::Malformed => return Request::Unreadable,
        Authorization::Absent
        | Authorization::Basic { .. }
        | Authorization::Bare(_)
        | Authorization::Other => return Request::None,
    };
    let issuer = claimed_issuer(issuers, token.expose_secret());
    if issuer.is_none() {
        tracing::debug!("a bearer token is of no configured issuer");
    }
    issuer.map_or(Request::None, |issuer| Request::Token(issuer, token))
}

/// The one that a token says that it is from, however broken the rest of it is: a bad token that is meant
/// for an issuer of ours must fail, and not pass for one that asks for nothing.
fn claimed_issuer<'a>(issuers: &'a [Issuer], token: &str) -> Option<&'a Issuer> {
    claimed_issuers(token).iter().find_map(|name| issuers.iter().find(|one| one.name == *name))
}

/// Proves the token.
pub(super) async fn authenticate(
    issuer: &Issuer,
    token: &SecretString,
) -> Outcome<Caller, Failure> {
    match issuer.verifier.verify(token.expose_secret()).await {
        Ok(claims) => issuer.caller(&claims),
        Err(error) => Outcome::Failed(issuer.failure(&error)),
    }
}

impl Issuer {
    /// The subject alone would be somebody else at another issuer.
    fn caller(&self, claims: &VerifiedClaims) -> Outcome<Caller, Failure> {
        // The verifier takes no token without one.
        let Some(subject) = claims.subject() else { return Outcome::Failed(Failure::Refused) };
        let identity = format!("{NAME}:{}#{subject}", self.name);
        let email = email(claims.members(), self.trust_email).to_owned();
        Outcome::Authenticated(Caller { email, ..Caller::without_scopes(NAME, identity) })
    }

    fn failure(&self, error: &Error) -> Failure {
        if error.is_unavailable() {
            // The source says it loudly, and once: this is once for each caller.
            tracing::debug!(auth.issuer = self.name, error = %error, "a token cannot be judged");
            return Failure::Unavailable;
        }
        tracing::debug!(auth.issuer = self.name, error.code = error.code(), "a token is refused");
        Failure::Refused
    }
}

/// The address that the issuer vouches for; empty where there is none.
fn email(claims: &serde_json::Map<String, Value>, trust: bool) -> &str {
    let vouched = trust || claims.get("email_verified") == Some(&Value::Bool(true));
    let email = claims.get("email").and_then(Value::as_str);
    email.filter(|_| vouched).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_counts_where_somebody_vouches_for_it() {
        let of = |claims: Value, trust| email(claims.as_object().unwrap(), trust).to_owned();
        let with =
            |verified: Value| json!({"email": "ann@example.com", "email_verified": verified});
        assert_eq!(of(with(json!(true)), false), "ann@example.com");
        for verified in [json!(false), json!("true"), json!(1), json!(null), json!([true])] {
            assert_eq!(of(with(verified.clone()), false), "", "{verified}");
            assert_eq!(of(with(verified), true), "ann@example.com");
        }
        assert_eq!(of(json!({"email": "ann@example.com"}), false), "");
        assert_eq!(of(json!({"email": "ann@example.com"}), true), "ann@example.com");
        for email in [json!(null), json!(["ann@example.com"]), json!({})] {
            assert_eq!(of(json!({"email": email, "email_verified": true}), true), "");
        }
    }
}
