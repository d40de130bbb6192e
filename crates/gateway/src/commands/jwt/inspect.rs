//! What a token says, for whoever wants to know why it is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_jwt_verify::{MAX_TOKEN, Unverified};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::output::Output;
use super::super::{terminal, times};
use crate::error::StartError;

/// In the first line, so that nobody reads on without it, and in each line of no other kind.
const LOUDLY: &str =
    "NOT VERIFIED: anybody can write this. `portcullis jwt verify` proves a token.";

/// Prints header and claims, whatever they are, and what `verify` would refuse whatever the key is: the
/// shape of the token, its header, and claims that are none. Nothing else is checked.
pub(super) fn run(token: &str, now: OffsetDateTime, output: &mut Output) -> Result<(), StartError> {
    let (header, claims) = parts(token)?;
    let refusal = match Unverified::parse(token) {
        Ok(token) => token.claims_error().cloned(),
        Err(error) => Some(error),
    };
    let refused =
        refusal.as_ref().map(|error| json!({"code": error.code(), "text": error.to_string()}));
    let machines =
        json!({"verified": false, "header": header, "claims": claims, "refused": refused});
    let mut people = vec![LOUDLY.to_owned(), format!("header  {}", told(&header))];
    people.extend(lines(&claims, now));
    if let Some(error) = &refusal {
        people.push(format!("would be refused: {}: {error}", error.code()));
    }
    output.result(&people.join("\n"), &machines);
    Ok(())
}

/// Header and claims: as JSON where they are some, as text otherwise.
pub(in crate::commands) fn parts(token: &str) -> Result<(Value, Value), StartError> {
    let fail = |code: &'static str, text: &str| StartError::new(code, text);
    if token.len() > MAX_TOKEN {
        return Err(fail("too_long", "the token is longer than 16 KiB"));
    }
    // JWS or JWE: of either the first segment is a header, and of the first the second are claims.
    let (header, rest) = token
        .split_once('.')
        .ok_or_else(|| fail("segments", "the token is not segments with dots between them"))?;
    let part = |segment: &str| -> Result<Value, StartError> {
        let bytes = URL_SAFE_NO_PAD.decode(segment).map_err(|_| {
            fail("base64", "a segment of the token is not base64url without padding")
        })?;
        let text = || Value::from(String::from_utf8_lossy(&bytes));
        Ok(serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    };
    Ok((part(header)?, part(rest.split('.').next().unwrap_or_default())?))
}

fn told(value: &Value) -> String {
    terminal::json(value)
}

/// A claim a line, times as people read them.
fn lines(claims: &Value, now: OffsetDateTime) -> Vec<String> {
    let Value::Object(members) = claims else { return vec![format!("claims  {}", told(claims))] };
    let widest = members.keys().map(|name| name.chars().count()).max().unwrap_or(0).min(24);
    let line = |(name, value): (&String, &Value)| {
        let moment = moment(name, value).map(|at| format!("  {}", times::with_distance(&at, now)));
        let name = terminal::plain(name);
        format!("  {name:<widest$}  {}{}", told(value), moment.unwrap_or_default())
    };
    std::iter::once("claims".to_owned()).chain(members.iter().map(line)).collect()
}

fn moment(name: &str, value: &Value) -> Option<String> {
    let seconds = ["exp", "nbf", "iat", "auth_time"].contains(&name).then(|| value.as_i64())??;
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(&Rfc3339).ok()
}
