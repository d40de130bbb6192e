//! `iss`, `aud`, `sub` and `jti`.

use portcullis_test_support::{SigningKey, jwks};
use serde_json::json;

use crate::support::*;

fn each<'a>(name: &str, values: impl IntoIterator<Item = &'a str>, code: &'static str) {
    judges().agree_on_honest(
        values
            .into_iter()
            .map(|value| (format!("{name}: {value:.60}"), honest(claiming(name, value)), code)),
    );
}

/// CVE-2025-30144 (a list), CVE-2024-53861 (a part of it).
#[test]
fn the_issuer_is_the_configured_one_to_the_letter() {
    each("iss", ["null", "[\"https://gitlab.example.com\"]", "[]", "1", "true", "{}"], "claim");
    judges().agree_on_honest([("missing", honest(claims_text("iss", "")), "claim_missing")]);
    each(
        "iss",
        [
            "\"\"",
            "\"https://gitlab.example.com/\"",
            "\"http://gitlab.example.com\"",
            "\"HTTPS://GITLAB.EXAMPLE.COM\"",
            "\"https://GitLab.example.com\"",
            "\"https://gitlab.example.com:443\"",
            "\"https://evil.gitlab.example.com\"",
            "\"https://gitlab.example.com.evil.example\"",
            "\"https://gitlab.example\"",
            "\"gitlab.example.com\"",
            "\"xhttps://gitlab.example.comx\"",
            "\"https://gitlab.example.com/group\"",
            "\"https://user@gitlab.example.com\"",
            "\"https://gitlab.example.com@evil.example\"",
            "\"https://gitlab.ex\u{430}mple.com\"",
            "\"https://gitlab.example.com \"",
            "\" https://gitlab.example.com\"",
            "\"https://gitlab.example.com\\u0000\"",
            "\"https://gitlab.example.com\\n\"",
            "\"https://gitlab.example.com.\"",
            "\"https://gitlab%2eexample.com\"",
            "\"https://xn--gitlab.example.com\"",
            "\"*\"",
        ],
        "issuer",
    );
    let escaped = claiming("iss", "\"https:\\/\\/gitlab.example.com\"");
    judges().agree([("escaped, the same text", honest(escaped), VERIFIED)]);
}

/// GitLab's tokens were of its bare host once, and are of its URL now.
#[test]
fn an_issuer_may_have_several_names() {
    let names = ["gitlab.example.com", ISSUER].map(str::to_owned);
    let either = builder(house()).issuers(names).any_audience().build();
    assert_eq!(either.issuers().map(<[String]>::len), Some(2));
    let of = |issuer: &str| honest(claiming("iss", &format!("\"{issuer}\"")));
    for name in [ISSUER, "gitlab.example.com"] {
        assert_eq!(verdict(&either, &of(name)), VERIFIED, "{name}");
    }
    for name in ["", "gitlab.example.com,https://gitlab.example.com", "http://gitlab.example.com"] {
        assert_eq!(verdict(&either, &of(name)), "issuer", "{name}");
    }
    assert_eq!(verdict(&either, &honest(claims_text("iss", ""))), "claim_missing");
    for names in [vec![], vec![String::new()]] {
        let nobody = builder(house()).issuers(names).any_audience().build();
        for name in ["", ISSUER] {
            assert_eq!(verdict(&nobody, &of(name)), "issuer", "{name}");
        }
    }
}

/// Two issuers that are both trusted, each by a verifier and keys of its own.
#[test]
fn an_issuer_does_not_speak_for_another() {
    let other = SigningKey::generate("RS256", "rsa-1");
    let theirs =
        builder(set_of(&jwks([&other]))).issuer("https://other.example.com").any_audience().build();
    let mut claims = claims();
    claims["iss"] = json!("https://other.example.com");
    assert_eq!(verdict(&theirs, &other.sign(&claims)), VERIFIED);
    assert_eq!(verdict(&theirs, &RSA.sign(&claims)), "signature");
    judges().agree([(
        "our issuer's name by their key",
        other.sign(&super::support::claims()),
        "signature",
    )]);
    judges().agree_on_honest([("their name by our key", RSA.sign(&claims), "issuer")]);
}

/// CVE-2020-26160 (an empty list).
#[test]
fn the_audience_is_one_of_the_configured_to_the_letter() {
    let types = ["null", "1", "{}", "true", "[null]", "[\"https://gw.example.com\",1]"];
    each("aud", types, "claim");
    each("aud", ["[[\"https://gw.example.com\"]]", "[\"https://gw.example.com\",null]"], "claim");
    judges().agree_on_honest([("missing", honest(claims_text("aud", "")), "claim_missing")]);
    each(
        "aud",
        [
            "\"\"",
            "[]",
            "[\"\"]",
            "\"https://other.example.com\"",
            "\"https://gw.example.com/\"",
            "\"HTTPS://GW.EXAMPLE.COM\"",
            "\"https://gw.example.com.evil.example\"",
            "\"https://gw.example\"",
            "\"https://gw.example.com,https://other.example.com\"",
            "\"https://gw.example.com https://other.example.com\"",
            "\"https://gw.example.com\\u0000\"",
            "\"*\"",
            "[\"*\"]",
            // What GitLab writes where a job asks for nothing else.
            "\"https://gitlab.example.com\"",
            "[\"https://other.example.com\",\"https://gitlab.example.com\"]",
        ],
        "audience",
    );
    for aud in [
        "[\"x\",\"https://gw.example.com\"]",
        "[\"https://gw.example.com\",\"https://gw.example.com\"]",
    ] {
        judges().agree([(aud, honest(claiming("aud", aud)), VERIFIED)]);
    }
}

#[test]
fn with_no_audience_to_be_meant_for_no_token_is_taken() {
    let nobody = builder(house()).issuer(ISSUER).audiences([]).build();
    for aud in ["\"\"", "[]", "[\"\"]", "\"https://gw.example.com\""] {
        assert_eq!(verdict(&nobody, &honest(claiming("aud", aud))), "audience", "{aud}");
    }
}

/// A choice that was left out by name leaves out the comparison, and not the type.
#[test]
fn a_claim_that_is_not_asked_for_still_has_its_type() {
    let anybody = builder(house()).any_issuer().any_audience().without_subject().build();
    for name in ["iss", "aud", "sub", "jti"] {
        assert_eq!(verdict(&anybody, &honest(claims_text(name, ""))), VERIFIED, "{name}");
        for value in ["null", "1", "{}", "true"] {
            assert_eq!(
                verdict(&anybody, &honest(claiming(name, value))),
                "claim",
                "{name} {value}"
            );
        }
    }
    assert_eq!(verdict(&anybody, &honest("{}")), "claim_missing");
}

#[test]
fn the_subject_is_a_name() {
    judges().agree_on_honest([("missing", honest(claims_text("sub", "")), "claim_missing")]);
    each("sub", ["null", "1", "true", "[\"a\"]", "{}", "\"\"", "\" \"", "\"\\u2003\""], "claim");
}

/// Who wants one (a replay guard) asks for it: absent or empty is taken here, another type is not.
#[test]
fn the_jti_is_a_text_where_it_is_there() {
    each("jti", ["null", "1", "1.5", "true", "[\"a\"]", "{}"], "claim");
    judges().agree([
        ("missing", honest(claims_text("jti", "")), VERIFIED),
        ("empty", honest(claiming("jti", "\"\"")), VERIFIED),
    ]);
}
