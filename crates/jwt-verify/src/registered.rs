//! The registered claims (RFC 7519, section 4.1), read strictly.

use serde::de::MapAccess;

use crate::Error;
use crate::json::{self, AsPlain, Checked, Members, Plain};

/// The last second of the year 9999: later times are milliseconds by mistake, or an attack on
/// arithmetic.
const LAST: f64 = 253_402_300_799.0;

/// The registered claims of one token, each of the type that it should have, or absent. Unverified
/// until a signature says otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Registered {
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) audiences: Option<Vec<String>>,
    /// Seconds since 1970, as are the next two.
    pub(crate) expires_at: Option<f64>,
    pub(crate) not_before: Option<f64>,
    pub(crate) issued_at: Option<f64>,
    pub(crate) id: Option<String>,
}

impl Registered {
    /// Reads a payload as it stands in a token, after base64url.
    pub(crate) fn read(json: &[u8]) -> Result<Self, Error> {
        let raw: Raw = json::read(json).map_err(|_| Error::ClaimsJson)?;
        Ok(Self {
            issuer: text(raw.iss, "iss")?,
            subject: text(raw.sub, "sub")?,
            audiences: texts(raw.aud, "aud")?,
            expires_at: time(raw.exp.as_ref(), "exp")?,
            not_before: time(raw.nbf.as_ref(), "nbf")?,
            issued_at: time(raw.iat.as_ref(), "iat")?,
            id: text(raw.jti, "jti")?,
        })
    }
}

fn text(value: Option<Plain>, claim: &'static str) -> Result<Option<String>, Error> {
    value.map(|value| value.text().ok_or(Error::Claim(claim))).transpose()
}

fn texts(value: Option<Plain>, claim: &'static str) -> Result<Option<Vec<String>>, Error> {
    match value {
        None => Ok(None),
        Some(Plain::Text(text)) => Ok(Some(vec![text])),
        Some(Plain::Texts(texts)) => Ok(Some(texts)),
        Some(Plain::Number(_) | Plain::Other) => Err(Error::Claim(claim)),
    }
}

fn time(value: Option<&Plain>, claim: &'static str) -> Result<Option<f64>, Error> {
    match value {
        None => Ok(None),
        Some(Plain::Number(number)) if (0.0..=LAST).contains(number) => Ok(Some(*number)),
        Some(_) => Err(Error::Claim(claim)),
    }
}

#[derive(Default)]
struct Raw {
    iss: Option<Plain>,
    sub: Option<Plain>,
    aud: Option<Plain>,
    exp: Option<Plain>,
    nbf: Option<Plain>,
    iat: Option<Plain>,
    jti: Option<Plain>,
}

impl<'de> Members<'de> for Raw {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let place = match name {
            "iss" => &mut self.iss,
            "sub" => &mut self.sub,
            "aud" => &mut self.aud,
            "exp" => &mut self.exp,
            "nbf" => &mut self.nbf,
            "iat" => &mut self.iat,
            "jti" => &mut self.jti,
            _ => return map.next_value_seed(Checked),
        };
        *place = Some(map.next_value_seed(AsPlain)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Registered, Error> {
        Registered::read(json.as_bytes())
    }

    #[test]
    fn each_claim_has_its_type_or_is_absent() {
        let full = read(
            r#"{"iss":"i","sub":"s","aud":["a","b"],"exp":1.5,"nbf":0,"iat":2,"jti":"j","x":{}}"#,
        );
        let full = full.unwrap();
        assert_eq!(full.issuer.as_deref(), Some("i"));
        assert_eq!(full.audiences.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
        assert_eq!((full.expires_at, full.not_before), (Some(1.5), Some(0.0)));
        assert_eq!(read("{}"), Ok(Registered::default()));
        assert_eq!(read(r#"{"aud":"a"}"#).unwrap().audiences.unwrap(), ["a"]);
        assert_eq!(read(r#"{"aud":[]}"#).unwrap().audiences.unwrap(), [""; 0]);
    }

    #[test]
    fn another_type_is_an_error_and_never_absence() {
        for claim in ["iss", "sub", "jti"] {
            for value in ["null", "1", "true", "[\"a\"]", "{}"] {
                let json = format!("{{\"{claim}\":{value}}}");
                assert_eq!(read(&json), Err(Error::Claim(claim)), "{json}");
            }
        }
        for value in ["null", "1", "{}", "[null]", "[\"a\",1]", "[[\"a\"]]"] {
            assert_eq!(read(&format!("{{\"aud\":{value}}}")), Err(Error::Claim("aud")), "{value}");
        }
        for claim in ["exp", "nbf", "iat"] {
            for value in ["null", "\"1\"", "true", "[1]", "{}", "-1", "253402300800", "1e300"] {
                let json = format!("{{\"{claim}\":{value}}}");
                assert_eq!(read(&json), Err(Error::Claim(claim)), "{json}");
            }
            for value in ["0", "-0.0", "253402300799", "1e10"] {
                assert!(read(&format!("{{\"{claim}\":{value}}}")).is_ok(), "{claim} {value}");
            }
        }
    }
}
