//! The client against a GitLab that answers as recorded.

use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::SecretString;
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenKind, TokenSpec, TokenState};
use portcullis_gitlab::{Failure, GitlabClient};

const SELF: &str = "/api/v4/personal_access_tokens/self";
const TOKEN: &str = "glpat-0123456789abcdefghij";

fn gitlab_at(url: &str) -> GitlabClient {
    GitlabClient::new(url.parse().unwrap(), client(&ClientOptions::default()).unwrap())
}

fn impatient(url: &str) -> GitlabClient {
    let timeout = Duration::from_millis(200);
    let options = ClientOptions { timeout, ..ClientOptions::default() };
    GitlabClient::new(url.parse().unwrap(), client(&options).unwrap())
}

fn token() -> SecretString {
    SecretString::from(TOKEN)
}

#[tokio::test]
async fn a_token_says_who_it_is_and_revokes_itself() {
    let fake = FakeGitlab::start();
    let spec = TokenSpec {
        name: "deploy".to_owned(),
        user_id: 42,
        scopes: vec!["read_api".to_owned(), "write_repository".to_owned()],
        expires_at: None,
        ..TokenSpec::default()
    };
    fake.add_token_with(TOKEN, spec.clone());
    let gitlab = gitlab_at(fake.url());

    let info = gitlab.self_token(&token()).await.unwrap();
    assert_eq!((info.id, info.user_id), (1, Some(42)));
    assert_eq!(info.name.as_deref(), Some("deploy"));
    assert_eq!(info.scopes, spec.scopes);
    assert_eq!((info.active, info.revoked), (Some(true), Some(false)));
    assert_eq!((info.created_at, info.expires_at), (Some(spec.created_at), None));
    assert_eq!(info.last_used_at, spec.last_used_at);

    gitlab.revoke_self(&token()).await.unwrap();
    assert_eq!(fake.state(TOKEN), Some(TokenState::Revoked));
    assert_eq!(gitlab.revoke_self(&token()).await, Err(Failure::InvalidToken));
    assert_eq!(gitlab.self_token(&token()).await, Err(Failure::InvalidToken));
}

#[tokio::test]
async fn each_refusal_is_told_from_the_others() {
    let fake = FakeGitlab::start();
    let gitlab = gitlab_at(fake.url());
    assert_eq!(gitlab.self_token(&token()).await, Err(Failure::Unauthorized));
    assert_eq!(gitlab.revoke_self(&token()).await, Err(Failure::Unauthorized));
    for (state, failure) in
        [(TokenState::Expired, Failure::InvalidToken), (TokenState::Blocked, Failure::Forbidden)]
    {
        fake.add_token_with(TOKEN, TokenSpec { state, ..TokenSpec::default() });
        assert_eq!(gitlab.self_token(&token()).await.unwrap_err(), failure, "{state:?}");
        assert_eq!(gitlab.revoke_self(&token()).await.unwrap_err(), failure, "{state:?}");
    }
    let state = TokenState::InsufficientScope;
    fake.add_token_with(TOKEN, TokenSpec { state, ..TokenSpec::default() });
    assert_eq!(gitlab.self_token(&token()).await, Err(Failure::Forbidden));
    assert_eq!(gitlab.revoke_self(&token()).await, Ok(()), "it may still end itself");
    let kind = TokenKind::Impersonation;
    fake.add_token_with(TOKEN, TokenSpec { kind, ..TokenSpec::default() });
    assert_eq!(gitlab.revoke_self(&token()).await, Err(Failure::BadRequest));
    assert_eq!(fake.state(TOKEN), Some(TokenState::Active));
}

#[tokio::test]
async fn a_gitlab_may_live_below_a_path() {
    let fake = FakeGitlab::start_under("/tools/gitlab");
    fake.add_token(TOKEN);
    for base in [fake.url().to_owned(), format!("{}/?a=b#c", fake.url())] {
        gitlab_at(&base).self_token(&token()).await.unwrap();
    }
    assert_eq!(fake.count("GET", &format!("/tools/gitlab{SELF}")), 2);
    let root = fake.url().strip_suffix("/tools/gitlab").unwrap();
    let strange = Failure::NotGitlab { status: 404 };
    assert_eq!(gitlab_at(root).self_token(&token()).await, Err(strange));
}

#[tokio::test]
async fn statuses_that_ask_for_patience() {
    let fake = FakeGitlab::start();
    fake.add_token(TOKEN);
    let gitlab = gitlab_at(fake.url());
    let wait = |seconds| Some(Duration::from_secs(seconds));
    for (status, retry_after, failure) in [
        (429, Some(7), Failure::RateLimited { retry_after: wait(7) }),
        (429, None, Failure::RateLimited { retry_after: None }),
        (500, None, Failure::Server { status: 500, retry_after: None }),
        (503, Some(60), Failure::Server { status: 503, retry_after: wait(60) }),
        (404, None, Failure::NotFound),
        (405, None, Failure::NotFound),
        (302, None, Failure::NotGitlab { status: 302 }),
        (418, None, Failure::NotGitlab { status: 418 }),
    ] {
        fake.fault_next(2, Fault::Status { status, retry_after });
        assert_eq!(gitlab.self_token(&token()).await.unwrap_err(), failure);
        assert_eq!(gitlab.revoke_self(&token()).await.unwrap_err(), failure);
    }
    assert_eq!(fake.state(TOKEN), Some(TokenState::Active));
}

#[tokio::test]
async fn what_stands_in_front_of_gitlab_proves_nothing() {
    let fake = FakeGitlab::start();
    let gitlab = gitlab_at(fake.url());
    for status in [200, 400, 401, 403, 404] {
        fake.fault_next(2, Fault::Html { status });
        let failure = Failure::NotGitlab { status };
        assert_eq!(gitlab.self_token(&token()).await.unwrap_err(), failure);
        assert_eq!(gitlab.revoke_self(&token()).await.unwrap_err(), failure);
    }
    fake.fault_next(1, Fault::PlainUnauthorized);
    let failure = Failure::NotGitlab { status: 401 };
    assert_eq!(gitlab.revoke_self(&token()).await, Err(failure));
    fake.fault_next(1, Fault::Html { status: 502 });
    let failure = Failure::Server { status: 502, retry_after: None };
    assert_eq!(gitlab.revoke_self(&token()).await, Err(failure));
}

#[tokio::test]
async fn a_lost_answer_is_not_an_unsent_request() {
    let fake = FakeGitlab::start();
    let gitlab = gitlab_at(fake.url());
    for (fault, left) in
        [(Fault::DropBefore, TokenState::Active), (Fault::DropAfter, TokenState::Revoked)]
    {
        fake.add_token(TOKEN);
        // So that it happens on a connection that was used before, where a cut could be mistaken
        // for a close between two requests.
        gitlab.self_token(&token()).await.unwrap();
        fake.fault_next(1, fault);
        assert_eq!(gitlab.revoke_self(&token()).await, Err(Failure::Lost));
        assert_eq!(fake.state(TOKEN), Some(left));
    }
    assert_eq!(fake.count("DELETE", SELF), 2, "nothing is sent twice");

    fake.fault_next(1, Fault::Delay(Duration::from_mins(1)));
    assert_eq!(impatient(fake.url()).self_token(&token()).await, Err(Failure::Lost));

    let url = format!("http://127.0.0.1:{}", portcullis_test_support::free_port());
    let nobody = gitlab_at(&url);
    assert_eq!(nobody.self_token(&token()).await, Err(Failure::Unreachable));
    assert_eq!(nobody.revoke_self(&token()).await, Err(Failure::Unreachable));
}

#[tokio::test]
async fn what_cannot_stand_in_a_header_is_never_sent() {
    let fake = FakeGitlab::start();
    let gitlab = gitlab_at(fake.url());
    for text in
        ["", " ", "glpat-a\nb", "glpat-a\0", "glpat-a\r\nX: y", "glpat-ä", "a b", " a", "a\u{7f}"]
    {
        let token = SecretString::from(text);
        assert_eq!(gitlab.self_token(&token).await, Err(Failure::Unsendable), "{text:?}");
        assert_eq!(gitlab.revoke_self(&token).await, Err(Failure::Unsendable), "{text:?}");
    }
    assert!(fake.requests().is_empty());
}
