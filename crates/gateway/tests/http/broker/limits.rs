//! How many tokens there are for one user and for one project.

use futures_util::future::join_all;
use portcullis_fake_gitlab::{FakeGitlab, JobSpec, UserSpec};
use reqwest::Method;

use crate::support::broker::{ask, broker_toml, gitlab, given, jwt, revoked, said, token};
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

/// Giving back has a limit of its own: who has asked for too much can still do it, and not without end.
pub(crate) async fn who_asked_too_often_can_give_back(database: Database) {
    let gitlab = gitlab();
    let slow = "per_user = { per_second = 1, burst = 10 }\nrevoke_seconds = 600";
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, slow)).await;
    let job = job(2, 20);
    let asked = join_all((0..16).map(|_| ask(&gateway, &gitlab, &job))).await;
    assert!(asked.iter().any(|answer| answer.status == 429), "there is no limit");
    let jwt = jwt(&gitlab, &job);
    let ended = join_all((0..30).map(|_| token(&gateway, Method::DELETE, "", &jwt))).await;
    let (done, refused): (Vec<_>, Vec<_>) = ended.iter().partition(|it| it.status == 204);
    assert!(done.len() >= 10, "a burst of its own: {ended:?}");
    assert!(!refused.is_empty(), "there is no limit");
    refused.into_iter().for_each(assert_limited);
    for given in asked.iter().filter(|answer| answer.status == 200) {
        revoked(&gitlab, &given.text).await;
    }
    gateway.stop().await;
}

pub(crate) async fn a_project_has_a_limit(database: Database) {
    let gitlab = gitlab();
    let gateway = exhausted(&database, &gitlab, "per_project", &job(2, 20)).await;
    given(&gateway, &gitlab, &job(2, 21)).await;
    given(&gateway, &gitlab, &job(4, 22)).await;
    gateway.stop().await;
}
