//! A pretended GitLab with an administrator, and a gateway that lends its users' tokens.

use portcullis_fake_gitlab::{FakeGitlab, JobSpec, TokenSpec};
use reqwest::Method;

use super::{Answer, TestGateway, send};

/// The administrator's token.
pub(crate) const ADMIN_TOKEN: &str = "glpat-the-administrator-of-tests-01";
/// Whom the jobs' JWTs are for.
pub(crate) const AUDIENCE: &str = "https://portcullis.example.com";

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
    format!(
        "[impersonation]\ngitlab_url = \"{}\"\nadmin_token = \"{ADMIN_TOKEN}\"\n\
         jwt.audiences = [\"{AUDIENCE}\"]\n{rest}\n",
        gitlab.url(),
    )
}

/// The JWT of a job.
pub(crate) fn jwt(gitlab: &FakeGitlab, job: &JobSpec) -> String {
    gitlab.mint_id_token(job)
}

/// A call of `/token` with a JWT; `query` is `?…` or empty.
pub(crate) async fn token(gateway: &TestGateway, method: Method, query: &str, jwt: &str) -> Answer {
    send(gateway.request(method, &format!("/token{query}")).bearer_auth(jwt)).await
}
