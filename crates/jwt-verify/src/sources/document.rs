//! The discovery document of an OpenID provider (OpenID Connect Discovery 1.0).

use serde::de::MapAccess;
use url::Url;

use super::{KeyError, address};
use crate::json::{self, AsPlain, Checked, Members};

/// Where the document of an authority is (section 4): a slash at its end does not count. The authority
/// has neither query nor fragment (section 2), and no user.
pub(super) fn url_of(authority: &str) -> Result<Url, KeyError> {
    let url = address::parse(authority)?;
    if url.query().is_some() || url.fragment().is_some() || has_user(&url) {
        return Err(KeyError::Address);
    }
    let root = authority.strip_suffix('/').unwrap_or(authority);
    address::parse(&format!("{root}/.well-known/openid-configuration"))
}

/// What the document says of where the keys are. Its issuer has to be the authority to the letter
/// (section 4.3). The keys may be anywhere by https; by plain http only where the document itself is.
pub(super) fn keys_of(json: &[u8], authority: &str, document: &Url) -> Result<Url, KeyError> {
    let Document { issuer, jwks_uri } =
        json::read(json).map_err(|_| KeyError::Malformed("is not a discovery document"))?;
    let issuer = issuer.ok_or(KeyError::Malformed("is a discovery document without issuer"))?;
    if issuer != authority {
        return Err(KeyError::OtherIssuer);
    }
    let url = jwks_uri
        .and_then(|uri| Url::parse(&uri).ok())
        .filter(|url| !has_user(url))
        .ok_or(KeyError::Malformed("is a discovery document without jwks_uri"))?;
    address::check(&url)?;
    if url.scheme() != "https" && url.origin() != document.origin() {
        return Err(KeyError::Insecure);
    }
    Ok(url)
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[derive(Default)]
struct Document {
    issuer: Option<String>,
    jwks_uri: Option<String>,
}

impl<'de> Members<'de> for Document {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "issuer" => self.issuer = map.next_value_seed(AsPlain)?.text(),
            "jwks_uri" => self.jwks_uri = map.next_value_seed(AsPlain)?.text(),
            _ => map.next_value_seed(Checked)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_document_is_under_the_authority() {
        for (authority, wanted) in [
            ("https://a.example", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/x/y", "https://a.example/x/y/.well-known/openid-configuration"),
        ] {
            assert_eq!(url_of(authority).unwrap().as_str(), wanted);
        }
        for authority in ["https://a.example?x", "https://a.example/#x", "https://u:p@a.example"] {
            assert_eq!(url_of(authority), Err(KeyError::Address), "{authority}");
        }
        assert_eq!(url_of("http://a.example"), Err(KeyError::Insecure));
    }

    fn read(authority: &str, json: &str) -> Result<String, KeyError> {
        keys_of(json.as_bytes(), authority, &url_of(authority).unwrap()).map(String::from)
    }

    #[test]
    fn the_issuer_is_compared_to_the_letter() {
        let authority = "https://a.example";
        let of = |issuer: &str| json!({"issuer": issuer, "jwks_uri": "https://b.example/k"});
        let text = of(authority).to_string();
        assert_eq!(read(authority, &text).unwrap(), "https://b.example/k");
        for other in
            ["https://a.example/", "https://A.example", "https://a.example:443", "", "a.example"]
        {
            assert_eq!(read(authority, &of(other).to_string()), Err(KeyError::OtherIssuer));
        }
        assert_eq!(read("https://a.example/", &text), Err(KeyError::OtherIssuer));
    }

    #[test]
    fn keys_by_http_are_fetched_from_the_same_loopback_alone() {
        let of = |authority: &str, uri: &str| {
            read(authority, &json!({"issuer": authority, "jwks_uri": uri}).to_string())
        };
        let near = "http://127.0.0.1:9000";
        assert!(of(near, "http://127.0.0.1:9000/keys").is_ok());
        assert!(of(near, "https://elsewhere.example/keys").is_ok());
        assert_eq!(of(near, "http://127.0.0.1:9001/keys"), Err(KeyError::Insecure));
        let far = "https://a.example";
        for uri in ["http://a.example/keys", "http://127.0.0.1/keys", "file:///keys"] {
            assert_eq!(of(far, uri), Err(KeyError::Insecure), "{uri}");
        }
        for uri in ["", "/keys", "https://u:p@a.example/keys"] {
            assert!(matches!(of(far, uri), Err(KeyError::Malformed(_))), "{uri}");
        }
    }

    #[test]
    fn other_documents_are_refused() {
        for text in [
            "",
            "<html>",
            "[]",
            "null",
            "{}",
            r#"{"issuer":"https://a.example"}"#,
            r#"{"issuer":null,"jwks_uri":"https://a.example/k"}"#,
            r#"{"issuer":["https://a.example"],"jwks_uri":"https://a.example/k"}"#,
            r#"{"issuer":"https://a.example","jwks_uri":["https://a.example/k"]}"#,
            r#"{"issuer":"x","issuer":"https://a.example","jwks_uri":"https://a.example/k"}"#,
        ] {
            assert!(
                matches!(read("https://a.example", text), Err(KeyError::Malformed(_))),
                "{text}"
            );
        }
    }
}
