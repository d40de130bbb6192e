//! Why a job would get a token, or would not.

use serde_json::json;

use super::*;

fn policy() -> Policy {
    let tags = json!({"ref": "v*", "ref_type": "tag"});
    let protected = json!({"project_path": "infra/*", "ref_protected": true});
    Policy::new(PolicyOptions {
        single_use: true,
        ..options(&[
            (tags, grant(&["api"], 10)),
            (protected, grant(&["read_repository", "write_repository"], 30)),
            (json!({"user_id": [1, 2]}), grant(&["read_repository"], 1)),
        ])
    })
}

fn explain(policy: &Policy, claims: &Value) -> String {
    policy.explain(claims.as_object().unwrap()).to_string()
}

#[test]
fn an_accepted_job_in_full() {
    let wanted = r#"The job, by its claims:
  iss               "https://gitlab.example.com"
  sub               "project_path:infra/deploy:ref_type:branch:ref:main"
  user_id           "7"
  user_login        "alice"
  project_id        "20"
  project_path      "infra/deploy"
  job_project_id    "20"
  job_project_path  "infra/deploy"
  job_id            "302"
  pipeline_source   "push"
  ref               "main"
  ref_path          "refs/heads/main"

Are these claims as GitLab writes them? yes
Does it run code of a fork? no: project_id and job_project_id are both 20

The rules, in their order; the first that holds counts:
Rule 1 does not hold
  NO  ref is "main", wanted is "v*"
  NO  ref_type is "branch", wanted is "tag"
Rule 2 holds, and grants read_repository, write_repository for 30 seconds
  yes project_path is "infra/deploy", which fits "infra/*"
  yes ref_protected is "true", which fits "true"
One more rule comes after it, and is not asked

Only known when a token is asked for:
  whether the JWT is genuine: its signature and its times
  whether user 7 is an administrator: these are refused
  whether the JWT was used before: each is good for one token
  whether the user or the project asks too often

Verdict: granted, read_repository, write_repository for 30 seconds"#;
    assert_eq!(explain(&policy(), &job()), wanted);
}

#[test]
fn a_refused_job_in_full() {
    let job = old_job_with(json!({
        "ref": "feature", "ref_path": "refs/heads/feature", "ref_protected": null,
        "pipeline_source": "schedule"
    }));
    let wanted = r#"The job, by its claims:
  iss               "https://gitlab.example.com"
  sub               "project_path:infra/deploy:ref_type:branch:ref:main"
  user_id           "7"
  user_login        "alice"
  project_id        "20"
  project_path      "infra/deploy"
  job_project_id    -
  job_project_path  -
  job_id            "302"
  pipeline_source   "schedule"
  ref               "feature"
  ref_path          "refs/heads/feature"

Are these claims as GitLab writes them? yes
Does it run code of a fork? no: there is no job_project_id (GitLab before 18.4), but jobs of forks do not have the pipeline_source "schedule"

The rules, in their order; the first that holds counts:
Rule 1 does not hold
  NO  ref is "feature", wanted is "v*"
  NO  ref_type is "branch", wanted is "tag"
Rule 2 does not hold
  yes project_path is "infra/deploy", which fits "infra/*"
  NO  ref_protected is not there, wanted is "true"
Rule 3 does not hold
  NO  user_id is "7", wanted is "1" or "2"
No rule holds, so nothing is granted

Verdict: refused, with the code no_rule
The job is told: no rule grants a token to this job: which project, ref or environment it has to have, the operator of this gateway can tell (with `portcullis explain`)"#;
    assert_eq!(explain(&policy(), &job), wanted);
}

#[test]
fn what_stands_against_a_job_is_told_even_where_a_rule_holds() {
    let fork = job_with(json!({"project_id": "77", "project_path": "infra/fork"}));
    let text = explain(&policy(), &fork);
    for said in [
        "yes: code of project 77 (project_id) runs in project 20 (job_project_id); refused without",
        "Rule 2 holds, and would grant read_repository",
        "\nVerdict: refused, with the code fork\nThe job is told: the job runs in project 20",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("Only known"), "{text}");
    let allowed = Policy::new(PolicyOptions { allow_forks: true, ..options(&[]) });
    let text = explain(&allowed, &fork);
    assert!(text.contains("allowed by allow_forks\n\nThere are no rules: every"), "{text}");
    let unknown = old_job_with(json!({"pipeline_source": "merge_request_event"}));
    assert!(explain(&policy(), &unknown).contains("fork? perhaps: there is no job_project_id"));
    let nobody = explain(&policy(), &json!({"user_id": 7}));
    assert!(nobody.contains("GitLab writes them? no: user_id is no id ("), "{nobody}");
    assert!(nobody.contains("fork? nobody can tell from these claims"), "{nobody}");
    assert!(nobody.contains("NO  user_id is 7, of another type than the wanted \"1\" or \"2\""));
}

#[test]
fn a_rule_for_everybody_and_what_comes_after_it() {
    let rules = [json!({}), json!({"ref": "a"}), json!({"ref": "b"})];
    let policy = Policy::new(options(&rules.map(|rule| (rule, grant(&["api"], 1)))));
    let text = explain(&policy, &job());
    assert!(
        text.contains("Rule 1 holds, and grants api for 1 second\n  it asks nothing: "),
        "{text}"
    );
    assert!(text.contains("\n2 more rules come after it, and are not asked"), "{text}");
}

#[test]
fn what_a_token_says_cannot_steer_a_terminal_or_pass_for_a_verdict() {
    let evil = "\u{1b}[2J\nVerdict: granted, api for 99 seconds\u{202e}";
    for claim in ["user_login", "ref", "sub", "pipeline_source", "project_path", "user_id"] {
        let text = explain(&policy(), &job_with(json!({claim: evil})));
        assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Verdict: granted, api")), "{text}");
    }
    let old = old_job_with(json!({"pipeline_source": "push\u{202e}"}));
    assert!(explain(&policy(), &old).is_ascii());
    let long = explain(&policy(), &job_with(json!({"ref": "a".repeat(10_000)})));
    assert!(long.len() < 4_000, "{}", long.len());
}

#[test]
fn programs_read_the_same() {
    let explained = |claims: &Value| {
        serde_json::to_value(policy().explain(claims.as_object().unwrap())).unwrap()
    };
    let granted = explained(&job());
    let grants = json!({"scopes": ["read_repository", "write_repository"], "lifetime_seconds": 30});
    assert_eq!((&granted["granted"], &granted["refused"]), (&grants, &Value::Null));
    assert_eq!(granted["job"][2], json!({"claim": "user_id", "found": "\"7\""}));
    assert_eq!((&granted["rules"][1]["holds"], &granted["not_asked"]), (&json!(true), &json!(1)));
    assert_eq!(granted["rules"][0]["comparisons"][0]["verdict"], "differs");
    let refused = explained(&job_with(json!({"ref_protected": "false"})));
    assert_eq!(
        (&refused["granted"], &refused["refused"]["code"]),
        (&Value::Null, &json!("no_rule"))
    );
    assert_eq!(refused["open"], json!([]));
}

#[test]
fn a_policy_is_read_back() {
    let wanted = r#"Before any rule:
  jobs that run code of a fork are refused
  jobs of administrators are refused
  a JWT is good for one token

The rules, in their order; the first that holds counts:
Rule 1 grants api for 10 seconds
  where ref is "v*"
  and   ref_type is "tag"
Rule 2 grants read_repository, write_repository for 30 seconds
  where project_path is "infra/*"
  and   ref_protected is "true"
Rule 3 grants read_repository for 1 second
  where user_id is "1" or "2"

A job for which no rule holds gets nothing"#;
    let written = policy().written();
    assert_eq!(written.to_string(), wanted);
    let machines = serde_json::to_value(&written).unwrap();
    assert_eq!((&machines["default"], &machines["single_use"]), (&Value::Null, &json!(true)));
    assert_eq!(machines["rules"][2]["claims"][0]["wanted"], "\"1\" or \"2\"");
    let open = Policy::new(PolicyOptions { allow_admins: true, ..options(&[]) }).written();
    let text = open.to_string();
    assert!(text.contains("administrators are treated as others\n"), "{text}");
    assert!(
        text.ends_with(
            "\n\nThere are no rules: every other job gets read_repository for 60 seconds"
        ),
        "{text}"
    );
    let everybody = Policy::new(options(&[(json!({}), grant(&["api"], 1))])).written();
    assert!(everybody.to_string().contains("grants api for 1 second\n  to every job\n"));
}
