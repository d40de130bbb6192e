//! How many tokens there are for one user and for one project.

use portcullis_fake_gitlab::{FakeGitlab, JobSpec, UserSpec};

use crate::support::broker::{ask, broker_toml, gitlab, given, said};
use crate::support::{Answer, Database, TestGateway};

fn job(user_id: u64, project_id: u64) -> JobSpec {
    let job_project_id = Some(project_id);
    JobSpec { user_id, project_id, job_project_id, ..JobSpec::default() }
}

fn assert_limited(answer: &Answer) {
    assert_eq!(said(answer), (429, "rate_limited".to_owned()));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

/// So slow that no more than the burst passes as long as a test takes, but for those who wait a second.
async fn exhausted(
    database: &Database,
    gitlab: &FakeGitlab,
    key: &str,
    job: &JobSpec,
) -> TestGateway {
    for id in [3, 4] {
        gitlab.add_user(UserSpec { id, ..UserSpec::default() });
    }
    let section = format!("{key} = {{ per_second = 1, burst = 4 }}");
    let gateway = TestGateway::start(database, &broker_toml(gitlab, &section)).await;
    // As many at once as the slowest machine needs to come to the end of it.
    for _ in 0..100 {
        let answer = ask(&gateway, gitlab, job).await;
        if answer.status != 200 {
            assert_limited(&answer);
            return gateway;
        }
    }
    panic!("there is no limit");
}

pub(crate) async fn a_user_has_a_limit(database: Database) {
    let gitlab = gitlab();
    let gateway = exhausted(&database, &gitlab, "per_user", &job(2, 20)).await;
    assert!(gitlab.impersonation_tokens(2).len() >= 4, "the burst");
    given(&gateway, &gitlab, &job(3, 20)).await;
    gateway.stop().await;
}

pub(crate) async fn a_project_has_a_limit(database: Database) {
    let gitlab = gitlab();
    let gateway = exhausted(&database, &gitlab, "per_project", &job(2, 20)).await;
    given(&gateway, &gitlab, &job(2, 21)).await;
    given(&gateway, &gitlab, &job(4, 22)).await;
    gateway.stop().await;
}
