//! Credentials from the `Authorization` header (RFC 9110, section 11.6.2).

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_base::secret::{SecretString, Zeroizing};

/// What the header holds.
#[derive(Debug)]
pub enum Authorization {
    /// There is none.
    Absent,
    /// `Bearer <token>` (RFC 6750, section 2.1).
    Bearer(SecretString),
    /// `Basic <user:password>` (RFC 7617).
    Basic {
        /// Before the first colon.
        user: String,
        /// After it.
        password: SecretString,
    },
    /// Anything else in one piece: one word without a scheme.
    Bare(SecretString),
    /// Another scheme, whatever it means.
    Other,
    /// More than one header, not text, or a scheme whose rest cannot be read.
    Malformed,
}

/// Reads the header. More than one is malformed: whom should we believe?
pub fn authorization(headers: &HeaderMap) -> Authorization {
    let mut all = headers.get_all(AUTHORIZATION);
    let Some(value) = all.next() else { return Authorization::Absent };
    if all.next().is_some() {
        return Authorization::Malformed;
    }
    let Ok(text) = value.to_str() else { return Authorization::Malformed };
    let text = text.trim_matches([' ', '\t']);
    match text.split_once(' ') {
        None if text.is_empty() => Authorization::Malformed,
        None if is(text, "bearer") || is(text, "basic") => Authorization::Malformed,
        None => Authorization::Bare(text.into()),
        Some((scheme, rest)) if is(scheme, "bearer") => bearer(rest.trim_start_matches(' ')),
        Some((scheme, rest)) if is(scheme, "basic") => {
            basic(rest.trim_start_matches(' ')).unwrap_or(Authorization::Malformed)
        }
        Some(_) => Authorization::Other,
    }
}

/// The token of a header that is either `Bearer <token>` or the token alone, as GitLab's revocation
/// client sends it.
pub fn bare_or_bearer(headers: &HeaderMap) -> Option<SecretString> {
    match authorization(headers) {
        Authorization::Bare(token) | Authorization::Bearer(token) => Some(token),
        Authorization::Absent
        | Authorization::Basic { .. }
        | Authorization::Other
        | Authorization::Malformed => None,
    }
}

fn is(scheme: &str, name: &str) -> bool {
    scheme.eq_ignore_ascii_case(name)
}

fn bearer(token: &str) -> Authorization {
    if token.is_empty() || token.contains([' ', '\t']) {
        return Authorization::Malformed;
    }
    Authorization::Bearer(token.into())
}

fn basic(encoded: &str) -> Option<Authorization> {
    let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some(Authorization::Basic { user: user.to_owned(), password: password.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use portcullis_base::secret::ExposeSecret as _;

    fn read(values: &[&str]) -> Authorization {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        authorization(&headers)
    }

    #[test]
    fn schemes_are_told_apart_in_any_case() {
        for value in ["Bearer t", "bearer t", "BEARER   t", " Bearer t "] {
            match read(&[value]) {
                Authorization::Bearer(token) => assert_eq!(token.expose_secret(), "t"),
                other => panic!("{value}: {other:?}"),
            }
        }
        // user:pa:ss
        match read(&["basic dXNlcjpwYTpzcw=="]) {
            Authorization::Basic { user, password } => {
                assert_eq!((user.as_str(), password.expose_secret()), ("user", "pa:ss"));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(read(&["abc.def"]), Authorization::Bare(_)));
        assert!(matches!(read(&["Digest a=b"]), Authorization::Other));
        assert!(matches!(read(&[]), Authorization::Absent));
    }

    #[test]
    fn what_cannot_be_read_is_malformed() {
        for values in [
            &[""][..],
            &["Bearer"],
            &["Bearer "],
            &["Bearer a b"],
            &["Basic"],
            &["Basic !!"],
            &["Basic bm9jb2xvbg=="],
            &["Bearer \u{e9}"],
            &["Bearer a", "Bearer b"],
            &["Bearer a", "Bearer a"],
        ] {
            assert!(matches!(read(values), Authorization::Malformed), "{values:?}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert!(!format!("{:?}", read(&["Bearer hunter2"])).contains("hunter2"));
    }
}
