use serde_json::json;

use super::*;

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
    rules(&[(claims, "yes")]).explain(&claims_of(of)).0.is_some()
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
    assert_eq!(rules.explain(&claims_of(job())).0, Some(&"second"));
    assert_eq!(rules.explain(&claims_of(with("ref", json!("release")))).0, Some(&"first"));
    assert_eq!(rules.explain(&claims_of(json!({}))).0, Some(&"everybody"));
    assert_eq!((rules.len(), rules.is_empty()), (3, false));
    let none: Rules<()> = Rules::new([]);
    assert_eq!(none.explain(&claims_of(job())), (None, Trace::default()));
}

#[test]
fn names_that_only_look_alike_are_others() {
    let rule = || json!({"project_path": "infra/*", "ref": "main", "ref_protected": "true"});
    assert!(holds(rule(), job()));
    for (name, value) in [
        ("project_path", json!("infra/deploy/fork")),
        ("project_path", json!("xinfra/deploy")),
        ("project_path", json!("infra")),
        ("project_path", json!("Infra/deploy")),
        ("project_path", json!("infr\u{430}/deploy")),
        ("project_path", json!("infra/deploy\n")),
        ("ref", json!("main\n")),
        ("ref", json!("main2")),
        ("ref", json!("refs/merge-requests/1/head")),
        ("ref", json!("x:main")),
        ("ref_protected", json!("True")),
        ("ref_protected", json!("False")),
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
    assert!(!holds(json!({"project_id": 20}), with("project_id", json!(20.5))));
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

#[test]
fn names_that_nobody_knows_are_found() {
    let claims: Claims = serde_json::from_value(json!({"project_pat": "a", "ref": "b"})).unwrap();
    assert_eq!(claims.unknown(&["ref", "project_path"]).collect::<Vec<_>>(), ["project_pat"]);
}

#[test]
fn every_comparison_is_explained() {
    let rules = rules(&[
        (json!({"project_id": 20, "ref": "release", "x": "y"}), "first"),
        (json!({"ref": ["dev", "ma*"]}), "second"),
        (json!({"ref": "never looked at"}), "third"),
    ]);
    let (_, trace) = rules.explain(&claims_of(job()));
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
    let (outcome, trace) = rules.explain(&claims_of(with("ref", json!("z".repeat(16_000)))));
    assert_eq!((outcome, trace.decided_by), (None, None));
    assert!(
        trace.comparisons.iter().all(|one| one.found.as_ref().is_none_or(|text| text.len() < 300))
    );
    assert!(trace.to_string().ends_with("no rule holds"));
}
