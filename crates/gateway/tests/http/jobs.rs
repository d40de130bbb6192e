//! CI jobs that report leaks with the token that their GitLab gave them.

use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::broker::{AUDIENCE, job_with, jwt};
use crate::support::{
    ADMIN, Answer, Database, PAT_TYPE, PATIENCE, REPORTING, TestGateway, client_toml, eventually,
    gitlab_toml, send,
};

/// Jobs of this GitLab report; `rest` are more keys of the section, and what follows it.
fn jobs_toml(gitlab: &FakeGitlab, rest: &str) -> String {
    let clients = client_toml("gitlab", REPORTING, "");
    let url = gitlab.url();
    format!(
        "{clients}[revocation_api.jobs]\nissuer = \"{url}\"\naudiences = [\"{AUDIENCE}\"]\n{rest}\n"
    )
}

async fn report(gateway: &TestGateway, authorization: &str, items: &Value) -> Answer {
    let request = gateway.request(Method::POST, "/v1/revoke_tokens");
    send(request.header(AUTHORIZATION, authorization).body(items.to_string())).await
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

pub(crate) async fn a_job_reports_as_its_project(database: Database) {
    let gitlab = FakeGitlab::start();
    let gateway = TestGateway::start(&database, &jobs_toml(&gitlab, "")).await;
    let bearer = format!("Bearer {}", jwt(&gitlab, &JobSpec::default()));
    let types = gateway.request(Method::GET, "/v1/revocable_token_types");
    let types = send(types.header(AUTHORIZATION, &bearer)).await;
    assert_eq!((types.status, &types.json()["types"]), (200, &json!([PAT_TYPE])));
    let pat = gateway.mint().await.token;
    let items = json!([{ "type": PAT_TYPE, "token": pat, "location": "a#L1" }]);
    assert_eq!(report(&gateway, &bearer, &items).await.status, 204);
    assert_eq!(gateway.auth(&pat).await.status, 401, "dead at the 204");
    let row = gateway.ended().await;
    let path = format!("/v1/revocations/{}", row["fingerprint"].as_str().unwrap());
    let shown = send(gateway.admin_request(Method::GET, &path).bearer_auth(ADMIN)).await.json();
    assert_eq!(shown["sightings_kept"][0]["reporter"], "job:my-group/my-project");
    assert_eq!(report(&gateway, REPORTING, &items).await.status, 204, "clients report on");
    gateway.stop().await;
}

pub(crate) async fn whoever_is_no_such_job_reports_nothing(database: Database) {
    let (gitlab, other) = (FakeGitlab::start(), FakeGitlab::start());
    let gateway = TestGateway::start(&database, &jobs_toml(&gitlab, "")).await;
    let pat = gateway.mint().await.token;
    let items = json!([{ "type": PAT_TYPE, "token": pat }]);
    let good = jwt(&gitlab, &JobSpec::default());
    let mut broken = good.clone();
    broken.pop();
    let audience = "https://elsewhere.example.com".to_owned();
    for bearer in [
        jwt(&gitlab, &JobSpec { issued_at: -7200, ..JobSpec::default() }),
        jwt(&gitlab, &JobSpec { audience, ..JobSpec::default() }),
        jwt(&other, &JobSpec::default()),
        jwt(&other, &job_with([("iss", gitlab.url().into())])),
        jwt(&gitlab, &job_with([("project_path", Value::Null)])),
        jwt(&gitlab, &job_with([("project_path", json!(""))])),
        jwt(&gitlab, &job_with([("project_path", json!("a\nb"))])),
        jwt(&gitlab, &job_with([("project_path", json!(["a"]))])),
        jwt(&gitlab, &job_with([("sub", Value::Null)])),
        broken,
        "a.b.c".to_owned(),
    ] {
        let answer = report(&gateway, &format!("Bearer {bearer}"), &items).await;
        assert_eq!(said(&answer), (401, "unauthorized".to_owned()), "{bearer}");
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    // Only clients show their token bare.
    assert_eq!(report(&gateway, &good, &items).await.status, 401);
    assert_eq!(gateway.auth(&pat).await.status, 200, "it lives");
    assert!(gateway.revocations("").await.is_empty());
    gateway.stop().await;
}

pub(crate) async fn without_the_section_no_job_reports(database: Database) {
    let gitlab = FakeGitlab::start();
    let gateway = TestGateway::start(&database, "").await;
    let bearer = format!("Bearer {}", jwt(&gitlab, &JobSpec::default()));
    assert_eq!(report(&gateway, &bearer, &json!([])).await.status, 401);
    gateway.stop().await;
}

pub(crate) async fn rules_types_and_a_rate_hold_for_jobs(database: Database) {
    let gitlab = FakeGitlab::start();
    let rest = "types = [\"elsewhere\"]\nrate_limit = { per_second = 1, burst = 2 }\n\
                [[revocation_api.jobs.rules]]\nclaims = { project_path = \"my-group/*\" }";
    let gateway = TestGateway::start(&database, &jobs_toml(&gitlab, rest)).await;
    let of = |path: &str| {
        let spec = JobSpec { project_path: path.to_owned(), ..JobSpec::default() };
        format!("Bearer {}", jwt(&gitlab, &spec))
    };
    let refused = report(&gateway, &of("other/project"), &json!([])).await;
    assert_eq!(said(&refused), (403, "no_rule".to_owned()));
    let items = json!([{ "type": PAT_TYPE, "token": "gitpod_pat_x.y" }]);
    let rejected = report(&gateway, &of("my-group/first"), &items).await;
    assert_eq!(said(&rejected), (400, "some_items_rejected".to_owned()));
    let mut passed = 0;
    let limited = loop {
        let answer = report(&gateway, &of("my-group/a"), &json!([])).await;
        if answer.status != 204 {
            break answer;
        }
        passed += 1;
        assert!(passed < 100, "it is not limited");
    };
    assert!(passed >= 2, "{passed}");
    assert_eq!(said(&limited), (429, "rate_limited".to_owned()));
    assert!(limited.header("retry-after").is_some());
    let other = report(&gateway, &of("my-group/b"), &json!([])).await;
    assert_eq!(other.status, 204, "another project is not held up");
    gateway.stop().await;
}

pub(crate) async fn jobs_that_no_rule_lets_in_are_slowed_down(database: Database) {
    let gitlab = FakeGitlab::start();
    let rest = "[[revocation_api.jobs.rules]]\nclaims = { project_path = \"my-group/*\" }";
    let gateway = TestGateway::start(&database, &jobs_toml(&gitlab, rest)).await;
    let of = |path: &str| {
        let spec = JobSpec { project_path: path.to_owned(), ..JobSpec::default() };
        format!("Bearer {}", jwt(&gitlab, &spec))
    };
    let stranger = of("other/project");
    let mut refused = 0;
    let limited = loop {
        let answer = report(&gateway, &stranger, &json!([])).await;
        if answer.status != 403 {
            break answer;
        }
        refused += 1;
        assert!(refused < 1000, "they are not limited");
    };
    assert!(refused >= 20, "{refused}");
    assert_eq!(said(&limited), (429, "too_many_failures".to_owned()));
    assert_eq!(report(&gateway, &of("my-group/a"), &json!([])).await.status, 204, "by itself");
    gateway.stop().await;
}

pub(crate) async fn jobs_wait_for_an_issuer_that_is_away(database: Database) {
    let gitlab = FakeGitlab::start();
    let url = gitlab.url();
    let away = "http://127.0.0.1:1/keys";
    let rest = format!("jwks_url = \"{away}\"\n{}", gitlab_toml(url));
    let gateway = TestGateway::start(&database, &jobs_toml(&gitlab, &rest)).await;
    let bearer = format!("Bearer {}", jwt(&gitlab, &JobSpec::default()));
    let answer = report(&gateway, &bearer, &json!([])).await;
    assert_eq!(said(&answer), (503, "unavailable".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("5"));
    let stranger = format!("Bearer {}", jwt(&FakeGitlab::start(), &JobSpec::default()));
    assert_eq!(report(&gateway, &stranger, &json!([])).await.status, 401, "not that issuer's");
    assert_eq!(report(&gateway, REPORTING, &json!([])).await.status, 204);
    eventually(PATIENCE, async || {
        let ready = send(gateway.admin_request(Method::GET, "/ready")).await.json();
        let told = ready["issuers"].as_array().unwrap().iter().find(|one| one["issuer"] == url)?;
        (!told["last_error"].is_null()).then_some(())
    })
    .await;
    gateway.stop().await;
}
