//! Whether a JWT is meant for this gateway: what its verifier says of issuer, audience and expiry.

use std::fmt;

use portcullis_impersonation::policy::Refused;
use portcullis_jwt_verify::Error;
use portcullis_jwt_verify::rules::shown;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::times;
use super::given::Given;
use crate::config::ImpersonationJwt;

/// What is to be said, claim by claim.
pub(super) struct Meant {
    pub(super) lines: Vec<Line>,
    refusal: Option<Error>,
}

/// One claim against the configuration.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    claim: &'static str,
    /// As JSON; absent where the claims do not have it.
    found: Option<String>,
    /// Whether it is as it must be; absent where nobody can tell.
    holds: Option<bool>,
    /// The rest of the sentence.
    text: String,
}

impl Meant {
    /// Compares. An expired JWT was good once, and a new one of the same job will be: that decides nothing.
    pub(super) fn of(jwt: &ImpersonationJwt, given: &Given, now: OffsetDateTime) -> Self {
        let issuer = given.line("iss", Some(&jwt.issuers), |value| {
            value.as_str().is_some_and(|issuer| jwt.issuers.iter().any(|one| one == issuer))
        });
        let audience = given.line("aud", jwt.audiences.as_deref(), |value| {
            let wanted = jwt.audiences.as_deref();
            wanted.is_none_or(|wanted| audiences(value).any(|one| wanted.iter().any(|w| w == one)))
        });
        let refused = |line: &Line, claim, error| match (line.holds, &line.found) {
            (Some(false), None) => Some(Error::ClaimMissing(claim)),
            (Some(false), Some(_)) => Some(error),
            _ => None,
        };
        let refusal = refused(&issuer, "iss", Error::Issuer)
            .or_else(|| refused(&audience, "aud", Error::Audience));
        Self { lines: vec![issuer, audience, expiry(given, now)], refusal }
    }

    /// Why the JWT would not be taken, whatever the rules say.
    pub(super) fn refused(&self) -> Option<Refused> {
        let error = self.refusal.as_ref()?;
        Some(Refused { code: error.code(), text: error.to_string() })
    }
}

/// One text or several.
fn audiences(value: &Value) -> impl Iterator<Item = &str> {
    let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    all.iter().filter_map(Value::as_str)
}

impl Given {
    fn line(
        &self,
        claim: &'static str,
        wanted: Option<&[String]>,
        holds: impl FnOnce(&Value) -> bool,
    ) -> Line {
        let found = self.claims.get(claim);
        let wanted: Option<Vec<String>> = wanted
            .map(|wanted| wanted.iter().map(|one| shown(&Value::from(one.as_str()))).collect());
        let wanted = wanted.map_or_else(|| "anything".to_owned(), |wanted| wanted.join(" or "));
        let (holds, text) = match found.map(|value| (holds(value), shown(value))) {
            Some((true, shown)) => (Some(true), format!("is {shown}, which fits {wanted}")),
            Some((false, shown)) => (Some(false), format!("is {shown}, wanted is {wanted}")),
            None if self.from_token && wanted != "anything" => {
                (Some(false), format!("is not there, wanted is {wanted}"))
            }
            None => (None, format!("is not there; a JWT's has to be {wanted}")),
        };
        Line { claim, found: found.map(shown), holds, text }
    }
}

fn expiry(given: &Given, now: OffsetDateTime) -> Line {
    let found = given.claims.get("exp");
    let at = found.and_then(Value::as_i64);
    let at = at.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let told = at.and_then(|at| Some((at, at.format(&Rfc3339).ok()?)));
    let (holds, text) = match (told, found) {
        (Some((at, told)), _) if at <= now => {
            let when = times::with_distance(&told, now);
            (Some(false), format!("was {when}: this JWT is too old, a new one of the job is not"))
        }
        (Some((_, told)), _) => (Some(true), format!("is {}", times::with_distance(&told, now))),
        (None, Some(value)) => (Some(false), format!("is {}, which is no time", shown(value))),
        (None, None) => (None, "is not there; a JWT has to have it".to_owned()),
    };
    Line { claim: "exp", found: found.map(shown), holds, text }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Is it a JWT for this gateway?")?;
        for Line { claim, holds, text, .. } in &self.lines {
            let mark = match holds {
                Some(true) => "yes",
                Some(false) => "NO ",
                None => "?  ",
            };
            writeln!(f, "  {mark} {claim} {text}")?;
        }
        Ok(())
    }
}
