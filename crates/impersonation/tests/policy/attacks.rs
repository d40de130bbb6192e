//! What a job's author may try with claims that GitLab signs for him: a test for each trick. In each of
//! them the rule holds for the job that it was written for, so that no refusal is for another reason.

use portcullis_impersonation::policy::{Job, Policy};
use serde_json::{Value, json};

use super::*;

/// A rule that holds for [`job`], and not for any of these.
#[track_caller]
fn only_the_real_one(rule: Value, fakes: impl IntoIterator<Item = Value>) {
    let policy = only(rule);
    assert_granted(&policy, &job());
    for fake in fakes {
        assert_refused(&policy, &job_with(fake), "no_rule");
    }
}

/// Both of a job's projects are this one.
fn at(path: &str) -> Value {
    json!({"project_path": path, "job_project_path": path})
}

#[test]
fn prefix_tricks_on_project_path() {
    let fakes = ["infra-eve/deploy", "xinfra/deploy", "eve/infra/deploy", "infra", "infra//deploy"];
    only_the_real_one(json!({"project_path": "infra/*"}), fakes.map(at));
    let fakes = ["infra/deploy2", "infra/deploy/x", "infra/deploy.git", "x/infra/deploy"];
    only_the_real_one(json!({"project_path": "infra/deploy"}), fakes.map(at));
    only_the_real_one(json!({"project_path": "infra/**"}), ["infra-eve/a", "eve/infra/a"].map(at));
}

#[test]
fn prefix_tricks_on_namespace_path() {
    let fakes = ["infra-eve", "xinfra", "eve/infra", "infra/eve", ""];
    let fakes = fakes.map(|path| json!({"namespace_path": path}));
    only_the_real_one(json!({"namespace_path": "infra"}), fakes);
    let under = only(json!({"namespace_path": "infra/**"}));
    assert_granted(&under, &job_with(json!({"namespace_path": "infra/a/b"})));
    for path in ["infra", "infra-eve/a", "eve/infra/a"] {
        assert_refused(&under, &job_with(json!({"namespace_path": path})), "no_rule");
    }
}

#[test]
fn subgroup_against_a_star() {
    let fakes = ["infra/eve/deploy", "infra/a/b/c"];
    only_the_real_one(json!({"project_path": "infra/*"}), fakes.map(at));
    only_the_real_one(json!({"project_path": "*/deploy"}), ["eve/infra/deploy"].map(at));
}

#[test]
fn colon_in_a_ref() {
    let fakes = ["main:x", "x:main", "x:ref:main", "main:ref_type:branch"];
    let fakes = fakes.map(|name| {
        let sub = format!("project_path:infra/deploy:ref_type:branch:ref:{name}");
        json!({"ref": name, "sub": sub})
    });
    only_the_real_one(json!({"ref": "main"}), fakes.clone());
    let sub = "project_path:infra/deploy:ref_type:branch:ref:main";
    only_the_real_one(json!({"sub": sub}), fakes);
}

#[test]
fn ref_protected_of_another_type_or_absent() {
    for rule in [json!(true), json!("true"), json!([true])] {
        let fakes =
            [json!(true), json!(1), json!("True"), json!("False"), json!("false"), json!("")];
        let fakes = fakes.into_iter().chain([json!("true "), json!({}), json!([]), Value::Null]);
        let fakes = fakes.map(|value| json!({"ref_protected": value}));
        only_the_real_one(json!({"ref_protected": rule}), fakes);
    }
    let mut null = job();
    null["ref_protected"] = Value::Null;
    assert_refused(&only(json!({"ref_protected": true})), &null, "no_rule");
    // Nobody asks for what is not protected and gets what does not say.
    let unprotected = only(json!({"ref_protected": false}));
    assert_granted(&unprotected, &job_with(json!({"ref_protected": "false"})));
    for value in [json!("False"), json!(false), Value::Null] {
        assert_refused(&unprotected, &job_with(json!({"ref_protected": value})), "no_rule");
    }
}

#[test]
fn project_id_as_number_float_or_with_a_zero_in_front() {
    for rule in [json!(20), json!("20"), json!(["20", 21])] {
        let policy = only(json!({"project_id": rule}));
        assert_granted(&policy, &job());
        for id in [json!(20), json!(20.0), json!("020"), json!("20.0"), json!(" 20"), json!("2e1")]
        {
            let both = json!({"project_id": id, "job_project_id": id});
            assert_refused(&policy, &job_with(both), "claim");
            assert_refused(&policy, &old_job_with(json!({"project_id": id})), "claim");
        }
    }
    // Of an id that the broker itself does not read, the rule alone decides.
    for id in [json!(72), json!(72.0), json!("072"), json!("7"), json!("720")] {
        only_the_real_one(json!({"namespace_id": 72}), [json!({"namespace_id": id})]);
    }
}

#[test]
fn id_and_path_that_disagree() {
    let moved = at("eve/deploy");
    let other = json!({"project_id": "21", "job_project_id": "21"});
    only_the_real_one(json!({"project_id": 20, "project_path": "infra/*"}), [moved, other]);
    // The ids say one project, the paths say two, or the other way round.
    let policy = only(json!({"project_id": 20, "project_path": "infra/*"}));
    for job in [json!({"job_project_path": "eve/deploy"}), json!({"job_project_id": "21"})] {
        assert_refused(&policy, &job_with(job), "claim");
    }
}

#[test]
fn letter_case() {
    let rule = json!({"project_path": "infra/deploy", "ref": "main", "user_login": "alice"});
    let refs = [json!({"ref": "Main"}), json!({"ref": "MAIN"}), json!({"user_login": "Alice"})];
    only_the_real_one(rule, ["Infra/deploy", "infra/Deploy"].map(at).into_iter().chain(refs));
}

#[test]
fn merge_request_ref() {
    let fakes = ["refs/merge-requests/1/head", "refs/merge-requests/1/merge", "refs/heads/main"];
    let fakes = fakes.map(|name| json!({"ref": name, "pipeline_source": "merge_request_event"}));
    only_the_real_one(json!({"ref": "main"}), fakes);
    let fake = json!({"ref": "main", "ref_path": "refs/merge-requests/1/head"});
    only_the_real_one(json!({"ref_path": "refs/heads/main"}), [fake.clone()]);
    assert_refused(&only(json!({"ref": "main"})), &old_job_with(fake), "fork_unknown");
}

#[test]
fn tag_called_main() {
    let tag = json!({"ref": "main", "ref_type": "tag", "ref_path": "refs/tags/main"});
    only_the_real_one(json!({"ref": "main", "ref_type": "branch"}), [tag.clone()]);
    only_the_real_one(json!({"ref_path": "refs/heads/main"}), [tag]);
}

#[test]
fn fork_with_the_same_name() {
    let fork = json!({
        "project_id": "77", "project_path": "eve/deploy", "namespace_path": "eve",
        "pipeline_source": "merge_request_event"
    });
    for rule in [json!({"project_path": "*/deploy"}), json!({"job_project_path": "infra/deploy"})] {
        assert_granted(&only(rule.clone()), &job());
        assert_refused(&only(rule), &job_with(fork.clone()), "fork");
    }
    let rule = json!({"project_path": "infra/deploy"});
    let mut allowed = options(&[(rule, grant(&["api"], 5))]);
    allowed.allow_forks = true;
    assert_refused(&Policy::new(allowed), &job_with(fork), "no_rule");
}

#[test]
fn sub_that_disagrees_with_the_claims() {
    let mut fake = at("eve/deploy");
    fake["ref"] = json!("x");
    let ref_alone = json!({"ref": "x"});
    only_the_real_one(json!({"project_path": "infra/deploy", "ref": "main"}), [fake, ref_alone]);
    // A rule that asks for both wants both.
    let rule = json!({"sub": "project_path:infra/deploy:**", "project_path": "infra/deploy"});
    only_the_real_one(rule, [at("eve/deploy"), json!({"sub": "project_path:eve/deploy:x"})]);
}

#[test]
fn main_with_a_line_feed() {
    let fakes = ["main\n", "\nmain", "main\r\n", "main\0", "main\u{85}", "main\u{2028}", " main"];
    let fakes = fakes.map(|name| json!({"ref": name}));
    only_the_real_one(json!({"ref": "main"}), fakes.clone());
    only_the_real_one(json!({"ref": ["main", "v*"]}), fakes);
    // No wildcard takes one, and what the broker itself reads has none at all.
    only_the_real_one(
        json!({"ref": "m*"}),
        ["main\n", "main\u{85}"].map(|name| json!({"ref": name})),
    );
    for claim in ["ref_path", "user_login", "project_path", "sub", "iss", "jti"] {
        let text = format!("{}\n", job()[claim].as_str().unwrap());
        assert_refused(&only(json!({"ref": "main"})), &job_with(json!({claim: text})), "claim");
    }
}

#[test]
fn cyrillic_letter() {
    let fakes = ["infr\u{430}/deploy", "infra/d\u{435}ploy", "\u{456}nfra/deploy"];
    only_the_real_one(json!({"project_path": "infra/deploy"}), fakes.map(at));
    only_the_real_one(json!({"ref": "main"}), [json!({"ref": "m\u{430}in"})]);
    only_the_real_one(json!({"user_login": "alice"}), [json!({"user_login": "\u{430}lice"})]);
}

#[test]
fn reused_user_login() {
    // Who was called alice has left, and somebody else took the name.
    let heir = json!({"user_id": "99"});
    only_the_real_one(json!({"user_id": 7}), [heir.clone()]);
    only_the_real_one(json!({"user_id": 7, "user_login": "alice"}), [heir.clone()]);
    // Even where a rule goes by the name, the token is of the one who runs the job now.
    assert_eq!(Job::read(&proved(&job_with(heir))).unwrap().user_id(), 99);
}
