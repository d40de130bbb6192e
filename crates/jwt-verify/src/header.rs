//! The header of a token.

use serde::de::MapAccess;

use crate::json::{self, AsPlain, Checked, Members, Plain};
use crate::{Algorithm, Error};

/// What a header says that key lookup needs. `jku`, `jwk`, `x5u` and `x5c` are never even read:
/// where keys come from is for the configuration to say, not for the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Header {
    /// `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`: never empty.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Reads a header as it stands in a token, after base64url.
    pub(crate) fn read(json: &[u8]) -> Result<Self, Error> {
        let raw: Raw = json::read(json).map_err(|_| Error::HeaderJson)?;
        let algorithm = match raw.alg {
            Some(Plain::Text(name)) => name.parse().map_err(|_| Error::Algorithm)?,
            _ => return Err(Error::Algorithm),
        };
        if raw.crit {
            return Err(Error::Critical);
        }
        if raw.b64 {
            return Err(Error::B64);
        }
        let key_id = match raw.kid {
            None => None,
            Some(Plain::Text(kid)) if !kid.is_empty() => Some(kid),
            Some(_) => return Err(Error::Header("kid")),
        };
        match raw.typ {
            None => {}
            Some(Plain::Text(typ)) if typ.eq_ignore_ascii_case("JWT") => {}
            Some(Plain::Text(_)) => return Err(Error::Type),
            Some(_) => return Err(Error::Header("typ")),
        }
        Ok(Self { algorithm, key_id })
    }
}

#[derive(Default)]
struct Raw {
    alg: Option<Plain>,
    kid: Option<Plain>,
    typ: Option<Plain>,
    crit: bool,
    b64: bool,
}

impl<'de> Members<'de> for Raw {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "alg" => self.alg = Some(map.next_value_seed(AsPlain)?),
            "kid" => self.kid = Some(map.next_value_seed(AsPlain)?),
            "typ" => self.typ = Some(map.next_value_seed(AsPlain)?),
            _ => {
                self.crit |= name == "crit";
                self.b64 |= name == "b64";
                map.next_value_seed(Checked)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_jwt_is_refused_by_name() {
        let read = |json: &str| Header::read(json.as_bytes()).map(|header| header.algorithm());
        assert_eq!(read(r#"{"alg":"RS256","typ":"jwt","cty":"x","jku":{}}"#), Ok(Algorithm::Rs256));
        for alg in ["\"none\"", "\"HS256\"", "null", "1", "[\"RS256\"]", "{\"a\":1}", "\"\""] {
            assert_eq!(read(&format!("{{\"alg\":{alg}}}")), Err(Error::Algorithm), "{alg}");
        }
        assert_eq!(read("{}"), Err(Error::Algorithm));
        assert_eq!(read(r#"{"ALG":"RS256"}"#), Err(Error::Algorithm));
        let with = |member: &str| read(&format!("{{\"alg\":\"RS256\",{member}}}"));
        assert_eq!(with(r#""alg":"none""#), Err(Error::HeaderJson));
        assert_eq!(with(r#""crit":[]"#), Err(Error::Critical));
        assert_eq!(with(r#""b64":true"#), Err(Error::B64));
        assert_eq!(with(r#""typ":"at+jwt""#), Err(Error::Type));
        assert_eq!(with(r#""typ":1"#), Err(Error::Header("typ")));
        for kid in ["\"\"", "null", "1", "[\"a\"]", "{}"] {
            assert_eq!(with(&format!("\"kid\":{kid}")), Err(Error::Header("kid")), "{kid}");
        }
    }
}
