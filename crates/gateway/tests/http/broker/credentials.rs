//! Who shows no good JWT.

use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::auth::basic;
use crate::support::broker::{broker_toml, calls, gitlab, job_with, jwt, said};
use crate::support::{Answer, Database, TestGateway, send};

const CHALLENGE: &str = "Bearer realm=\"gitlab-pat\"";

fn assert_challenged(answer: &Answer, code: &str, what: &str) {
    assert_eq!(said(answer), (401, code.to_owned()), "{what}");
    assert_eq!(answer.header("www-authenticate"), Some(CHALLENGE), "{what}");
}

pub(crate) async fn who_shows_none_is_asked_for_one(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let good = jwt(&gitlab, &JobSpec::default());
    for method in [Method::GET, Method::DELETE] {
        let plain = || gateway.request(method.clone(), "/token");
        let with = |value: &str| plain().header(AUTHORIZATION, value);
        let requests: [(&str, RequestBuilder); 8] = [
            ("nothing", plain()),
            (
                "two",
                with(&format!("Bearer {good}")).header(AUTHORIZATION, format!("Bearer {good}")),
            ),
            ("Basic", with(&basic("user", &good))),
            ("bare", with(&good)),
            ("another scheme", with(&format!("Token {good}"))),
            ("nothing behind the scheme", with("Bearer ")),
            ("another header", plain().header("PRIVATE-TOKEN", &good)),
            ("in the query", gateway.request(method.clone(), &format!("/token?jwt={good}"))),
        ];
        for (what, request) in requests {
            assert_challenged(&send(request).await, "no_token", what);
        }
    }
    assert!(calls(&gitlab).is_empty());
    gateway.stop().await;
}

/// What is signed well and says the wrong thing, and what is signed by somebody else.
fn bad(gitlab: &FakeGitlab) -> Vec<(&'static str, String)> {
    let good = jwt(gitlab, &JobSpec::default());
    let of = |job: &JobSpec| jwt(gitlab, job);
    let stranger = FakeGitlab::start();
    let theirs = stranger.mint_id_token(&JobSpec::default());
    let in_our_name = stranger.mint_id_token(&job_with([("iss", json!(gitlab.url()))]));
    let parts: Vec<&str> = good.split('.').collect();
    let other: Vec<&str> = theirs.split('.').collect();
    vec![
        ("garbage", "x.y.z".to_owned()),
        ("one word", "garbage".to_owned()),
        ("expired", of(&JobSpec { issued_at: -7200, ..JobSpec::default() })),
        ("not yet", of(&JobSpec { issued_at: 600, ..JobSpec::default() })),
        ("another issuer", of(&job_with([("iss", json!("https://gitlab.example.com"))]))),
        ("an issuer with a slash", of(&job_with([("iss", json!(format!("{}/", gitlab.url())))]))),
        ("another audience", of(&job_with([("aud", json!("https://elsewhere.example.com"))]))),
        ("no audience", of(&job_with([("aud", json!(null))]))),
        ("no end", of(&job_with([("exp", json!(null))]))),
        ("no subject", of(&job_with([("sub", json!(null))]))),
        ("another GitLab's", theirs.clone()),
        ("another GitLab's in our name", in_our_name),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("another's signature", format!("{}.{}.{}", parts[0], parts[1], other[2])),
        ("another's claims", format!("{}.{}.{}", parts[0], other[1], parts[2])),
    ]
}

pub(crate) async fn a_bad_jwt_opens_nothing(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    for (what, jwt) in bad(&gitlab) {
        for method in [Method::GET, Method::DELETE] {
            let answer = send(gateway.request(method, "/token").bearer_auth(&jwt)).await;
            assert_challenged(&answer, "invalid_token", what);
        }
    }
    assert!(calls(&gitlab).is_empty(), "only its keys were asked for");
    assert!(gateway.revocations("").await.is_empty());
    gateway.stop().await;
}

pub(crate) async fn other_methods_are_refused(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    for method in ["HEAD", "POST", "PUT", "PATCH", "OPTIONS"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = send(gateway.request(method.clone(), "/token").bearer_auth(&jwt)).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("DELETE, GET"), "{method}");
    }
    assert!(calls(&gitlab).is_empty());
    gateway.stop().await;
}
