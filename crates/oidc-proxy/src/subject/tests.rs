use std::sync::LazyLock;

use futures_util::FutureExt as _;
use portcullis_jwt_verify::sources::StaticKeys;
use portcullis_jwt_verify::{KeySet, Verifier};
use portcullis_test_support::{SigningKey, jwks};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

static ISSUER: LazyLock<(SigningKey, Verifier)> = LazyLock::new(|| {
    let key = SigningKey::generate("EdDSA", "k");
    let keys = KeySet::from_jwks(jwks([&key]).to_string().as_bytes()).unwrap();
    let verifier = Verifier::builder(StaticKeys::new(keys)).any_issuer().any_audience();
    (key, verifier.without_expiry().without_subject().build())
});

/// Only a verifier makes claims that are proved.
fn proved(claims: &Value) -> VerifiedClaims {
    let (key, verifier) = &*ISSUER;
    verifier.verify(&key.sign(claims)).now_or_never().unwrap().unwrap()
}

fn compose(template: &str, claims: &Value) -> Result<String, SubjectError> {
    Template::parse(template, ':').unwrap().compose(&proved(claims))
}

#[test]
fn claims_stand_where_they_are_named() {
    let claims = json!({"a": "x", "b/c": "y z", "d": "{a}"});
    for (template, subject) in [
        ("{a}", "x"),
        ("project:{a}", "project:x"),
        ("{a}:{b/c}", "x:y z"),
        ("p:{a}:-:{a}:q", "p:x:-:x:q"),
        ("{a}-:{d}", "x-:{a}"),
    ] {
        assert_eq!(compose(template, &claims).unwrap(), subject);
    }
    let template = Template::parse("{a}:{b/c}", ':').unwrap();
    assert_eq!(template.claims().collect::<Vec<_>>(), ["a", "b/c"]);
}

#[test]
fn what_could_be_read_in_two_ways_is_no_template() {
    let brace = TemplateError::Brace;
    for (template, error) in [
        ("", TemplateError::NoClaim),
        ("sub", TemplateError::NoClaim),
        ("{", brace.clone()),
        ("}", brace.clone()),
        ("{}", brace.clone()),
        ("{a}}", brace.clone()),
        ("{{a}", brace.clone()),
        ("}{a}", brace.clone()),
        ("{a", brace),
        ("{a}{b}", TemplateError::TooClose("a".into(), "b".into())),
        ("{a}-{b}", TemplateError::TooClose("a".into(), "b".into())),
        ("{a}:{b}/{c}", TemplateError::TooClose("b".into(), "c".into())),
    ] {
        assert_eq!(Template::parse(template, ':'), Err(error), "{template}");
    }
    for separator in ['a', '7', '\u{e4}', '{', '}', '\n', '\0'] {
        assert_eq!(Template::parse("{a}", separator), Err(TemplateError::Separator));
    }
    assert!(Template::parse("{a}|{b}", '|').is_ok());
}

#[test]
fn a_claim_that_cannot_stand_there_composes_nothing() {
    for (claims, error) in [
        (json!({}), SubjectError::Missing("a".into())),
        (json!({"A": "x"}), SubjectError::Missing("a".into())),
        (json!({"a": null}), SubjectError::NotText("a".into())),
        (json!({"a": 7}), SubjectError::NotText("a".into())),
        (json!({"a": true}), SubjectError::NotText("a".into())),
        (json!({"a": ["x"]}), SubjectError::NotText("a".into())),
        (json!({"a": ""}), SubjectError::Ambiguous("a".into())),
        (json!({"a": "x:y"}), SubjectError::Ambiguous("a".into())),
        (json!({"a": "x\u{0}"}), SubjectError::Ambiguous("a".into())),
        (json!({"a": "x\n"}), SubjectError::Ambiguous("a".into())),
    ] {
        assert_eq!(compose("p:{a}", &claims), Err(error), "{claims}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Few letters, so that what can collide does.
    #[test]
    fn two_identities_never_compose_the_same(
        texts in proptest::collection::vec("[:a/-]{0,3}", 4),
        one in proptest::collection::vec("[:a/{}-]{0,3}", 3),
        other in proptest::collection::vec("[:a/{}-]{0,3}", 3),
    ) {
        let text = format!("{}{{a}}{}{{b}}{}{{c}}{}", texts[0], texts[1], texts[2], texts[3]);
        if let Ok(template) = Template::parse(&text, ':') {
            let claims = |of: &[String]| proved(&json!({"a": of[0], "b": of[1], "c": of[2]}));
            let subjects = (template.compose(&claims(&one)), template.compose(&claims(&other)));
            if let (Ok(first), Ok(second)) = subjects {
                prop_assert_eq!(first == second, one == other);
            }
        }
    }
}
