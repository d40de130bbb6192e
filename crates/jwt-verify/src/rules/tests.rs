use std::sync::Arc;

use portcullis_test_support::{SigningKey, jwks};
use serde_json::json;

use super::*;
use crate::sources::{KeySource, StaticKeys};
use crate::{KeySet, Verifier};

fn claims_of(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("not an object") };
    members
}

fn rules(all: &[(Value, &'static str)]) -> Rules<&'static str> {
    let rule = |(claims, outcome): &(Value, _)| Rule {
        claims: serde_json::from_value(claims.clone()).unwrap(),
        outcome: *outcome,
    };
    Rules::new(all.iter().map(rule))
}

fn holds(claims: Value, of: Value) -> bool {
    let (rules, of) = (rules(&[(claims, "yes")]), claims_of(of));
    let explained = rules.look(&of).0.is_some();
    assert_eq!(rules.iter().any(|rule| rule.claims.hold(&of)), explained, "{of:?}");
    explained
}

/// A job of `main` in a project, as GitLab tells it.
fn job() -> Value {
    json!({
        "project_path": "infra/deploy", "project_id": "20", "namespace_path": "infra", "ref": "main",
        "ref_type": "branch", "ref_protected": "true", "user_login": "alice", "groups_direct": ["a", "b/c"]
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut job = job();
    job[name] = value;
    job
}

#[test]
fn the_first_rule_that_holds_counts_and_all_its_claims_have_to() {
    let rules = rules(&[
        (json!({"project_path": "infra/*", "ref": "release"}), "first"),
        (json!({"project_path": "infra/*", "ref": ["dev", "main"]}), "second"),
        (json!({}), "everybody"),
    ]);
    assert_eq!(rules.look(&claims_of(job())).0, Some(&"second"));
    assert_eq!(rules.look(&claims_of(with("ref", json!("release")))).0, Some(&"first"));
    assert_eq!(rules.look(&claims_of(json!({}))).0, Some(&"everybody"));
    assert_eq!((rules.len(), rules.is_empty()), (3, false));
    let none: Rules<()> = Rules::new([]);
    assert_eq!(none.look(&claims_of(job())), (None, Trace::default()));
}

#[test]
fn names_that_only_look_alike_are_others() {
    let rule = || json!({"project_path": "infra/*", "ref": "main", "ref_protected": "true"});
    assert!(holds(rule(), job()));
    for (name, value) in [
        ("project_path", json!("infra/deploy/fork")),
        ("project_path", json!("eve/infra/deploy")),
        ("project_path", json!("infra-eve/deploy")),
        ("project_path", json!("infra//deploy")),
        ("project_path", json!("INFRA/deploy")),
        ("project_path", json!({"infra/deploy": "infra/deploy"})),
        ("project_path", json!("xinfra/deploy")),
        ("project_path", json!("infra")),
        ("project_path", json!("Infra/deploy")),
        ("project_path", json!("infr\u{430}/deploy")),
        ("project_path", json!("infra/deploy\n")),
        ("ref", json!("main\n")),
        ("ref", json!("main2")),
        ("ref", json!("Main")),
        ("ref", json!("main:x")),
        ("ref", json!("main\0")),
        ("ref", json!(" main")),
        ("ref", json!("refs/merge-requests/1/head")),
        ("ref", json!("x:main")),
        ("ref_protected", json!("True")),
        ("ref_protected", json!("False")),
        ("ref_protected", json!("false")),
        ("ref_protected", json!(true)),
        ("ref_protected", Value::Null),
    ] {
        assert!(!holds(rule(), with(name, value.clone())), "{name} {value}");
    }
    let mut absent = job();
    absent.as_object_mut().unwrap().remove("ref_protected");
    assert!(!holds(rule(), absent));
}

#[test]
fn types_are_part_of_a_condition() {
    for value in [json!(20), json!(20.0), json!("020"), json!("20 "), json!(["2", "0"])] {
        assert!(!holds(json!({"project_id": "20"}), with("project_id", value.clone())), "{value}");
    }
    assert!(holds(json!({"project_id": 20}), with("project_id", json!(20))));
    assert!(!holds(json!({"project_id": 20}), with("project_id", json!("20"))));
    for number in [json!(20.0), json!(20.5), json!(2e1), json!(-20), json!(u64::MAX)] {
        assert!(!holds(json!({"project_id": 20}), with("project_id", number.clone())), "{number}");
    }
    assert!(holds(json!({"admin": true}), with("admin", json!(true))));
    assert!(!holds(json!({"admin": true}), with("admin", json!(false))));
    assert!(holds(json!({"project_id": ["20", 20]}), job()));
}

#[test]
fn of_a_claim_that_is_a_list_one_element_has_to_fit() {
    assert!(holds(json!({"groups_direct": "b/*"}), job()));
    assert!(holds(json!({"groups_direct": ["x", "a"]}), job()));
    assert!(!holds(json!({"groups_direct": "b"}), job()));
    assert!(!holds(json!({"groups_direct": "**"}), with("groups_direct", json!([]))));
    assert!(!holds(
        json!({"groups_direct": "a"}),
        with("groups_direct", json!([["a"], {"a": "a"}]))
    ));
}

#[test]
fn what_is_no_condition_is_refused() {
    for value in [
        json!(null),
        json!([]),
        json!({"a": 1}),
        json!([["a"]]),
        json!(1.5),
        json!(""),
        json!("***"),
    ] {
        assert!(serde_json::from_value::<Condition>(value.clone()).is_err(), "{value}");
    }
    let error = serde_json::from_value::<Condition>(json!([])).unwrap_err();
    assert!(error.to_string().contains("not empty"), "{error}");
}

#[tokio::test]
async fn what_is_decided_is_what_is_explained() {
    let key = SigningKey::generate("ES256", "k");
    let keys = KeySet::from_jwks(jwks([&key]).to_string().as_bytes()).unwrap();
    let keys: Arc<dyn KeySource> = Arc::new(StaticKeys::new(keys));
    let verifier = Verifier::builder(keys)
        .any_issuer()
        .any_audience()
        .without_expiry()
        .without_subject()
        .build();
    let rules = rules(&[
        (json!({"ref": "release", "aud": "a"}), "first"),
        (json!({"ref": "main", "aud": "b"}), "second"),
        (json!({"ref": "main"}), "third"),
    ]);
    for (aud, outcome) in [(json!("a"), "third"), (json!(["x", "b"]), "second")] {
        let claims = verifier.verify(&key.sign(&with("aud", aud))).await.unwrap();
        assert_eq!(rules.decide(&claims), Some(&outcome));
        assert_eq!(rules.look(claims.members()).0, Some(&outcome));
    }
    let claims = verifier.verify(&key.sign(&with("ref", json!("dev")))).await.unwrap();
    assert_eq!(rules.decide(&claims), None);
}

/// The claims of a tag called `main`, of a project whose id was another's, of an account whose name was.
#[test]
fn each_claim_that_a_rule_names_is_asked() {
    let rule = || json!({"project_id": "20", "project_path": "infra/*", "ref": "main", "ref_type": "branch"});
    assert!(holds(rule(), job()));
    for (name, value) in [
        ("ref_type", json!("tag")),
        ("project_id", json!("21")),
        ("project_path", json!("moved/deploy")),
    ] {
        assert!(!holds(rule(), with(name, value)), "{name}");
    }
    // What a rule does not name may be anything: who goes by a name that can be given away names the id.
    assert!(holds(rule(), with("user_login", json!("somebody else"))));
    let by_namespace = || json!({"namespace_path": "infra/**"});
    assert!(holds(by_namespace(), with("namespace_path", json!("infra/a/b"))));
    for path in ["infra", "infra-eve/a", "eve/infra/a"] {
        assert!(!holds(by_namespace(), with("namespace_path", json!(path))), "{path}");
    }
}

#[test]
fn a_name_is_no_path() {
    let nested = json!({"a": {"b": "x"}, "c.d": "y"});
    assert!(!holds(json!({"a.b": "x"}), nested.clone()));
    assert!(!holds(json!({"c": "y"}), nested.clone()));
    assert!(holds(json!({"c.d": "y"}), nested));
}

#[test]
fn configuration_says_which_claim_is_wrong() {
    let read = |text: &str| toml::from_str::<Claims>(text);
    let claims =
        read("project_path = [\"infra/*\", 'a\\*']\nref_protected = true\nid = 20").unwrap();
    let wanted = json!({"project_path": ["infra/*", "a\\*"], "ref_protected": true, "id": 20});
    assert_eq!(serde_json::from_value::<Claims>(wanted).unwrap(), claims);
    for (text, why) in [
        ("ref = 1.5", "\"ref\": a condition is a text"),
        ("ref = 2026-01-01", "\"ref\": a condition is a text"),
        ("ref = {a = 1}", "\"ref\": a condition is a text"),
        ("ref = []", "\"ref\": a list of alternatives is not empty"),
        ("ref = '***'", "\"ref\": no more than two stars"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let twice = serde_json::from_str::<Claims>(r#"{"ref": "a", "r\u0065f": "b"}"#).unwrap_err();
    assert!(twice.to_string().starts_with("\"ref\": the claim has two conditions"), "{twice}");
    let error = Claims::parse([("ref".to_owned(), json!(null))]).unwrap_err();
    assert_eq!(error, RuleError { claim: "ref".into(), why: ConditionError::Type });
}

#[test]
fn names_that_nobody_knows_are_found() {
    let claims: Claims = serde_json::from_value(json!({"project_pat": "a", "ref": "b"})).unwrap();
    assert_eq!(claims.unknown(&["ref", "project_path"]).collect::<Vec<_>>(), ["project_pat"]);
    let rules = rules(&[(json!({"ref": "a"}), "one"), (json!({"Ref": "a"}), "two")]);
    assert_eq!(rules.unknown_claims(&["ref"]).collect::<Vec<_>>(), [(2, "Ref")]);
}

#[test]
fn every_comparison_is_explained() {
    let rules = rules(&[
        (json!({"project_id": 20, "ref": "release", "x": "y"}), "first"),
        (json!({"ref": ["dev", "ma*"]}), "second"),
        (json!({"ref": "never looked at"}), "third"),
    ]);
    let (_, trace) = rules.look(&claims_of(job()));
    assert_eq!(
        trace.to_string(),
        "rule 1: project_id is \"20\", of another type than 20\n\
         rule 1: ref is \"main\", not \"release\"\n\
         rule 1: x is missing, wanted is \"y\"\n\
         rule 2: ref is \"main\", which fits \"dev\" or \"ma*\"\n\
         rule 2 holds"
    );
    let machines = serde_json::to_value(&trace).unwrap();
    assert_eq!(machines["decided_by"], 2);
    assert_eq!(
        machines["comparisons"][2],
        json!({"rule": 1, "claim": "x", "wanted": "\"y\"", "found": null, "verdict": "missing"})
    );
    let (outcome, trace) = rules.look(&claims_of(with("ref", json!("z".repeat(16_000)))));
    assert_eq!((outcome, trace.decided_by), (None, None));
    assert!(
        trace.comparisons.iter().all(|one| one.found.as_ref().is_none_or(|text| text.len() < 300))
    );
    assert!(trace.to_string().ends_with("no rule holds"));
}

#[test]
fn what_a_token_says_cannot_steer_a_terminal_or_hide() {
    let rules = rules(&[(json!({"ref": "main"}), "yes")]);
    for (value, shown) in [
        ("m\u{430}in", r"m\u0430in"),
        ("\u{1b}[2Jmain", r"\u001b[2Jmain"),
        ("main\n", r"main\n"),
        ("\u{9b}\u{7f}\u{202e}main", r"\u009b\u007f\u202emain"),
        ("\u{1f600}", r"\ud83d\ude00"),
    ] {
        let (_, trace) = rules.look(&claims_of(json!({"ref": value})));
        assert_eq!(
            trace.to_string(),
            format!("rule 1: ref is \"{shown}\", not \"main\"\nno rule holds")
        );
        let found: Value =
            serde_json::from_str(trace.comparisons[0].found.as_ref().unwrap()).unwrap();
        assert_eq!(found, value);
    }
}

#[test]
fn what_is_cut_is_cut_in_ascii() {
    let rules = Rules::new([Rule {
        claims: Claims::parse([("ref".to_owned(), json!("main"))]).unwrap(),
        outcome: (),
    }]);
    let (_, trace) = rules.look(json!({"ref": "ä".repeat(300)}).as_object().unwrap());
    assert!(trace.comparisons[0].found.as_ref().unwrap().ends_with("..."));
    assert!(trace.to_string().is_ascii() && serde_json::to_string(&trace).unwrap().is_ascii());
}
