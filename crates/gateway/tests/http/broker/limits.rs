//! How many tokens there are for one user and for one project.

use futures_util::future::join_all;
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

/// A gateway of which jobs like this one have asked for more than they may.
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
    // All at once, so that a slow machine does not pass for a slow caller.
    let answers = join_all((0..12).map(|_| ask(&gateway, gitlab, job))).await;
    let (given, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 200);
    assert!(given.len() >= 4, "the burst: {answers:?}");
    assert!(!refused.is_empty(), "there is no limit");
    refused.into_iter().for_each(assert_limited);
    gateway
}

pub(crate) async fn a_user_has_a_limit(database: Database) {
    let gitlab = gitlab();
    let gateway = exhausted(&database, &gitlab, "per_user", &job(2, 20)).await;
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
