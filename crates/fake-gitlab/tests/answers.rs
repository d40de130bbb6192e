//! The answers, byte by byte where GitLab's were recorded so, and the faults.

use std::time::{Duration, Instant};

use portcullis_base::http::{ClientOptions, client};
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenKind, TokenSpec, TokenState};
use reqwest::{Method, Response};

const SELF: &str = "/api/v4/personal_access_tokens/self";
const TOKEN: &str = "glpat-0123456789abcdefghij";

struct Caller<'a> {
    gitlab: &'a FakeGitlab,
    http: reqwest::Client,
}

impl<'a> Caller<'a> {
    fn of(gitlab: &'a FakeGitlab) -> Self {
        Self { gitlab, http: client(&ClientOptions::default()).unwrap() }
    }

    async fn call(&self, method: Method, path: &str, token: &str) -> reqwest::Result<Response> {
        let url = format!("{}{path}", self.gitlab.url());
        self.http.request(method, url).header("PRIVATE-TOKEN", token).send().await
    }

    /// Status and body.
    async fn says(&self, method: Method, token: &str) -> (u16, String) {
        let response = self.call(method, SELF, token).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

#[tokio::test]
async fn a_token_lives_until_it_revokes_itself() {
    let gitlab = FakeGitlab::start();
    let caller = Caller::of(&gitlab);
    assert_eq!(gitlab.state(TOKEN), None);
    gitlab.add_token(TOKEN);
    assert_eq!(gitlab.state(TOKEN), Some(TokenState::Active));

    let response = caller.call(Method::GET, SELF, TOKEN).await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    let header = |name| headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("cache-control"), "max-age=0, private, must-revalidate");
    assert_eq!(header("server"), "nginx");
    let id = header("x-request-id");
    assert_eq!(id.len(), 26);
    assert_eq!(header("x-gitlab-meta"), format!(r#"{{"correlation_id":"{id}","version":"1"}}"#));
    let shown: serde_json::Value =
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!((shown["id"].as_u64(), shown["active"].as_bool()), (Some(1), Some(true)));
    assert_eq!(shown["scopes"], serde_json::json!(["api"]));

    assert_eq!(caller.says(Method::DELETE, TOKEN).await, (204, String::new()));
    assert_eq!(gitlab.state(TOKEN), Some(TokenState::Revoked));
    for method in [Method::GET, Method::DELETE] {
        let response = caller.call(method, SELF, TOKEN).await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(
            response.headers()["www-authenticate"],
            "Bearer realm=\"Protected by OAuth 2.0\", error=\"invalid_token\", \
             error_description=\"Token was revoked. You have to re-authorize from the user.\""
        );
        assert_eq!(
            response.text().await.unwrap(),
            r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#
        );
    }
}

#[tokio::test]
async fn each_kind_of_refusal_is_gitlabs() {
    let gitlab = FakeGitlab::start();
    let caller = Caller::of(&gitlab);
    let unknown = (401, r#"{"message":"401 Unauthorized"}"#.to_owned());
    assert_eq!(caller.says(Method::GET, "unknown").await, unknown);
    assert_eq!(caller.says(Method::DELETE, "unknown").await, unknown);
    assert_eq!(caller.says(Method::GET, "").await, unknown);
    for (state, status, text) in [
        (TokenState::Expired, 401, "Token is expired."),
        (TokenState::Blocked, 403, "403 Forbidden - Your account has been blocked."),
    ] {
        gitlab.add_token_with(TOKEN, TokenSpec { state, ..TokenSpec::default() });
        for method in [Method::GET, Method::DELETE] {
            let (answered, body) = caller.says(method, TOKEN).await;
            assert_eq!(answered, status, "{state:?}");
            assert!(body.contains(text), "{body}");
        }
        assert_eq!(gitlab.state(TOKEN), Some(state));
    }
    gitlab.set_state(TOKEN, TokenState::Active);
    assert_eq!(caller.says(Method::GET, TOKEN).await.0, 200);
}

#[tokio::test]
async fn a_token_with_few_scopes_may_still_revoke_itself() {
    let gitlab = FakeGitlab::start();
    let caller = Caller::of(&gitlab);
    let state = TokenState::InsufficientScope;
    gitlab.add_token_with(TOKEN, TokenSpec { state, ..TokenSpec::default() });
    for path in [SELF, "/api/v4/metadata"] {
        let response = caller.call(Method::GET, path, TOKEN).await.unwrap();
        assert_eq!(response.status(), 403);
        let body = response.text().await.unwrap();
        assert!(body.contains(r#""error":"insufficient_scope""#), "{body}");
    }
    assert_eq!(caller.says(Method::DELETE, TOKEN).await, (204, String::new()));
    assert_eq!(gitlab.state(TOKEN), Some(TokenState::Revoked));
}

#[tokio::test]
async fn an_impersonation_token_cannot_revoke_itself() {
    let gitlab = FakeGitlab::start();
    let caller = Caller::of(&gitlab);
    let kind = TokenKind::Impersonation;
    gitlab.add_token_with(TOKEN, TokenSpec { kind, ..TokenSpec::default() });
    assert_eq!(caller.says(Method::GET, TOKEN).await.0, 200);
    let refused = (400, r#"{"message":"400 Bad request"}"#.to_owned());
    assert_eq!(caller.says(Method::DELETE, TOKEN).await, refused);
    assert_eq!(gitlab.state(TOKEN), Some(TokenState::Active));
}

#[tokio::test]
async fn it_has_a_version_and_nothing_else() {
    let gitlab = FakeGitlab::start_under("/gitlab");
    let caller = Caller::of(&gitlab);
    gitlab.add_token(TOKEN);
    let call = async |method, path: &str, token| {
        let response = caller.call(method, path, token).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, body) = call(Method::GET, "/api/v4/metadata", TOKEN).await;
    assert_eq!(status, 200);
    assert!(body.contains(r#""version":"18.11.5-ee""#), "{body}");
    assert_eq!(call(Method::GET, "/api/v4/metadata", "").await.0, 401);
    let missing = (404, r#"{"message":"404 Not found"}"#.to_owned());
    assert_eq!(call(Method::GET, "/api/v4/version", TOKEN).await, missing);
    assert_eq!(call(Method::POST, SELF, TOKEN).await, missing);
    assert_eq!(gitlab.count("GET", "/gitlab/api/v4/metadata"), 2);
}

#[tokio::test]
async fn every_request_is_kept() {
    let gitlab = FakeGitlab::start();
    let caller = Caller::of(&gitlab);
    let before = Instant::now();
    caller.says(Method::GET, "one").await;
    caller.says(Method::DELETE, "two").await;
    caller.call(Method::GET, "/other?query=1", "three").await.unwrap();
    let requests = gitlab.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|r| (r.method.as_str(), r.path.as_str(), r.private_token.as_deref()))
        .collect();
    let expected = [
        ("GET", SELF, Some("one")),
        ("DELETE", SELF, Some("two")),
        ("GET", "/other", Some("three")),
    ];
    assert_eq!(seen, expected);
    assert!(requests.iter().all(|r| r.at >= before && r.at <= Instant::now()));
    assert_eq!((gitlab.count("GET", SELF), gitlab.count("DELETE", SELF)), (1, 1));
}

#[tokio::test]
async fn faults_come_as_they_were_planned() {
    let gitlab = FakeGitlab::start();
    let caller = Caller::of(&gitlab);
    gitlab.add_token(TOKEN);
    gitlab.fault_always(Some(Fault::Html { status: 502 }));
    gitlab.fault_next_of("DELETE", 1, Fault::Status { status: 500, retry_after: None });
    gitlab.fault_next(2, Fault::Status { status: 429, retry_after: Some(7) });
    gitlab.fault_next(0, Fault::DropBefore);

    let response = caller.call(Method::GET, SELF, TOKEN).await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(response.text().await.unwrap(), "Retry later\n");
    let broken = (500, r#"{"message":"500 Internal Server Error"}"#.to_owned());
    assert_eq!(caller.says(Method::DELETE, TOKEN).await, broken);
    assert_eq!(caller.says(Method::DELETE, TOKEN).await.0, 429);
    let (status, page) = caller.says(Method::DELETE, TOKEN).await;
    assert_eq!(status, 502);
    assert!(page.starts_with("<html>"), "{page}");
    gitlab.fault_always(Some(Fault::PlainUnauthorized));
    let (status, body) = caller.says(Method::DELETE, TOKEN).await;
    assert_eq!((status, body.as_str()), (401, "Authorization Required\n"));
    gitlab.fault_always(None);
    assert_eq!(gitlab.state(TOKEN), Some(TokenState::Active), "no fault did what was asked");
    assert_eq!(caller.says(Method::DELETE, TOKEN).await.0, 204);
}

#[tokio::test]
async fn a_cut_connection_has_no_answer_and_may_have_done_it() {
    let gitlab = FakeGitlab::start();
    let caller = Caller::of(&gitlab);
    gitlab.add_token(TOKEN);
    for (fault, left) in
        [(Fault::DropBefore, TokenState::Active), (Fault::DropAfter, TokenState::Revoked)]
    {
        gitlab.fault_next(1, fault);
        let error = caller.call(Method::DELETE, SELF, TOKEN).await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
        assert_eq!(gitlab.state(TOKEN), Some(left));
    }
    // It was the connection's end alone, and the client did not try again by itself.
    assert_eq!(caller.says(Method::GET, TOKEN).await.0, 401);
    assert_eq!(gitlab.count("DELETE", SELF), 2);
}

#[tokio::test]
async fn late_is_late_and_dropping_waits_for_nobody() {
    let gitlab = FakeGitlab::start();
    gitlab.add_token(TOKEN);
    gitlab.fault_next(1, Fault::Delay(Duration::from_millis(150)));
    let before = Instant::now();
    assert_eq!(Caller::of(&gitlab).says(Method::DELETE, TOKEN).await.0, 204);
    assert!(before.elapsed() >= Duration::from_millis(150));

    gitlab.fault_next(1, Fault::Delay(Duration::from_hours(1)));
    let url = format!("{}{SELF}", gitlab.url());
    let waiting = tokio::spawn(client(&ClientOptions::default()).unwrap().get(&url).send());
    while gitlab.count("GET", SELF) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = Instant::now();
    drop(gitlab);
    waiting.await.unwrap().unwrap_err();
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    let gone = client(&ClientOptions::default()).unwrap().get(&url).send().await.unwrap_err();
    assert!(gone.is_connect(), "{gone:?}");
}

#[tokio::test]
async fn a_crowd_is_served() {
    let gitlab = FakeGitlab::start();
    let tokens: Vec<String> = (0..200_000).map(|n| format!("glpat-{n:020}")).collect();
    gitlab.add_tokens(tokens.iter().map(String::as_str));
    let caller = Caller::of(&gitlab);
    for chunk in tokens[..1_000].chunks(50) {
        let calls = chunk.iter().map(|token| {
            let (http, url) = (caller.http.clone(), format!("{}{SELF}", gitlab.url()));
            let token = token.clone();
            tokio::spawn(http.delete(url).header("PRIVATE-TOKEN", token).send())
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap().unwrap().status(), 204);
        }
    }
    let revoked = |token: &&String| gitlab.state(token) == Some(TokenState::Revoked);
    assert_eq!(tokens.iter().filter(revoked).count(), 1_000);
}
