//! Segments and base64url.

use portcullis_test_support::base64url;
use serde_json::json;

use crate::support::*;

#[test]
fn a_token_is_three_segments() {
    let token = RSA.sign(&claims());
    let (signed, _) = taken_apart(&token);
    let header = token.split('.').next().unwrap();
    judges().agree([
        ("none", String::new(), "segments"),
        ("one", header.to_owned(), "segments"),
        ("two", signed, "segments"),
        ("four, the last empty", format!("{token}."), "segments"),
        ("four", format!("{token}.rubbish"), "segments"),
        ("five", format!("{token}.a.b"), "segments"),
        ("a dot before", format!(".{token}"), "segments"),
        ("a dot and no header", format!(".{}", token.split_once('.').unwrap().1), "header_json"),
        ("two dots", "..".to_owned(), "header_json"),
        ("1,000 dots", ".".repeat(1000), "segments"),
        ("a mebibyte of dots", ".".repeat(1 << 20), "too_long"),
    ]);
}

#[test]
fn nothing_stands_around_or_within_a_token() {
    let token = RSA.sign(&claims());
    let middle = token.find('.').unwrap() + 3;
    let within = |what: &str| format!("{}{what}{}", &token[..middle], &token[middle..]);
    for blank in [" ", "\n", "\t", "\r\n", "\0", "\u{a0}", "\u{2003}", "\u{feff}", "\u{200b}"] {
        judges().agree([
            (format!("{blank:?} before"), format!("{blank}{token}"), "base64"),
            (format!("{blank:?} after"), format!("{token}{blank}"), "base64"),
            (format!("{blank:?} within"), within(blank), "base64"),
        ]);
    }
    judges().agree([
        ("Bearer", format!("Bearer {token}"), "base64"),
        ("quotes", format!("\"{token}\""), "base64"),
        ("escaped dots", token.replace('.', "%2E"), "segments"),
        ("another dot", token.replace('.', "\u{3002}"), "segments"),
        ("skipped character", within("?"), "base64"),
    ]);
}

#[test]
fn base64url_has_no_padding() {
    let token = RSA.sign(&claims());
    let (header, payload) = (base64url(RSA.header().to_string()), claims().to_string());
    let padded = padded(&payload);
    assert!(padded.ends_with('='));
    judges().agree([
        ("on the signature", format!("{token}=="), "base64"),
        (
            "on the claims, and signed so",
            RSA.sign_segments(&format!("{header}.{padded}")),
            "base64",
        ),
        (
            "on the header",
            RSA.sign_segments(&format!("{header}=.{}", base64url(payload))),
            "base64",
        ),
    ]);
}

/// A payload of which base64 needs padding, with it.
fn padded(payload: &str) -> String {
    use base64::Engine as _;
    let spaces = " ".repeat((4 - payload.len() % 3) % 3);
    base64::engine::general_purpose::URL_SAFE.encode(format!("{payload}{spaces}"))
}

#[test]
fn the_standard_alphabet_is_another() {
    use base64::Engine as _;
    let standard = base64::engine::general_purpose::STANDARD_NO_PAD;
    let header = header_with(&RSA, "\"x\":\"\u{3ff}\u{fbf}>>>???~~~\"");
    let text = standard.encode(&header);
    assert!(text.contains('+') && text.contains('/'), "{text}");
    let payload = base64url(claims().to_string());
    judges().agree([
        ("standard", RSA.sign_segments(&format!("{text}.{payload}")), "base64"),
        ("url", RSA.sign_segments(&format!("{}.{payload}", base64url(&header))), VERIFIED),
    ]);
}

/// The last character of a segment may carry bits that no byte has. Two texts would be one token.
#[test]
fn no_bits_are_loose() {
    // 256 bytes and 64 bytes both leave four bits loose in their last character.
    for signer in [&*RSA, &*EC, &*ED] {
        let token = signer.sign(&claims());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        judges().agree([("signature", format!("{signed}.{}", loosened(signature)), "base64")]);
    }
    for spaces in ["", " ", "  "] {
        let payload = base64url(format!("{}{spaces}", claims()));
        if payload.len() % 4 != 0 {
            let token = RSA.sign_segments(&format!(
                "{}.{}",
                base64url(RSA.header().to_string()),
                loosened(&payload)
            ));
            judges().agree([("claims, signed so", token, "base64")]);
        }
    }
}

#[test]
fn no_text_has_a_length_of_one_more_than_a_multiple_of_four() {
    let token = RSA.sign(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let impossible =
        |segment: &str| format!("{segment}{}", "A".repeat((5 - segment.len() % 4) % 4));
    for place in 0..3 {
        let segments: Vec<String> = (0..3)
            .map(|n| if n == place { impossible(parts[n]) } else { parts[n].to_owned() })
            .collect();
        assert_eq!(segments[place].len() % 4, 1);
        judges().agree([(place, segments.join("."), "base64")]);
    }
}

/// RFC 7515, section 7.2: a bearer token is never one of these. CVE-2024-21664.
#[test]
fn json_serializations_are_no_tokens() {
    let token = RSA.sign(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let (protected, payload, signature) = (parts[0], parts[1], parts[2]);
    let one = json!({"protected": protected, "signature": signature});
    let unprotected = json!({"header": {"alg": "RS256", "kid": "rsa-1"}, "signature": signature});
    let general =
        |signatures: serde_json::Value| json!({"payload": payload, "signatures": signatures});
    let flattened = json!({"payload": payload, "protected": protected, "signature": signature});
    judges().agree([
        ("flattened", flattened.to_string(), "segments"),
        ("general", general(json!([one])).to_string(), "segments"),
        ("two signatures", general(json!([one, unprotected])).to_string(), "segments"),
        ("no signatures", general(json!([])).to_string(), "segments"),
        ("unprotected alg", general(json!([unprotected])).to_string(), "segments"),
        (
            "no protected",
            json!({"payload": payload, "signature": signature}).to_string(),
            "segments",
        ),
        ("dots in it", json!({"payload": payload, "a": "x.y.z"}).to_string(), "base64"),
    ]);
}

#[test]
fn bare_claims_are_no_token() {
    judges().agree([
        ("claims", json!({"sub": "admin", "exp": NOW + 300}).to_string(), "segments"),
        ("dots in them", json!({"iss": "https://gitlab.example.com"}).to_string(), "base64"),
        ("encoded", base64url(claims().to_string()), "segments"),
    ]);
}

/// A JWS may have no payload; a JWT has claims.
#[test]
fn an_empty_payload_is_a_payload_and_no_claims() {
    let empty = honest("");
    let verifier = usual(house()).build();
    assert_eq!(at_once(verifier.verify_payload(&empty)).unwrap(), b"");
    judges().agree_on_honest([("empty", empty, "claims_json")]);
    let bytes = [0, 0xff, b'.', b'\n'];
    assert_eq!(at_once(verifier.verify_payload(&honest(bytes))).unwrap(), bytes);
}
