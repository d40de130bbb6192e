//! A job, as its claims tell it.

use portcullis_impersonation::policy::Misfit;
use serde_json::json;

use super::*;

fn read(claims: &Value) -> Result<Job, Refusal> {
    Job::read(&proved(claims))
}

#[test]
fn it_is_read_as_gitlab_writes_it() {
    let job = read(&job()).unwrap();
    assert_eq!((job.user_id(), job.user_login()), (7, Some("alice")));
    assert_eq!((job.project_id(), job.project_path()), (Some(20), Some("infra/deploy")));
    assert_eq!((job.job_project_id(), job.job_id()), (Some(20), Some("302")));
    assert_eq!((job.pipeline_source(), job.ref_path()), (Some("push"), Some("refs/heads/main")));
    assert_eq!(job.subject(), "project_path:infra/deploy:ref_type:branch:ref:main");
    assert_eq!(job.issuer(), "https://gitlab.example.com");
    assert_eq!(job.token_id(), Some("235b3a54-b797-45c7-ae9a-f72d7bc6ef5b"));
    let least = read(&json!({"iss": "i", "sub": "s", "user_id": "9999999999999999999"})).unwrap();
    assert_eq!((least.user_id(), least.key()), (9_999_999_999_999_999_999, None));
}

#[test]
fn it_is_known_by_its_job_or_else_by_its_token() {
    let key = |changes| read(&job_with(changes)).unwrap().key();
    assert_eq!(key(json!({})).as_deref(), Some("job:302"));
    let by_token = "jti:235b3a54-b797-45c7-ae9a-f72d7bc6ef5b";
    assert_eq!(key(json!({"job_id": null})).as_deref(), Some(by_token));
    assert_eq!(key(json!({"job_id": null, "jti": null})), None);
    assert_eq!(key(json!({"job_id": null, "jti": "job:302"})).as_deref(), Some("jti:job:302"));
}

#[test]
fn an_id_that_is_none_is_refused_by_name() {
    for claim in ["user_id", "project_id", "job_project_id", "job_id"] {
        for value in [
            json!(7),
            json!(7.0),
            json!(true),
            json!(["7"]),
            json!({}),
            json!(""),
            json!("0"),
            json!("07"),
            json!("+7"),
            json!("-7"),
            json!(" 7"),
            json!("7\n"),
            json!("7a"),
            json!("\u{661}"),
            json!("12345678901234567890"),
        ] {
            let refusal = read(&job_with(json!({claim: value}))).unwrap_err();
            assert_eq!(refusal, Refusal::Claim { claim, misfit: Misfit::Id }, "{value}");
        }
    }
}

#[test]
fn null_is_not_absence() {
    for claim in ["user_id", "project_id", "job_project_id", "job_id"] {
        let mut job = job();
        job[claim] = Value::Null;
        assert_eq!(read(&job).unwrap_err(), Refusal::Claim { claim, misfit: Misfit::Id });
    }
    for claim in ["user_login", "project_path", "job_project_path", "pipeline_source", "ref_path"] {
        for value in [Value::Null, json!(7), json!(["a"]), json!(""), json!("a\u{7f}")] {
            let mut job = job();
            job[claim] = value;
            assert_eq!(read(&job).unwrap_err(), Refusal::Claim { claim, misfit: Misfit::Text });
        }
    }
}

#[test]
fn what_is_needed_is_named() {
    for claim in ["user_id", "sub", "iss"] {
        let refusal = read(&job_with(json!({claim: null}))).unwrap_err();
        assert_eq!(refusal, Refusal::Claim { claim, misfit: Misfit::Absent });
        assert!(refusal.to_string().starts_with(&format!("the claim {claim} is missing")));
    }
    let once = Policy::new(PolicyOptions { single_use: true, ..options(&[]) });
    assert_granted(&once, &job());
    assert_refused(&once, &job_with(json!({"jti": null})), "claim");
    assert_granted(&Policy::new(options(&[])), &job_with(json!({"jti": null})));
}
