//! The claims that an operator asks about.

use std::path::Path;

use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};
use serde_json::{Map, Value};

use super::super::jwt::inspect;
use super::super::standard_input;
use crate::config::files;
use crate::error::StartError;

/// Claims that nobody proved.
pub(super) struct Given {
    pub(super) claims: Map<String, Value>,
    /// Whether they came as a JWT, which says all that it will ever say; an operator may write down no
    /// more than matters.
    pub(super) from_token: bool,
}

/// Reads the argument: the name of a file, a JWT, or '-'. It may be a secret, and so is never repeated.
pub(super) fn read(argument: &SecretString) -> Result<Given, StartError> {
    let text = argument.expose_secret();
    if text == "-" || is_token(text) {
        return parse(&standard_input::or(argument)?);
    }
    let file = files::read_small(Path::new(text)).map_err(|error| {
        StartError::new(
            "claims",
            format!("--claims is no JWT, and no file that can be read: {error}"),
        )
    })?;
    let text = std::str::from_utf8(&file.bytes);
    parse(text.map_err(|_| StartError::new("claims", "the file of --claims is not UTF-8"))?)
}

/// `{"`, with which every header begins, in base64url.
fn is_token(text: &str) -> bool {
    text.starts_with("ey") && text.matches('.').count() == 2 && !text.contains('/')
}

fn parse(text: &str) -> Result<Given, StartError> {
    let text = text.trim();
    if text.starts_with('{') {
        let claims = serde_json::from_str(text);
        let claims = claims.map_err(|error| {
            // Its text tells a place, and nothing of what stands there.
            let place = format!("line {}, column {}", error.line(), error.column());
            StartError::new("claims", format!("the claims are not a JSON object ({place})"))
        })?;
        return Ok(Given { claims, from_token: false });
    }
    let (_, claims) = inspect::parts(&Zeroizing::new(text.to_owned()))?;
    match claims {
        Value::Object(claims) => Ok(Given { claims, from_token: true }),
        _ => Err(StartError::new("claims", "the token's claims are not a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text).err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn json_is_told_from_a_token_by_its_first_letter() {
        assert!(parse(" \n {\"user_id\": \"7\"}\n").is_ok_and(|given| !given.from_token));
        // {"alg":"RS256"} and {"a":1}
        let token = parse("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln\n").unwrap();
        assert!(token.from_token && token.claims["a"] == 1);
        assert!(is_token("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln"));
        for path in ["claims.json", "./ey.a.b", "eyes.json", "/x/ey.a.json", ""] {
            assert!(!is_token(path), "{path}");
        }
    }

    #[test]
    fn what_is_neither_is_not_repeated() {
        for text in ["{\"hunter2\": ", "hunter2", "hunter2.hunter2.x", "[1]", "", "eyJhIjox"] {
            let error = refused(text);
            assert!(!error.is_empty() && !error.contains("hunter2"), "{text}: {error}");
        }
        let list = refused("eyJhbGciOiJSUzI1NiJ9.WzFd.c2ln");
        assert!(list.contains("not a JSON object"), "{list}");
        let error = read(&SecretString::from("no-such-hunter2")).err().unwrap().to_string();
        assert!(
            error.contains("no file that can be read") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
