//! What a job is given, in which form, and what GitLab is asked for it.

use std::time::Duration;

use portcullis_base::{Clock as _, SystemClock};
use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::broker::{ADMIN_TOKEN, TOKENS, broker_toml, calls, gitlab, jwt, said, token};
use crate::support::{Database, TestGateway, send};

pub(crate) async fn the_answer_is_json_for_whom_it_is_the_best(database: Database) {
    let gitlab = gitlab();
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, "")).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    for (accept, json) in [
        (None, false),
        (Some("*/*"), false),
        (Some("application/json"), true),
        (Some("Application/JSON"), true),
        (Some("application/json; charset=utf-8"), true),
        (Some("application/json, text/plain, */*"), true),
        (Some("text/plain, application/json"), false),
        (Some("text/plain;q=0.5, application/json;q=0.6"), true),
        (Some("application/json;q=0.4, text/*;q=0.5"), false),
        (Some("application/json;q=0"), false),
        (Some("text/html, application/json;q=0.1"), true),
        (Some("text/html"), false),
        (Some("jsonish,,;q=,/"), false),
    ] {
        let mut request = gateway.request(Method::GET, "/token").bearer_auth(&jwt);
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        let answer = send(request).await;
        assert_eq!(answer.status, 200, "{accept:?}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{accept:?}");
        let kind = if json { "application/json" } else { "text/plain; charset=utf-8" };
        assert_eq!(answer.header("content-type"), Some(kind), "{accept:?}");
    }
    gateway.stop().await;
}

pub(crate) async fn the_json_says_what_was_given(database: Database) {
    let gitlab = gitlab();
    let section = "scopes = [\"write_repository\", \"read_api\"]\nrevoke_seconds = 600";
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, section)).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    let request = gateway.request(Method::GET, "/token?ttl=300").bearer_auth(&jwt);
    let before = SystemClock.now();
    let mut answer = send(request.header(ACCEPT, "application/json")).await.json();
    let due = OffsetDateTime::parse(answer["expires_at"].take().as_str().unwrap(), &Rfc3339);
    let life = due.unwrap() - before;
    assert!(life > Duration::from_secs(299) && life < Duration::from_secs(330), "{life}");
    let made = &gitlab.impersonation_tokens(2)[0];
    assert_eq!(
        answer,
        json!({
            "token": made.token, "scopes": ["write_repository", "read_api"], "user_id": 2,
            "user_login": "sample-user", "lifetime_seconds": 300, "expires_at": null,
        })
    );
    gateway.stop().await;
}

fn tomorrow() -> String {
    SystemClock.now().date().next_day().unwrap().to_string()
}

/// The marker's two parts behind the subject.
fn marker(name: &str) -> (String, String) {
    let subject = "project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1";
    let marker = name.strip_prefix(&format!("{subject} [portcullis:")).unwrap();
    let (instance, id) = marker.strip_suffix(']').unwrap().split_once(':').unwrap();
    (instance.to_owned(), id.to_owned())
}

pub(crate) async fn gitlab_is_asked_as_the_origin_did(database: Database) {
    let gitlab = gitlab();
    let section = "sudo_user = \"root\"\nscopes = [\"write_repository\", \"read_api\"]";
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, section)).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    let mut days = vec![tomorrow()];
    for _ in 0..2 {
        assert_eq!(token(&gateway, Method::GET, "", &jwt).await.status, 200);
    }
    days.push(tomorrow());
    let asked: Vec<_> = calls(&gitlab).into_iter().map(|c| (c.method, c.path, c.query)).collect();
    let call = |method: &str, path: &str, query: &str| {
        (method.to_owned(), path.to_owned(), query.to_owned())
    };
    let post = call("POST", TOKENS, "sudo=root");
    // Whether an administrator is asked for once, and then known for a moment.
    assert_eq!(asked, [call("GET", "/api/v4/users/2", ""), post.clone(), post]);
    for call in calls(&gitlab) {
        assert_eq!(call.private_token.as_deref(), Some(ADMIN_TOKEN));
    }
    let made = gitlab.impersonation_tokens(2);
    assert_eq!(made.len(), 2);
    let [one, other] = [&made[0], &made[1]].map(|made| {
        assert_eq!(made.scopes, ["write_repository", "read_api"]);
        assert!(days.contains(made.expires_at.as_ref().unwrap()), "{made:?}");
        marker(&made.name)
    });
    assert_eq!(one.0, other.0, "one installation");
    assert_ne!(one.1, other.1, "two intents");
    assert_eq!((one.0.len(), one.1.len()), (16, 36));
    gateway.stop().await;
}

fn made(gitlab: &FakeGitlab) -> usize {
    gitlab.impersonation_tokens(2).len()
}

pub(crate) async fn less_may_be_asked_for_and_never_more(database: Database) {
    let gitlab = gitlab();
    let section = "scopes = [\"write_repository\", \"read_api\"]\nrevoke_seconds = 60";
    let gateway = TestGateway::start(&database, &broker_toml(&gitlab, section)).await;
    let jwt = jwt(&gitlab, &JobSpec::default());
    let all: &[&str] = &["write_repository", "read_api"];
    for (query, scopes) in [
        ("?scopes=read_api", &["read_api"][..]),
        ("?scopes=read_api,write_repository,read_api&ttl=15", &["read_api", "write_repository"]),
        ("?scopes=write_repository%20read_api", all),
        ("?ttl=60s", all),
        ("?", all),
    ] {
        let given = token(&gateway, Method::GET, query, &jwt).await;
        assert_eq!(given.status, 200, "{query}: {given:?}");
        assert_eq!(gitlab.scopes_of(&given.text).unwrap(), scopes, "{query}");
    }
    let before = made(&gitlab);
    for (query, status, code) in [
        ("?scopes=api", 403, "scope_not_granted"),
        ("?scopes=read_api,sudo", 403, "scope_not_granted"),
        ("?ttl=61", 403, "ttl_not_granted"),
        ("?ttl=99999999999999999999999", 403, "ttl_not_granted"),
        ("?scopes=", 400, "invalid_scopes"),
        ("?scopes=read_api;x", 400, "invalid_scopes"),
        ("?ttl=0", 400, "invalid_ttl"),
        ("?ttl=-1", 400, "invalid_ttl"),
        ("?ttl=1.5", 400, "invalid_ttl"),
        ("?ttl=", 400, "invalid_ttl"),
        ("?scope=read_api", 400, "invalid_query"),
        ("?Scopes=read_api", 400, "invalid_query"),
        ("?ttl=1&ttl=1", 400, "invalid_query"),
        ("?scopes=read_api&scopes=read_api", 400, "invalid_query"),
        ("?access_token=x", 400, "invalid_query"),
    ] {
        let refused = token(&gateway, Method::GET, query, &jwt).await;
        assert_eq!(said(&refused), (status, code.to_owned()), "{query}");
    }
    assert_eq!(made(&gitlab), before);
    gateway.stop().await;
}
