//! What an administrator's token may do, asked of the pretended GitLab.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenSpec, TokenState, UserSpec};
use portcullis_gitlab::{Administrator, Failure, GitlabClient, Lack, Rights, UserFailure};
use time::macros::date;

const TOKEN: &str = "glpat-of-an-administrator-00";

fn gitlab(scopes: &[&str], user_id: u64) -> FakeGitlab {
    let gitlab = FakeGitlab::start();
    let scopes = scopes.iter().map(ToString::to_string).collect();
    gitlab.add_token_with(TOKEN, TokenSpec { user_id, scopes, ..TokenSpec::default() });
    let second = UserSpec { id: 9, username: "issuer".into(), admin: true, ..UserSpec::default() };
    gitlab.add_user(second);
    gitlab
}

async fn rights(gitlab: &FakeGitlab, sudo: Option<&str>) -> Result<Rights, UserFailure> {
    let options = ClientOptions { timeout: Duration::from_secs(5), ..ClientOptions::default() };
    let client = GitlabClient::new(gitlab.url().parse().unwrap(), client(&options).unwrap());
    let by = Administrator { token: TOKEN.into(), sudo: sudo.map(str::to_owned) };
    client.rights(&by).await
}

#[tokio::test]
async fn one_that_can_do_all() {
    let gitlab = gitlab(&["api", "sudo"], 1);
    for sudo in [None, Some("issuer"), Some("9"), Some("root")] {
        let whole = Rights {
            missing_scopes: vec![],
            administrator: Some(true),
            expires_on: Some(date!(2027 - 01 - 04)),
            lack: None,
        };
        assert_eq!(rights(&gitlab, sudo).await.unwrap(), whole, "{sudo:?}");
    }
    assert!(gitlab.requests().iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn each_lack_is_told() {
    for (scopes, user, sudo, lack, code) in [
        (&["read_api"][..], 1, None, Lack::Scopes, "scopes_missing"),
        (&["api"], 1, Some("issuer"), Lack::Scopes, "scopes_missing"),
        (&["api"], 2, None, Lack::Administrator, "not_administrator"),
        (&["api", "sudo"], 2, Some("issuer"), Lack::Administrator, "not_administrator"),
        (&["api", "sudo"], 1, Some("nobody"), Lack::UnknownSudo, "unknown_sudo_user"),
        (&["api", "sudo"], 1, Some("2"), Lack::SudoAdministrator, "sudo_user_not_administrator"),
    ] {
        let told = rights(&gitlab(scopes, user), sudo).await.unwrap();
        assert_eq!((told.lack, lack.code()), (Some(lack), code), "{scopes:?} {user} {sudo:?}");
    }
    let without = rights(&gitlab(&["read_api"], 1), Some("issuer")).await.unwrap();
    assert_eq!((without.missing_scopes, without.administrator), (vec!["api", "sudo"], None));
}

#[tokio::test]
async fn a_gitlab_is_told_from_others_without_a_token() {
    let gitlab = gitlab(&["api"], 1);
    let options = ClientOptions { timeout: Duration::from_secs(5), ..ClientOptions::default() };
    let client = GitlabClient::new(gitlab.url().parse().unwrap(), client(&options).unwrap());
    assert_eq!(client.is_there().await, Ok(()));
    assert_eq!(gitlab.requests()[0].private_token, None);
    for status in [200, 401] {
        gitlab.fault_next(1, Fault::Html { status });
        assert_eq!(client.is_there().await, Err(Failure::NotGitlab { status }));
    }
}

#[tokio::test]
async fn no_answer_is_no_lack() {
    let gitlab = gitlab(&["api", "sudo"], 1);
    let status = Fault::Status { status: 502, retry_after: None };
    for path in ["/api/v4/personal_access_tokens/self", "/api/v4/user"] {
        gitlab.fault_next_at("GET", path, 1, status.clone());
        let failed = rights(&gitlab, Some("issuer")).await.unwrap_err();
        assert_eq!(failed, UserFailure::Server { status: 502, retry_after: None }, "{path}");
    }
    gitlab.set_state(TOKEN, TokenState::Revoked);
    assert_eq!(rights(&gitlab, None).await, Err(UserFailure::AdminRefused));
}
