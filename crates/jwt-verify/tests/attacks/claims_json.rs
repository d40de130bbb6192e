//! The claims as JSON, all of them signed by the issuer: it is what they say that is refused.

use serde_json::{Value, json};

use crate::support::*;

fn texts<'a>(payloads: impl IntoIterator<Item = (&'a str, String)>, code: &'static str) {
    judges()
        .agree_on_honest(payloads.into_iter().map(|(name, payload)| (name, honest(payload), code)));
}

#[test]
fn claims_are_one_object() {
    let good = claims().to_string();
    texts(
        [
            ("array", format!("[{good}]")),
            ("string", json!(good).to_string()),
            ("null", "null".into()),
            ("number", "7".into()),
            ("true", "true".into()),
            ("empty", String::new()),
            ("blank", " \n".into()),
            ("truncated", good[..good.len() - 1].into()),
            ("two objects", format!("{good}{good}")),
            ("trailing text", format!("{good}x")),
            ("trailing NUL", format!("{good}\0")),
            ("trailing comma", claims_text("", "").replace('}', ",}")),
            ("comment", good.replace('}', "/**/}")),
            ("no-break space", format!("\u{a0}{good}")),
            ("line feed in a text", claiming("sub", "\"a\nb\"")),
        ],
        "claims_json",
    );
    texts([("no claims", "{}".into())], "claim_missing");
}

/// First-wins and last-wins parsers disagree, and so nobody may choose.
#[test]
fn no_claim_stands_twice() {
    let odd = [
        ("sub", "\"admin\""),
        ("aud", "\"https://other.example.com\""),
        ("exp", "253402300799"),
        ("iss", "\"https://evil.example.com\""),
        ("project_path", "\"infra/secrets\""),
        ("user_id", "\"1\""),
    ];
    for (name, value) in odd {
        let honest_value = claims()[name].to_string();
        let pair = |first: &str, last: &str| {
            claims_text(name, &format!("\"{name}\":{first},\"{name}\":{last}"))
        };
        texts(
            [
                (name, pair(value, &honest_value)),
                (name, pair(&honest_value, value)),
                (name, pair(&honest_value, &honest_value)),
                (
                    name,
                    claims_text(
                        "",
                        &format!("\"\\u{:04x}{}\":{value}", name.as_bytes()[0], &name[1..]),
                    ),
                ),
            ],
            "claims_json",
        );
    }
    let deep = "{\"a\":{\"x\":1,\"y\":2,\"\\u0078\":3}}";
    texts(
        [
            ("by an escape", claims_text("", "\"s\\u0075b\":\"admin\"")),
            ("nested", claims_text("", &format!("\"n\":{deep}"))),
            ("in a list", claims_text("", &format!("\"n\":[0,[{deep}]]"))),
            ("in a registered claim's place", claiming("aud", deep)),
            ("in a time's place", claiming("exp", &format!("[{deep}]"))),
        ],
        "claims_json",
    );
    // Names that differ in case, or in how Unicode composes them, differ.
    texts_verify(&[
        claims_text("", "\"SUB\":\"admin\",\"Exp\":0,\"AUD\":null"),
        claims_text("", "\"\\u00e9\":1,\"e\\u0301\":2"),
    ]);
}

fn texts_verify(payloads: &[String]) {
    judges().agree(payloads.iter().map(|payload| (payload, honest(payload), VERIFIED)));
}

#[test]
fn claims_are_utf_8() {
    let around = |bytes: &[u8]| [b"{\"x\":\"", bytes, b"\"}"].concat();
    let utf_16: Vec<u8> = claims().to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    judges().agree_on_honest(
        [
            ("byte order mark", [b"\xef\xbb\xbf", claims().to_string().as_bytes()].concat()),
            ("UTF-16LE", utf_16),
            ("0xff", around(b"\xff")),
            ("overlong", around(b"\xc0\xaf")),
            ("surrogate", around(b"\xed\xa0\x80")),
            ("escaped surrogate", around(b"\\ud800")),
            ("cut character", around(b"\xe2\x82")),
        ]
        .map(|(name, payload)| (name, honest(payload), "claims_json")),
    );
}

/// As deep as is taken at all, everything that is read of the claims is read to the end.
#[test]
fn depth_is_bounded_and_the_same_for_every_reader() {
    let nested = |levels: usize| {
        claims_text("", &format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels)))
    };
    texts([("200", nested(200)), ("5,000", nested(5000))], "claims_json");
    judges().agree([("10,000", honest(nested(10_000)), "too_long")]);
    let verifier = usual(house()).build();
    let mut deepest = 0;
    for levels in 100..140 {
        let Ok(claims) = at_once(verifier.verify(&honest(nested(levels)))) else { continue };
        deepest = levels;
        assert_eq!(claims.members()["project_path"], "infra/a");
        assert_eq!(claims.deserialize::<Value>().unwrap()["user_id"], "7");
    }
    assert_eq!(deepest, 126, "127 levels with the outermost one");
}

#[test]
fn numbers_are_what_json_has() {
    let number = |text: &str| claims_text("", &format!("\"x\":{text}"));
    let never =
        ["NaN", "Infinity", "-Infinity", "01", "+1", "1.", ".5", "0x1F", "1e", "--1", "1_0"];
    texts(never.map(|text| (text, number(text))), "claims_json");
    // Beyond what a double holds.
    let long = "9".repeat(5000);
    texts([("1e400", number("1e400")), ("5,000 digits", number(&long))], "claims_json");
    let fraction = format!("0.{long}");
    texts_verify(&["1E2", "1e-400", "-0", "-0.0", "18446744073709551616", &fraction].map(number));
}

/// Texts are taken as they are: what a text may hold is for the rules, and for `sub` alone the
/// verifier's (it is somebody's name in logs and headers).
#[test]
fn what_texts_may_hold() {
    let subjects =
        ["a\\u0000", "\\r\\na", "a\\u001b[2J", "\\u0085", "a\\u009b", "", " ", "\\u00a0", "\\t"];
    texts(subjects.map(|sub| (sub, claiming("sub", &format!("\"{sub}\"")))), "claim");
    let long = "s".repeat(8000);
    texts_verify(&[
        claims_text("", "\"user_login\":\"a\\u202eb\",\"y\":\"a\\r\\nb\",\"z\":\"\\u0000\""),
        claiming("sub", "\"\\u202eadmin\""),
        claiming("sub", &format!("\"{long}\"")),
        claiming("jti", &format!("\"{long}\"")),
    ]);
}

/// A parser's own marker for a value that is still a text: read as such, the inner text would escape
/// every check above, and an inner text that is no JSON would leave a token without any claims.
#[test]
fn a_name_that_the_parser_keeps_for_itself_is_refused() {
    for inner in ["{\\\"a\\\":1,\\\"a\\\":2}", "not JSON", "\\\"infra/a\\\""] {
        let marked = format!("{{\"$serde_json::private::RawValue\":\"{inner}\"}}");
        texts(
            [
                ("nested", claims_text("", &format!("\"x\":{marked}"))),
                ("in a list", claims_text("", &format!("\"x\":[{marked}]"))),
                ("in a registered claim's place", claiming("jti", &marked)),
                ("outermost", marked.clone()),
            ],
            "claims_json",
        );
    }
    let by_escape = "\"x\":{\"\\u0024serde_json::private::RawValue\":\"no\"}";
    texts([("by an escape", claims_text("", by_escape))], "claims_json");
    let number = "\"x\":{\"$serde_json::private::Number\":\"1\"}";
    texts([("number", claims_text("", number))], "claims_json");
}
