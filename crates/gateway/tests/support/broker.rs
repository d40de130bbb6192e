//! A pretended GitLab with an administrator, and a gateway that lends its users' tokens.

use portcullis_fake_gitlab::{FakeGitlab, JobSpec, RecordedRequest, TokenSpec, TokenState};
use reqwest::Method;

use super::{Answer, PATIENCE, TestGateway, eventually, send};

/// The administrator's token.
pub(crate) const ADMIN_TOKEN: &str = "glpat-the-administrator-of-tests-01";
/// Whom the jobs' JWTs are for.
pub(crate) const AUDIENCE: &str = "https://portcullis.example.com";
/// Where the tokens of the jobs' user are made.
pub(crate) const TOKENS: &str = "/api/v4/users/2/impersonation_tokens";

/// A GitLab that knows [`ADMIN_TOKEN`].
pub(crate) fn gitlab() -> FakeGitlab {
    let gitlab = FakeGitlab::start();
    let scopes = ["api", "sudo"].map(str::to_owned).into();
    let spec = TokenSpec { admin: true, user_id: 1, scopes, ..TokenSpec::default() };
    gitlab.add_token_with(ADMIN_TOKEN, spec);
    gitlab
}

/// A broker for that GitLab; `rest` are more keys of the section, and what follows it.
pub(crate) fn broker_toml(gitlab: &FakeGitlab, rest: &str) -> String {
    broker_toml_with(gitlab, &format!("jwt.audiences = [\"{AUDIENCE}\"]\n{rest}"))
}

/// The same without an audience.
pub(crate) fn broker_toml_with(gitlab: &FakeGitlab, rest: &str) -> String {
    format!(
        "[impersonation]\ngitlab_url = \"{}\"\nadmin_token = \"{ADMIN_TOKEN}\"\n{rest}\n",
        gitlab.url(),
    )
}

/// The JWT of a job.
pub(crate) fn jwt(gitlab: &FakeGitlab, job: &JobSpec) -> String {
    gitlab.mint_id_token(job)
}

/// A job with these claims instead of its own; null takes one away.
pub(crate) fn job_with<const N: usize>(claims: [(&str, serde_json::Value); N]) -> JobSpec {
    let extra = claims.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    JobSpec { extra, ..JobSpec::default() }
}

/// A call of `/token` with a JWT; `query` is `?…` or empty.
pub(crate) async fn token(gateway: &TestGateway, method: Method, query: &str, jwt: &str) -> Answer {
    send(gateway.request(method, &format!("/token{query}")).bearer_auth(jwt)).await
}

/// `GET /token` for a new JWT of this job.
pub(crate) async fn ask(gateway: &TestGateway, gitlab: &FakeGitlab, job: &JobSpec) -> Answer {
    token(gateway, Method::GET, "", &jwt(gitlab, job)).await
}

/// The token that a job is given.
pub(crate) async fn given(gateway: &TestGateway, gitlab: &FakeGitlab, job: &JobSpec) -> String {
    let answer = ask(gateway, gitlab, job).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

/// Status and code of a problem.
pub(crate) fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

/// Waits until a token is dead at its GitLab.
pub(crate) async fn revoked(gitlab: &FakeGitlab, token: &str) {
    eventually(PATIENCE, async || (gitlab.state(token) == Some(TokenState::Revoked)).then_some(()))
        .await;
}

/// What GitLab's API was asked, beside its keys, and how the administrator's token is doing: that is asked
/// in the background.
pub(crate) fn calls(gitlab: &FakeGitlab) -> Vec<RecordedRequest> {
    let looks = ["/api/v4/personal_access_tokens/self", "/api/v4/user"];
    let mut all = gitlab.requests();
    all.retain(|request| {
        request.path.starts_with("/api/") && !looks.contains(&request.path.as_str())
    });
    all
}
