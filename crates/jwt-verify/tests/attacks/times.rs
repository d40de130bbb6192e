//! `exp`, `nbf` and `iat`.

use std::time::Duration;

use serde_json::json;

use crate::support::*;

/// `name` has each of these values, written as they are.
fn each<'a>(name: &str, values: impl IntoIterator<Item = (&'a str, &'static str)>) {
    for (value, wanted) in values {
        let case = (format!("{name}: {value:.40}"), honest(claiming(name, value)), wanted);
        if wanted == VERIFIED {
            judges().agree([case]);
        } else {
            judges().agree_on_honest([case]);
        }
    }
}

/// Of another type, or no time at all: an error, and never absence. CVE-2026-25537.
const NO_TIMES: [&str; 20] = [
    "null",
    "\"1780000300\"",
    "\"never\"",
    "\"2026-05-28T20:26:40Z\"",
    "\"\"",
    "true",
    "false",
    "[1780000300]",
    "[]",
    "{}",
    "{\"seconds\":1780000300}",
    "-1",
    "-0.5",
    "1780000300000",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "253402300800",
    "253402300799.5",
    "1e300",
];

/// No JSON, and so no claims.
const NO_NUMBERS: [&str; 8] = [
    "NaN",
    "Infinity",
    "1e400",
    "01780000300",
    "+1780000300",
    "1780000300.",
    "0x6A18A4AC",
    "1_780",
];

#[test]
fn a_time_is_a_number_in_four_digit_years() {
    for name in ["exp", "nbf", "iat"] {
        each(name, NO_TIMES.map(|value| (value, "claim")));
        each(name, NO_NUMBERS.map(|value| (value, "claims_json")));
    }
}

#[test]
fn exp_has_not_come() {
    let at = |seconds: i64| (NOW + seconds).to_string();
    each(
        "exp",
        [
            (at(-3600).as_str(), "expired"),
            (&at(-31), "expired"),
            // RFC 7519, section 4.1.4, allows a small leeway; it is 30 s here.
            (&at(-30), VERIFIED),
            (&at(-1), VERIFIED),
            (&at(0), VERIFIED),
            (&format!("{}.5", NOW - 31), "expired"),
            (&format!("{}.5", NOW + 1), VERIFIED),
            (&format!("{}e0", NOW + 1), VERIFIED),
            ("0", "expired"),
            ("-0.0", "expired"),
            ("1E2", "expired"),
            ("1e-400", "expired"),
            // A double, and in the year 2286: a number is a number however it is written.
            ("1e10", VERIFIED),
            ("253402300799", VERIFIED),
            // How long tokens live is the issuer's to say: ten years are taken.
            (&at(10 * 365 * 86400), VERIFIED),
        ],
    );
    judges().agree_on_honest([("missing", honest(claims_text("exp", "")), "claim_missing")]);
}

#[test]
fn without_leeway_a_token_is_dead_when_exp_strikes() {
    let strict = usual(house()).leeway(Duration::ZERO).build();
    for (after, wanted) in [(-1, "expired"), (0, "expired"), (1, VERIFIED)] {
        let token = honest(claiming("exp", &(NOW + after).to_string()));
        assert_eq!(verdict(&strict, &token), wanted, "{after}");
    }
}

/// Where `exp` is not required it still counts, and has to be a time.
#[test]
fn an_optional_exp_is_not_an_ignored_one() {
    let lax = usual(house()).without_expiry().build();
    assert_eq!(verdict(&lax, &honest(claims_text("exp", ""))), VERIFIED);
    for (value, wanted) in [("null", "claim"), ("\"1\"", "claim"), ("1", "expired")] {
        assert_eq!(verdict(&lax, &honest(claiming("exp", value))), wanted, "{value}");
    }
}

#[test]
fn nbf_and_iat_have_come() {
    for (name, code) in [("nbf", "not_yet_valid"), ("iat", "issued_in_future")] {
        let at = |seconds: i64| (NOW + seconds).to_string();
        each(
            name,
            [
                (at(31).as_str(), code),
                (&at(3600), code),
                (&at(30), VERIFIED),
                // After `exp`, and so in the future; ten years old is as good as new.
                (&at(301), code),
                ("253402300799", code),
                (&at(-10 * 365 * 86400), VERIFIED),
                ("0", VERIFIED),
                ("1E2", VERIFIED),
            ],
        );
        judges().agree([(name, honest(claims_text(name, "")), VERIFIED)]);
    }
}

/// Both inside the leeway and the wrong way round: clocks that differ explain it, and it lives no longer.
#[test]
fn an_order_within_the_leeway_is_taken() {
    let mut odd = claims();
    odd["exp"] = json!(NOW - 10);
    odd["iat"] = json!(NOW + 10);
    odd["nbf"] = json!(NOW + 10);
    judges().agree([("odd", honest(odd.to_string()), VERIFIED)]);
}

/// What is said first when several things are wrong: issuer, audience, then times, then the subject.
#[test]
fn one_reason_is_told_and_always_the_same() {
    let mut wrong = json!({"iss": "x", "aud": "x", "exp": 1, "sub": ""});
    for (name, value, code) in [
        ("iss", json!(ISSUER), "issuer"),
        ("aud", json!(AUDIENCE), "audience"),
        ("exp", json!(NOW + 1), "expired"),
        ("sub", json!("s"), "claim"),
    ] {
        judges().agree_on_honest([(name, honest(wrong.to_string()), code)]);
        wrong[name] = value;
    }
    judges().agree([("all right", honest(wrong.to_string()), VERIFIED)]);
}
