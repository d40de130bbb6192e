//! The method `oidc`: a JWT of one of the configured issuers, as `Bearer`.

use std::borrow::Cow;
use std::fmt;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_jwt_verify::{Error, Outcome, VerifiedClaims, Verifier};
use portcullis_web::Authorization;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
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
        let verifier = Verifier::builder(keys_of(config, entry)?)
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

/// Whether a token says that it is from one of these, however broken the rest of it is. A bad token that
/// is meant for an issuer of ours must fail, and not pass for one that asks for nothing: so this is less
/// strict than what proves a token, in base64 and in JSON.
fn claimed_issuer<'a>(issuers: &'a [Issuer], token: &str) -> Option<&'a Issuer> {
    let payload = LENIENT.decode(token.split('.').nth(1)?).ok()?;
    let payload = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&payload);
    claimed_names(payload).iter().find_map(|name| issuers.iter().find(|one| one.name == *name))
}

/// All that a payload calls its `iss`, up to where it is no JSON any more.
fn claimed_names(payload: &[u8]) -> Vec<String> {
    struct Names<'a>(&'a mut Vec<String>);

    impl<'de> Visitor<'de> for Names<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("claims")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(name) = map.next_key::<Cow<'_, str>>()? {
                if name == "iss" {
                    if let Value::String(issuer) = map.next_value()? {
                        self.0.push(issuer);
                    }
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }

    let mut names = Vec::new();
    // What it is said before an error counts: the error is for the verifier to tell.
    let read = serde_json::Deserializer::from_slice(payload).deserialize_map(Names(&mut names));
    drop(read);
    names
}

/// With padding or without, and whatever the last bits are.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

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
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
    use portcullis_jwt_verify::KeySet;
    use portcullis_jwt_verify::sources::StaticKeys;
    use serde_json::json;

    fn token(payload: &str) -> String {
        format!("!.{}.", URL_SAFE_NO_PAD.encode(payload))
    }

    fn is_claimed(token: &str) -> bool {
        let keys = KeySet::from_jwks(b"{\"keys\":[]}").unwrap();
        let verifier = Verifier::builder(StaticKeys::new(keys)).issuer("a").audience("b").build();
        let ours = [Issuer { name: "a".into(), verifier, trust_email: false }];
        claimed_issuer(&ours, token).is_some()
    }

    #[test]
    fn a_broken_token_still_says_whom_it_is_meant_for() {
        let (deep, large) = ("[".repeat(60_000), "1e400");
        for payload in [
            r#"{"iss":"a"}"#,
            r#"{"iss":"a","exp":null,"exp":[],"sub":7}"#,
            " {\"x\":{},\"iss\":\"\\u0061\"} ",
            r#"{"iss":"a","iss":"b"}"#,
            r#"{"iss":"b","iss":["b"],"iss":"a"}"#,
            r#"{"iss":"a"}x"#,
            r#"{"iss":"a",}"#,
            r#"{"iss":"a""#,
            "\u{feff}{\"iss\":\"a\"}",
            &format!("{{\"iss\":\"a\",\"x\":{deep}"),
            &format!("{{\"iss\":\"a\",\"x\":{large}}}"),
        ] {
            assert!(is_claimed(&token(payload)), "{payload:.60}");
        }
        for payload in
            ["", "null", "[]", "{}", r#"{"iss":null}"#, r#"{"iss":["a"]}"#, r#"{"x":"a"}"#]
        {
            assert!(!is_claimed(&token(payload)), "{payload}");
        }
        let padded = format!("!.{}.", URL_SAFE.encode(r#"{"iss":"a" }"#.to_owned() + " "));
        assert!(padded.contains('='));
        // The last one has loose bits.
        for token in [
            &padded,
            "a.eyJpc3MiOiJhIn0",
            "a.eyJpc3MiOiJhIn0.b.c",
            "a.eyJpc3MiOiJhIn0.b.c.d",
            "a.eyJpc3MiOiJhIn1.b",
        ] {
            assert!(is_claimed(token), "{token}");
        }
        for token in ["", ".", "..", "a.b", "a.b.c", "eyJpc3MiOiJhIn0", "eyJpc3MiOiJhIn0.e30.x"] {
            assert!(!is_claimed(token), "{token}");
        }
    }

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
