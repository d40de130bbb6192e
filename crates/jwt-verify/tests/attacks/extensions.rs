//! Headers that would change what the token is: `crit`, `b64`, `zip`, `typ`, `cty`, and encryption.

use portcullis_test_support::base64url;
use serde_json::json;

use crate::support::*;

/// RFC 7515, section 4.1.11: what is not understood is refused, and nothing is. CVE-2025-59420.
#[test]
fn crit_is_refused_whatever_it_holds() {
    let values = [
        "[\"exp\"]",
        "[\"http://example.invalid/UNDEFINED\"]",
        "[\"b64\"]",
        "[]",
        "\"exp\"",
        "null",
        "[\"not-in-the-header\"]",
        "[\"alg\"]",
        "[\"x\",\"x\"]",
        "[1]",
        "[null]",
        "1",
        "{}",
        "[\"\"]",
        "\"\"",
        "false",
    ];
    judges().agree(values.map(|crit| {
        let header = header_with(&RSA, &format!("\"x\":1,\"exp\":1,\"crit\":{crit}"));
        (crit, honest_under(header), "critical")
    }));
    let twice = header_with(&RSA, "\"crit\":[\"x\"],\"crit\":[]");
    judges().agree([("twice", honest_under(twice), "header_json")]);
    judges().agree([("CRIT", honest_under(header_with(&RSA, "\"CRIT\":[\"x\"]")), VERIFIED)]);
}

/// RFC 7797, section 7: a JWT must not. What an understood `b64` would let through is refused by name.
#[test]
fn b64_is_refused_whatever_it_holds() {
    let bare = |header: &str| {
        // The claims as they are, and signed so: what RFC 7797 would make of them.
        let claims = "{\"sub\":\"admin\"}";
        RSA.sign_segments(&format!("{}.{claims}", base64url(header)))
    };
    let with_crit = header_with(&RSA, "\"b64\":false,\"crit\":[\"b64\"]");
    judges().agree([
        ("with crit", honest_under(&with_crit), "critical"),
        ("with crit, bare", bare(&with_crit), "critical"),
        ("without crit, bare", bare(&header_with(&RSA, "\"b64\":false")), "b64"),
    ]);
    judges().agree(
        ["false", "true", "null", "\"false\"", "0", "[]"]
            .map(|b64| (b64, honest_under(header_with(&RSA, &format!("\"b64\":{b64}"))), "b64")),
    );
}

/// What RFC 7515 does not know is ignored (section 4): `zip` is for encryption alone, and nothing is
/// ever inflated.
#[test]
fn unknown_members_are_ignored() {
    for members in ["\"zip\":\"DEF\"", "\"p2c\":2147483647", "\"enc\":\"A256GCM\"", "\"epk\":{}"] {
        judges().agree([(members, honest_under(header_with(&RSA, members)), VERIFIED)]);
    }
    // Deflated claims are no claims.
    let deflated = [0xab, 0x56, 0x2a, 0x2e, 0x4d, 0x52, 0xb2, 0x52, 0x4a, 0x4c, 0x01, 0x00];
    judges().agree_on_honest([("deflated", honest(deflated), "claims_json")]);
}

/// RFC 8725, section 3.11: one kind of token does not stand for another.
#[test]
fn typ_is_jwt_or_absent() {
    let typed =
        |typ: &str| honest_under(format!("{{\"alg\":\"RS256\",\"kid\":\"rsa-1\",\"typ\":{typ}}}"));
    let other =
        ["at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "application/jwt", "JOSE", "JWE"];
    let alike = ["", "JWT ", " JWT", "JWT\0", "ＪＷＴ", "JW\u{0422}", "jwt;a=b"];
    judges().agree(
        other.into_iter().chain(alike).map(|typ| (typ, typed(&json!(typ).to_string()), "type")),
    );
    judges().agree(["1", "null", "[\"JWT\"]", "true", "{}"].map(|typ| (typ, typed(typ), "header")));
    judges().agree(["JWT", "jwt", "Jwt"].map(|typ| (typ, typed(&format!("\"{typ}\"")), VERIFIED)));
    let absent = honest_under("{\"alg\":\"RS256\",\"kid\":\"rsa-1\"}");
    judges().agree([("absent", absent, VERIFIED)]);
}

/// RFC 7519, section 5.2: nobody opens the inner one.
#[test]
fn a_nested_token_is_no_claims() {
    let inner = RSA.sign(&claims());
    let header = base64url(header_with(&RSA, "\"cty\":\"JWT\""));
    let nested = RSA.sign_segments(&format!("{header}.{}", base64url(&inner)));
    judges().agree_on_honest([
        ("nested", nested, "claims_json"),
        ("quoted", honest(json!(inner).to_string()), "claims_json"),
    ]);
    // `cty` by itself says nothing that is acted on.
    judges().agree([("cty", honest_under(header_with(&RSA, "\"cty\":\"JWT\"")), VERIFIED)]);
}

/// CVE-2023-52428, CVE-2023-49290, CVE-2024-28122, CVE-2024-33664, CVE-2024-28180: no work at all is done
/// for a token that is encrypted.
#[test]
fn encrypted_tokens_are_not_touched() {
    let headers = [
        json!({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "rsa-1"}),
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 2_147_483_647_u32, "p2s": "AA"}),
        json!({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}),
        json!({"alg": "RS256", "enc": "A256GCM", "zip": "DEF", "kid": "rsa-1"}),
    ];
    for header in headers {
        let text = base64url(header.to_string());
        let parts = base64url([7; 32]);
        let five = format!("{text}.{parts}.{parts}.{parts}.{parts}");
        judges().agree([(&header, five, "segments")]);
        let direct = format!("{text}..{parts}.{parts}.{parts}");
        judges().agree([(&header, direct, "segments")]);
        let wanted = if header["alg"] == "RS256" { "signature" } else { "algorithm" };
        judges().agree([(&header, format!("{text}.{parts}.{parts}"), wanted)]);
    }
}
