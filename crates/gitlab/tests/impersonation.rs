//! Impersonation tokens, against a GitLab that answers as its source says.

use std::time::Duration as Time;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_base::{Clock as _, SystemClock};
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenSpec, TokenState, UserSpec};
use portcullis_gitlab::{
    Administrator, CreatedToken, Failure, GitlabClient, NewImpersonationToken, UserFailure,
};
use time::{Date, Duration};

const ADMIN: &str = "glpat-administrators-000";
const USER: u64 = 2;

fn scopes(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// With an administrator's token of `root`, and one more administrator.
fn fake() -> FakeGitlab {
    let fake = FakeGitlab::start();
    let scopes = scopes(&["api", "sudo"]);
    fake.add_token_with(ADMIN, TokenSpec { user_id: 1, scopes, ..TokenSpec::default() });
    let username = "token-issuer".to_owned();
    fake.add_user(UserSpec { id: 9, username, admin: true, ..UserSpec::default() });
    fake
}

fn gitlab(fake: &FakeGitlab) -> GitlabClient {
    let options = ClientOptions { timeout: Time::from_secs(5), ..ClientOptions::default() };
    GitlabClient::new(fake.url().parse().unwrap(), client(&options).unwrap())
}

fn by(sudo: Option<&str>) -> Administrator {
    Administrator { token: SecretString::from(ADMIN), sudo: sudo.map(str::to_owned) }
}

fn in_days(days: i64) -> Date {
    (SystemClock.now() + Duration::days(days)).date()
}

async fn make(
    gitlab: &GitlabClient,
    by: &Administrator,
    user_id: u64,
    names: &[&str],
) -> Result<CreatedToken, UserFailure> {
    let scopes = scopes(names);
    let new =
        NewImpersonationToken { user_id, name: "a job", scopes: &scopes, expires_at: in_days(2) };
    gitlab.create_impersonation_token(by, &new).await
}

#[tokio::test]
async fn a_token_is_made_found_used_and_revoked() {
    let fake = fake();
    let gitlab = gitlab(&fake);
    for sudo in [None, Some("token-issuer"), Some("9"), Some("1")] {
        let by = by(sudo);
        let earliest = in_days(2);
        let made = make(&gitlab, &by, USER, &["read_api", "write_repository"]).await.unwrap();
        let day = made.expires_at.unwrap();
        assert!(earliest <= day && day <= in_days(2), "{day}");
        assert_eq!(made.active, Some(true));
        let told = gitlab.self_token(&made.token).await.unwrap();
        assert_eq!((told.id, told.user_id), (made.id, Some(USER)));
        assert_eq!(told.scopes, scopes(&["read_api", "write_repository"]));
        assert_eq!(told.expires_on(), made.expires_at);

        let listed = gitlab.impersonation_tokens(&by, USER, 1).await.unwrap();
        let [only] = listed.items.as_slice() else { panic!("{listed:?}") };
        assert_eq!((only.id, only.name.as_str(), only.active), (made.id, "a job", Some(true)));
        let age = SystemClock.now() - only.created_at.unwrap();
        assert!(age < Duration::minutes(1), "{age}");
        assert_eq!(listed.next, None);

        gitlab.revoke_impersonation_token(&by, USER, made.id).await.unwrap();
        assert_eq!(gitlab.self_token(&made.token).await, Err(Failure::InvalidToken));
        assert_eq!(gitlab.impersonation_tokens(&by, USER, 1).await.unwrap().items, []);
        let again = gitlab.revoke_impersonation_token(&by, USER, made.id).await;
        assert_eq!(again, Ok(()), "GitLab says so again");
    }
}

#[tokio::test]
async fn every_page_of_a_long_list_is_seen() {
    let fake = fake();
    let gitlab = gitlab(&fake);
    let mut made = Vec::new();
    for _ in 0..201 {
        made.push(make(&gitlab, &by(None), USER, &["read_api"]).await.unwrap().id);
    }
    let (mut next, mut seen, mut sizes) = (Some(1), Vec::new(), Vec::new());
    while let Some(page) = next {
        let listed = gitlab.impersonation_tokens(&by(None), USER, page).await.unwrap();
        sizes.push(listed.items.len());
        seen.extend(listed.items.into_iter().map(|token| token.id));
        next = listed.next;
    }
    seen.sort_unstable();
    assert_eq!((seen, sizes), (made, vec![100, 100, 1]));
}

#[tokio::test]
async fn each_unknown_is_told_from_the_others() {
    let fake = fake();
    let gitlab = gitlab(&fake);
    let unknown = UserFailure::UnknownUser;
    assert_eq!(make(&gitlab, &by(None), 77, &["api"]).await.unwrap_err(), unknown);
    assert_eq!(gitlab.impersonation_tokens(&by(None), 77, 1).await.unwrap_err(), unknown);
    assert_eq!(gitlab.revoke_impersonation_token(&by(None), 77, 1).await, Err(unknown.clone()));
    assert_eq!(gitlab.user(&by(None), 77).await, Err(unknown));
    let none = gitlab.revoke_impersonation_token(&by(None), USER, 999).await;
    assert_eq!(none, Err(UserFailure::UnknownToken));
    let nobody = by(Some("it's nobody"));
    let unknown = UserFailure::UnknownSudo;
    assert_eq!(make(&gitlab, &nobody, USER, &["api"]).await.unwrap_err(), unknown);
    assert_eq!(gitlab.revoke_impersonation_token(&nobody, USER, 1).await, Err(unknown));
    assert!(gitlab.user(&nobody, USER).await.is_ok(), "questions are the owner's");
    assert!(gitlab.impersonation_tokens(&nobody, USER, 1).await.is_ok());
}

#[tokio::test]
async fn who_may_not_is_refused() {
    let fake = fake();
    let gitlab = gitlab(&fake);
    let forbidden = UserFailure::AdminForbidden;
    let ordinary = by(Some("sample-user"));
    assert_eq!(make(&gitlab, &ordinary, USER, &["api"]).await.unwrap_err(), forbidden);

    let weak = TokenSpec { user_id: 1, scopes: scopes(&["read_api"]), ..TokenSpec::default() };
    fake.add_token_with(ADMIN, weak);
    assert_eq!(make(&gitlab, &by(None), USER, &["api"]).await.unwrap_err(), forbidden);
    let without_sudo = TokenSpec { user_id: 1, scopes: scopes(&["api"]), ..TokenSpec::default() };
    fake.add_token_with(ADMIN, without_sudo);
    let issuer = by(Some("token-issuer"));
    assert_eq!(make(&gitlab, &issuer, USER, &["api"]).await.unwrap_err(), forbidden);

    fake.add_token(ADMIN);
    assert_eq!(make(&gitlab, &by(None), USER, &["api"]).await.unwrap_err(), forbidden);
    assert_eq!(gitlab.impersonation_tokens(&by(None), USER, 1).await.unwrap_err(), forbidden);
    assert_eq!(gitlab.user(&by(None), 1).await.unwrap().is_admin, None, "not told to anybody");
    fake.set_state(ADMIN, TokenState::Expired);
    let refused = UserFailure::AdminRefused;
    assert_eq!(make(&gitlab, &by(None), USER, &["api"]).await.unwrap_err(), refused);
    assert_eq!(gitlab.user(&by(None), USER).await, Err(refused));
    assert_eq!(fake.impersonation_tokens(USER), [], "none was made");
}

#[tokio::test]
async fn what_gitlab_does_not_take_is_named() {
    let fake = fake();
    let gitlab = gitlab(&fake);
    let ask = async |name: &str, names: &[&str], days: i64| {
        let (scopes, expires_at) = (scopes(names), in_days(days));
        let new = NewImpersonationToken { user_id: USER, name, scopes: &scopes, expires_at };
        gitlab.create_impersonation_token(&by(None), &new).await.unwrap_err()
    };
    let invalid = |fields: &[&'static str]| UserFailure::Invalid { fields: fields.to_vec() };
    assert_eq!(ask("a job", &["everything"], 2).await, invalid(&["scopes"]));
    assert_eq!(ask("a job", &[], 2).await, invalid(&["scopes"]));
    assert_eq!(ask(&"x".repeat(300), &["api"], 900).await, invalid(&["name", "expires_at"]));
    assert_eq!(fake.impersonation_tokens(USER), []);
}

#[tokio::test]
async fn a_user_is_told_to_an_administrator() {
    let fake = fake();
    let username = "Gone".to_owned();
    fake.add_user(UserSpec { id: 5, username, blocked: true, ..UserSpec::default() });
    let gitlab = gitlab(&fake);
    let root = gitlab.user(&by(None), 1).await.unwrap();
    assert_eq!((root.username.as_str(), root.is_admin), ("root", Some(true)));
    assert_eq!(root.state.as_deref(), Some("active"));
    let gone = gitlab.user(&by(None), 5).await.unwrap();
    assert_eq!((gone.id, gone.is_admin, gone.state.as_deref()), (5, Some(false), Some("blocked")));
}

#[tokio::test]
async fn a_lost_answer_leaves_a_token_behind_that_the_list_shows() {
    let fake = fake();
    let gitlab = gitlab(&fake);
    for (fault, left) in [(Fault::DropBefore, 0), (Fault::DropAfter, 1)] {
        fake.fault_next_of("POST", 1, fault);
        let failure = make(&gitlab, &by(None), USER, &["api"]).await.unwrap_err();
        assert_eq!(failure, UserFailure::Lost);
        assert!(failure.may_have_happened());
        let listed = gitlab.impersonation_tokens(&by(None), USER, 1).await.unwrap();
        assert_eq!(listed.items.len(), left);
    }
    for (status, may) in [(429, false), (404, false), (500, true), (503, true)] {
        fake.fault_next_of("POST", 1, Fault::Status { status, retry_after: Some(7) });
        let failure = make(&gitlab, &by(None), USER, &["api"]).await.unwrap_err();
        assert_eq!(failure.may_have_happened(), may, "{failure:?}");
    }
    for fault in [Fault::Html { status: 404 }, Fault::PlainUnauthorized] {
        fake.fault_next_of("POST", 1, fault);
        let failure = make(&gitlab, &by(None), USER, &["api"]).await.unwrap_err();
        assert_eq!(failure.code(), "not_gitlab");
        assert!(failure.may_have_happened());
    }
}

#[tokio::test]
async fn impersonation_that_is_switched_off_shows_when_a_token_is_used() {
    let fake = fake();
    fake.allow_impersonation(false);
    let gitlab = gitlab(&fake);
    let made = make(&gitlab, &by(None), USER, &["api"]).await.unwrap();
    assert!(made.token.expose_secret().starts_with("glpat-"));
    assert_eq!(gitlab.self_token(&made.token).await, Err(Failure::Unusable));
    gitlab.revoke_impersonation_token(&by(None), USER, made.id).await.unwrap();
    assert_eq!(fake.impersonation_tokens(USER)[0].state, TokenState::Revoked);
}
