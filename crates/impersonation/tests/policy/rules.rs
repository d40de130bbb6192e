//! Rules, as an operator writes them.

use std::collections::BTreeSet;

use portcullis_impersonation::policy::{CLAIMS, RuleClaimFault};
use portcullis_jwt_verify::rules::{ConditionError, PatternError};
use serde_json::json;

use super::*;

#[test]
fn the_first_rule_that_holds_counts_and_with_rules_nothing_goes_without_saying() {
    let policy = Policy::new(options(&[
        (json!({"ref": "v*", "ref_type": "tag"}), grant(&["api"], 10)),
        (json!({"project_path": "infra/*"}), grant(&["write_repository"], 300)),
        (json!({"project_path": "infra/deploy"}), grant(&["sudo"], 20)),
    ]));
    assert_eq!(decide(&policy, &job()).unwrap(), grant(&["write_repository"], 300));
    let elsewhere = json!({"project_path": "a/b", "job_project_path": "a/b"});
    assert_refused(&policy, &job_with(elsewhere.clone()), "no_rule");
    assert_eq!(policy.longest_lifetime().as_secs(), 300);
    let none = Policy::new(options(&[]));
    assert_eq!(decide(&none, &job_with(elsewhere)).unwrap(), grant(&["read_repository"], 60));
    assert_eq!(none.longest_lifetime().as_secs(), 60);
    assert!(!none.allows_administrators() && !none.is_single_use());
}

#[test]
fn a_refusal_tells_nothing_of_the_rules() {
    let policy = only(json!({"project_path": "secret/project", "user_login": "ceo"}));
    let text = decide(&policy, &job()).unwrap_err().to_string();
    assert!(!text.contains("secret") && !text.contains("ceo"), "{text}");
    assert!(text.contains("portcullis explain"), "{text}");
}

#[test]
fn what_gitlab_types_oddly_may_be_written_plainly() {
    for rule in [
        json!({"project_id": 20}),
        json!({"project_id": "20"}),
        json!({"project_id": [1, "20"]}),
        json!({"namespace_id": 72, "user_id": 7, "pipeline_id": 574, "job_id": 302}),
        json!({"job_project_id": 20, "job_namespace_id": 72}),
        json!({"runner_id": 1}),
        json!({"runner_id": "1"}),
        json!({"runner_id": [2, "1"]}),
        json!({"ref_protected": true}),
        json!({"ref_protected": ["true", false]}),
        json!({"aud": "https://gateway.example.com"}),
    ] {
        assert_granted(&only(rule), &job());
    }
    assert_refused(&only(json!({"project_id": 2})), &job(), "no_rule");
    assert_refused(&only(json!({"runner_id": 2})), &job(), "no_rule");
    assert_refused(&only(json!({"ref_protected": false})), &job(), "no_rule");
    let production = job_with(json!({"environment_protected": "true"}));
    assert_granted(&only(json!({"environment_protected": true})), &production);
}

#[test]
fn what_can_never_hold_is_an_error_that_names_the_claim() {
    for (rule, fault) in [
        (json!({"project_pat": "a/b"}), RuleClaimFault::Unknown),
        (json!({"Ref": "main"}), RuleClaimFault::Unknown),
        (json!({"project_id": "020"}), RuleClaimFault::Id),
        (json!({"project_id": "2*"}), RuleClaimFault::Id),
        (json!({"project_id": "**"}), RuleClaimFault::Id),
        (json!({"project_id": ["20", ""]}), RuleClaimFault::Id),
        (json!({"user_id": 0}), RuleClaimFault::Id),
        (json!({"user_id": -7}), RuleClaimFault::Id),
        (json!({"user_id": 7.0}), RuleClaimFault::Id),
        (json!({"user_id": true}), RuleClaimFault::Id),
        (json!({"runner_id": "01"}), RuleClaimFault::Id),
        (json!({"runner_id": false}), RuleClaimFault::Id),
        (json!({"ref_protected": "True"}), RuleClaimFault::Truth),
        (json!({"ref_protected": "yes"}), RuleClaimFault::Truth),
        (json!({"environment_protected": ["true", 1]}), RuleClaimFault::Truth),
        (json!({"ref": 1}), RuleClaimFault::Text),
        (json!({"environment": ["a", true]}), RuleClaimFault::Text),
        (json!({"project_path": "infra*"}), RuleClaimFault::ProjectPath),
        (json!({"job_project_path": "*"}), RuleClaimFault::ProjectPath),
        (json!({"exp": 1}), RuleClaimFault::Time),
        (json!({"user_identities": "github"}), RuleClaimFault::Nested),
        (json!({"job_config": "x"}), RuleClaimFault::Nested),
        (json!({"project_id": {}}), RuleClaimFault::Condition(ConditionError::Type)),
        (json!({"ref": []}), RuleClaimFault::Condition(ConditionError::NoAlternative)),
        (json!({"ref": "a***"}), RuleClaimFault::Condition(PatternError::Stars.into())),
    ] {
        let (claim, _) = rule.as_object().unwrap().iter().next().unwrap();
        let error = claims_of_rule(rule.clone()).unwrap_err();
        assert_eq!((&error.claim, error.fault), (claim, fault), "{rule}");
        assert!(error.to_string().starts_with(&format!("{claim:?}: ")), "{error}");
    }
    assert!(claims_of_rule(json!({"project_path": "**"})).is_ok());
    let twice = ["a", "b"].map(|name| ("ref".to_owned(), json!(name)));
    let fault = rule_claims(twice).unwrap_err().fault;
    assert_eq!(fault, RuleClaimFault::Condition(ConditionError::Twice));
}

/// The names in GitLab's documentation of `id_tokens`, and those of newer tokens.
const DOCUMENTED: &str = "namespace_id namespace_path project_id project_path user_id user_login \
    user_email user_identities pipeline_id pipeline_source job_id ref ref_type ref_path ref_protected \
    environment environment_protected deployment_tier runner_id runner_environment sha jti iss iat nbf exp \
    sub aud project_visibility user_access_level job_project_id job_project_path job_namespace_id \
    job_namespace_path job_source job_config environment_action ci_config_ref_uri ci_config_sha \
    groups_direct target_audience";

#[test]
fn the_documented_claims_are_known_and_no_others() {
    let documented: BTreeSet<&str> =
        DOCUMENTED.split(' ').filter(|name| !name.is_empty()).collect();
    assert_eq!(CLAIMS.iter().copied().collect::<BTreeSet<_>>(), documented);
    assert_eq!(CLAIMS.len(), documented.len());
}
