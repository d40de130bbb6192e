//! Whose code runs.

use serde_json::json;

use super::*;

fn everybody() -> Policy {
    Policy::new(options(&[]))
}

fn with_forks() -> Policy {
    Policy::new(PolicyOptions { allow_forks: true, ..options(&[]) })
}

fn fork() -> Value {
    json!({"project_id": "77", "project_path": "eve/deploy"})
}

#[test]
fn a_fork_is_refused_unless_allowed() {
    assert_granted(&everybody(), &job());
    assert_refused(&everybody(), &job_with(fork()), "fork");
    assert_granted(&with_forks(), &job_with(fork()));
    // A merge request of the project's own is none, where GitLab tells.
    let own = json!({"pipeline_source": "merge_request_event"});
    assert_granted(&everybody(), &job_with(own));
    // Ids alone tell.
    let by_id = json!({"project_id": "77", "project_path": null, "job_project_path": null});
    assert_refused(&everybody(), &job_with(by_id), "fork");
    let refusal = decide(&everybody(), &job_with(fork())).unwrap_err().to_string();
    assert!(refusal.contains("project 20") && refusal.contains("project 77"), "{refusal}");
}

#[test]
fn where_gitlab_is_too_old_to_tell_what_may_be_a_fork_is_refused() {
    for changes in [
        json!({"pipeline_source": "merge_request_event"}),
        json!({"pipeline_source": "parent_pipeline"}),
        json!({"ref_path": "refs/merge-requests/1/head"}),
        json!({"ref_path": "refs/merge-requests/1/merge", "pipeline_source": "parent_pipeline"}),
        json!({"pipeline_source": null}),
    ] {
        assert_refused(&everybody(), &old_job_with(changes.clone()), "fork_unknown");
        assert_granted(&with_forks(), &old_job_with(changes));
    }
    for source in ["push", "web", "schedule", "api", "trigger", "pipeline"] {
        assert_granted(&everybody(), &old_job_with(json!({"pipeline_source": source})));
    }
    let one = old_job_with(json!({"pipeline_source": "merge_request_event"}));
    let refusal = decide(&everybody(), &one).unwrap_err().to_string();
    for said in ["too old", "18.4", "upgraded", "allow_forks", "merge_request_event"] {
        assert!(refusal.contains(said), "{said}: {refusal}");
    }
}

#[test]
fn half_a_story_is_refused_even_where_forks_are_allowed() {
    for changes in [
        json!({"project_id": null}),
        json!({"job_project_id": null}),
        json!({"job_project_id": "21"}),
        json!({"job_project_path": "infra/other"}),
        json!({"project_path": "infra/other"}),
        json!({"project_id": "21"}),
    ] {
        assert_refused(&everybody(), &job_with(changes.clone()), "claim");
        assert_refused(&with_forks(), &job_with(changes), "claim");
    }
    assert_granted(
        &everybody(),
        &job_with(json!({"project_path": null, "job_project_path": null})),
    );
    assert_granted(&everybody(), &old_job_with(json!({"project_id": null, "project_path": null})));
}
