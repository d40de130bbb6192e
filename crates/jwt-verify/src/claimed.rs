//! Who a token says that it is from, however broken the rest of it is.

use std::borrow::Cow;
use std::fmt;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// Every issuer that a token names, be it no good token at all: for choosing whom to ask, and for nothing
/// else. A bad token that is meant for somebody must be refused by him, and not pass for one that asks
/// for nothing: so this is less strict than what proves a token, in base64 and in JSON. Takes time in
/// proportion to the token's length, whatever that is.
pub fn claimed_issuers(token: &str) -> Vec<String> {
    let payload = token.split('.').nth(1).and_then(|payload| LENIENT.decode(payload).ok());
    let payload = payload.unwrap_or_default();
    names_in(payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&payload))
}

/// All that a payload calls its `iss`, up to where it is no JSON any more.
fn names_in(payload: &[u8]) -> Vec<String> {
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
    // What is said before an error counts: the error is for the verifier to tell.
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

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

    fn token(payload: &str) -> String {
        format!("!.{}.", URL_SAFE_NO_PAD.encode(payload))
    }

    fn is_claimed(token: &str) -> bool {
        claimed_issuers(token).contains(&"a".to_owned())
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
}
