//! Who gets what, asked with tokens that are proved.

mod attacks;
mod explain;
mod forks;
mod job;
mod narrowing;
mod rules;

use std::sync::LazyLock;
use std::time::Duration;

use portcullis_impersonation::policy::{
    Grant, Job, Policy, PolicyOptions, Refusal, RuleClaimsError, rule_claims,
};
use portcullis_jwt_verify::rules::{Claims, Rule, Rules};
use portcullis_jwt_verify::sources::StaticKeys;
use portcullis_jwt_verify::{KeySet, VerifiedClaims, Verifier};
use portcullis_test_support::{SigningKey, jwks};
use serde_json::{Value, json};

/// Signs, and proves what it signed.
static GITLAB: LazyLock<(SigningKey, Verifier)> = LazyLock::new(|| {
    let key = SigningKey::generate("ES256", "k");
    let keys = KeySet::from_jwks(jwks([&key]).to_string().as_bytes()).unwrap();
    let verifier = Verifier::builder(StaticKeys::new(keys))
        .any_issuer()
        .any_audience()
        .without_expiry()
        .without_subject()
        .build();
    (key, verifier)
});

fn proved(claims: &Value) -> VerifiedClaims {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(GITLAB.1.verify(&GITLAB.0.sign(claims))).unwrap()
}

/// A job of `main` in `infra/deploy`, as GitLab tells it since 18.4.
fn job() -> Value {
    json!({
        "iss": "https://gitlab.example.com",
        "sub": "project_path:infra/deploy:ref_type:branch:ref:main",
        "aud": "https://gateway.example.com",
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "namespace_id": "72", "namespace_path": "infra",
        "project_id": "20", "project_path": "infra/deploy",
        "job_namespace_id": "72", "job_namespace_path": "infra",
        "job_project_id": "20", "job_project_path": "infra/deploy",
        "user_id": "7", "user_login": "alice",
        "pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
        "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main", "ref_protected": "true",
        "runner_id": 1
    })
}

/// The same with other claims; what is [`Value::Null`] is left out.
fn job_with(changes: Value) -> Value {
    let mut job = job();
    let Value::Object(changes) = changes else { panic!("no object") };
    for (name, value) in changes {
        if value.is_null() {
            job.as_object_mut().unwrap().remove(&name);
        } else {
            job[name] = value;
        }
    }
    job
}

/// The same on a GitLab before 18.4.
fn old_job_with(mut changes: Value) -> Value {
    for name in ["job_project_id", "job_project_path", "job_namespace_id", "job_namespace_path"] {
        changes[name] = Value::Null;
    }
    job_with(changes)
}

fn claims_of_rule(rule: Value) -> Result<Claims, RuleClaimsError> {
    let Value::Object(conditions) = rule else { panic!("no object") };
    rule_claims(conditions)
}

fn grant(scopes: &[&str], seconds: u64) -> Grant {
    let scopes = scopes.iter().map(ToString::to_string).collect();
    Grant { scopes, lifetime: Duration::from_secs(seconds) }
}

fn options(rules: &[(Value, Grant)]) -> PolicyOptions {
    let rule = |(claims, outcome): &(Value, Grant)| Rule {
        claims: claims_of_rule(claims.clone()).unwrap(),
        outcome: outcome.clone(),
    };
    PolicyOptions {
        rules: Rules::new(rules.iter().map(rule)),
        default: grant(&["read_repository"], 60),
        allow_forks: false,
        allow_admins: false,
        single_use: false,
    }
}

/// One rule, and nothing else.
fn only(rule: Value) -> Policy {
    Policy::new(options(&[(rule, grant(&["write_repository"], 30))]))
}

/// What a job gets. What is explained is always what is decided.
fn decide(policy: &Policy, claims: &Value) -> Result<Grant, Refusal> {
    let proved = proved(claims);
    let decided = Job::read(&proved).and_then(|job| policy.grant(&proved, &job).cloned());
    let explained = policy.explain(proved.members());
    assert_eq!(explained.is_granted(), decided.is_ok());
    match &decided {
        Ok(grant) => assert_eq!(explained.granted.unwrap().scopes, grant.scopes),
        Err(refusal) => {
            let refused = explained.refused.unwrap();
            assert_eq!((refused.code, refused.text), (refusal.code(), refusal.to_string()));
        }
    }
    decided
}

#[track_caller]
fn assert_granted(policy: &Policy, claims: &Value) {
    let decided = decide(policy, claims);
    assert!(decided.is_ok(), "{decided:?} of {claims}");
}

#[track_caller]
fn assert_refused(policy: &Policy, claims: &Value, code: &str) {
    let refusal = decide(policy, claims).expect_err(&claims.to_string());
    assert_eq!((refusal.code(), refusal.is_bad_request()), (code, false), "{refusal} of {claims}");
}
