use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::SecretString;
use portcullis_base::{Clock as _, SystemClock};
use portcullis_fake_gitlab::{FakeGitlab, TokenSpec, TokenState, UserSpec};

use super::*;

const ADMIN: &str = "glpat-the-administrator-of-tests-01";

fn upstream(fake: &FakeGitlab, sudo: Option<&str>) -> Upstream {
    let scopes = ["api", "sudo"].map(str::to_owned).into();
    fake.add_token_with(ADMIN, TokenSpec { user_id: 1, scopes, ..TokenSpec::default() });
    let http = client(&ClientOptions { timeout: DEADLINE, ..ClientOptions::default() }).unwrap();
    let token = SecretString::from(ADMIN);
    let by = Administrator { token, sudo: sudo.map(str::to_owned) };
    Upstream::new(GitlabClient::new(fake.url().parse().unwrap(), http), by)
}

async fn made(upstream: &Upstream) -> CreatedToken {
    let scopes = ["read_api".to_owned()];
    let expires_at = SystemClock.now().date().next_day().unwrap();
    let new = NewImpersonationToken { user_id: 2, name: "a job", scopes: &scopes, expires_at };
    upstream.create(&new).await.unwrap()
}

#[tokio::test]
async fn what_gitlab_does_not_know_is_dead() {
    let fake = FakeGitlab::start();
    let upstream = upstream(&fake, None);
    let id = made(&upstream).await.id;
    assert_eq!(upstream.revoke(2, id).await, Ok(true));
    assert_eq!(upstream.revoke(2, id + 999).await, Ok(false), "no such token");
    assert_eq!(upstream.revoke(77, id).await, Ok(false), "no such user");
}

#[tokio::test]
async fn a_token_dies_though_the_user_to_act_as_is_gone_or_no_administrator_any_more() {
    for sudo in ["nobody", "2"] {
        let fake = FakeGitlab::start();
        let id = made(&upstream(&fake, None)).await.id;
        assert_eq!(upstream(&fake, Some(sudo)).revoke(2, id).await, Ok(true), "{sudo}");
        assert_eq!(fake.impersonation_tokens(2)[0].state, TokenState::Revoked);
    }
}

/// Who does not tell whether somebody is an administrator has not said that they are none.
#[tokio::test]
async fn silence_about_administrators_is_no_answer() {
    let fake = FakeGitlab::start();
    let upstream = upstream(&fake, None);
    fake.add_user(UserSpec { id: 3, ..UserSpec::default() });
    assert_eq!(upstream.is_administrator(3).await, Ok(false));
    fake.add_token_with(ADMIN, TokenSpec { user_id: 3, ..TokenSpec::default() });
    assert_eq!(
        upstream.is_administrator(2).await,
        Err(Trouble::Said(UserFailure::AdminForbidden)),
        "asked by somebody who is none"
    );
}
