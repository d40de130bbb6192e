//! An administrator's calls, against a GitLab that answers as its source says.

use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::SecretString;
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenKind, TokenSpec, TokenState};
use portcullis_gitlab::{AdminFailure, Failure, GitlabClient};

const PATH: &str = "/api/v4/admin/token";
const ADMIN: &str = "glpat-administrators-000";
const TOKEN: &str = "glpat-0123456789abcdefghij";

fn fake() -> FakeGitlab {
    let fake = FakeGitlab::start();
    fake.add_token_with(ADMIN, TokenSpec { admin: true, ..TokenSpec::default() });
    fake.allow_admin_revocation(true);
    fake
}

fn gitlab(fake: &FakeGitlab) -> GitlabClient {
    GitlabClient::new(fake.url().parse().unwrap(), client(&ClientOptions::default()).unwrap())
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[tokio::test]
async fn an_impersonation_token_is_identified_and_revoked() {
    let fake = fake();
    let kind = TokenKind::Impersonation;
    fake.add_token_with(TOKEN, TokenSpec { kind, user_id: 42, ..TokenSpec::default() });
    let (gitlab, admin, token) = (gitlab(&fake), secret(ADMIN), secret(TOKEN));
    fake.allow_impersonation(false);
    assert_eq!(gitlab.self_token(&token).await, Err(Failure::Unusable), "not dead");
    let told = gitlab.identify_token(&admin, &token).await.unwrap();
    assert_eq!((told.info.user_id, told.dead), (Some(42), false));
    gitlab.revoke_token(&admin, &token).await.unwrap();
    assert_eq!(fake.state(TOKEN), Some(TokenState::Revoked));
    assert!(gitlab.identify_token(&admin, &token).await.unwrap().dead);
    assert_eq!(gitlab.self_token(&token).await, Err(Failure::InvalidToken));
    let shown: Vec<_> = fake.requests().into_iter().filter(|r| r.path == PATH).collect();
    assert!(shown.iter().all(|r| r.private_token.as_deref() == Some(ADMIN)), "and no other");
}

#[tokio::test]
async fn a_refused_administrator_says_nothing_of_the_token() {
    let fake = fake();
    fake.add_token(TOKEN);
    fake.add_token("glpat-nobody-in-particular");
    let (gitlab, token) = (gitlab(&fake), secret(TOKEN));
    let each = async |admin: &str, failure: AdminFailure| {
        let admin = secret(admin);
        assert_eq!(gitlab.identify_token(&admin, &token).await, Err(failure.clone()));
        assert_eq!(gitlab.revoke_token(&admin, &token).await, Err(failure));
    };
    each("glpat-unknown", AdminFailure::AdminRefused).await;
    each("", AdminFailure::AdminRefused).await;
    each("glpat-a\nb", AdminFailure::AdminRefused).await;
    each("glpat-nobody-in-particular", AdminFailure::AdminForbidden).await;
    for state in [TokenState::Revoked, TokenState::Expired] {
        fake.set_state(ADMIN, state);
        each(ADMIN, AdminFailure::AdminRefused).await;
    }
    fake.set_state(ADMIN, TokenState::Blocked);
    each(ADMIN, AdminFailure::AdminForbidden).await;
    assert_eq!(fake.state(TOKEN), Some(TokenState::Active));
}

#[tokio::test]
async fn unknown_unsupported_and_switched_off_are_told_apart() {
    let fake = fake();
    fake.add_token(TOKEN);
    let (gitlab, admin) = (gitlab(&fake), secret(ADMIN));
    for (text, failure) in [
        ("glpat-unknown", AdminFailure::UnknownToken),
        ("glsoat-0123456789abcdefghij", AdminFailure::UnknownKind),
        ("glpat-\"\\\n\u{e4}", AdminFailure::UnknownToken),
    ] {
        let token = secret(text);
        assert_eq!(gitlab.identify_token(&admin, &token).await, Err(failure.clone()), "{text}");
        assert_eq!(gitlab.revoke_token(&admin, &token).await, Err(failure), "{text}");
    }
    let token = secret(TOKEN);
    fake.allow_admin_revocation(false);
    assert!(!gitlab.identify_token(&admin, &token).await.unwrap().dead);
    assert_eq!(gitlab.revoke_token(&admin, &token).await, Err(AdminFailure::SwitchedOff));
    for status in [404, 405] {
        fake.fault_next(2, Fault::Status { status, retry_after: None });
        assert_eq!(gitlab.identify_token(&admin, &token).await, Err(AdminFailure::NoSuchCall));
        assert_eq!(gitlab.revoke_token(&admin, &token).await, Err(AdminFailure::NoSuchCall));
    }
}

#[tokio::test]
async fn trouble_on_the_way_is_as_with_any_call() {
    let fake = fake();
    fake.add_token(TOKEN);
    let (gitlab, admin, token) = (gitlab(&fake), secret(ADMIN), secret(TOKEN));
    let wait = Some(Duration::from_secs(7));
    for (fault, failure) in [
        (
            Fault::Status { status: 429, retry_after: Some(7) },
            AdminFailure::RateLimited { retry_after: wait },
        ),
        (
            Fault::Status { status: 503, retry_after: Some(7) },
            AdminFailure::Server { status: 503, retry_after: wait },
        ),
        (Fault::Html { status: 404 }, AdminFailure::NotGitlab { status: 404 }),
        (Fault::Html { status: 302 }, AdminFailure::NotGitlab { status: 302 }),
        (Fault::Html { status: 200 }, AdminFailure::NotGitlab { status: 200 }),
        (Fault::PlainUnauthorized, AdminFailure::NotGitlab { status: 401 }),
        (Fault::DropBefore, AdminFailure::Lost),
    ] {
        fake.fault_next(2, fault);
        assert_eq!(gitlab.identify_token(&admin, &token).await, Err(failure.clone()));
        assert_eq!(gitlab.revoke_token(&admin, &token).await, Err(failure));
    }
    assert_eq!(fake.state(TOKEN), Some(TokenState::Active));
    fake.fault_next(1, Fault::DropAfter);
    assert_eq!(gitlab.revoke_token(&admin, &token).await, Err(AdminFailure::Lost));
    assert_eq!(fake.state(TOKEN), Some(TokenState::Revoked));

    let url = format!("http://127.0.0.1:{}", portcullis_test_support::free_port());
    let http = client(&ClientOptions::default()).unwrap();
    let nobody = GitlabClient::new(url.parse().unwrap(), http);
    assert_eq!(nobody.revoke_token(&admin, &token).await, Err(AdminFailure::Unreachable));
}

#[tokio::test]
async fn no_failure_carries_a_secret() {
    let fake = fake();
    let (gitlab, admin, token) = (gitlab(&fake), secret(ADMIN), secret(TOKEN));
    let unknown = gitlab.identify_token(&admin, &token).await.unwrap_err();
    let refused = gitlab.revoke_token(&token, &token).await.unwrap_err();
    let codes = (unknown.code(), refused.code());
    let told = format!("{unknown} {unknown:?} {refused} {refused:?} {codes:?} {gitlab:?}");
    assert!(!told.contains(ADMIN) && !told.contains(TOKEN), "{told}");
    assert_eq!(codes, ("unknown_token", "admin_token_refused"));
}
