//! What the tests say to it, and what they hear.

use portcullis_base::http::{ClientOptions, client};
use portcullis_fake_gitlab::{FakeGitlab, TokenSpec};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// The administrator's token.
pub(crate) const ADMIN: &str = "glpat-administrators-000";
/// An ordinary user's.
pub(crate) const PLAIN: &str = "glpat-of-sample-user-000";

/// A GitLab that knows both tokens.
pub(crate) fn gitlab() -> FakeGitlab {
    let gitlab = FakeGitlab::start();
    let scopes = vec!["api".to_owned(), "sudo".to_owned()];
    gitlab.add_token_with(ADMIN, TokenSpec { user_id: 1, scopes, ..TokenSpec::default() });
    gitlab.add_token(PLAIN);
    gitlab
}

pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Heard {
    /// A header's text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn request(
    gitlab: &FakeGitlab,
    method: Method,
    path: &str,
    token: &str,
) -> RequestBuilder {
    let http = client(&ClientOptions::default()).unwrap();
    http.request(method, format!("{}{path}", gitlab.url())).header("PRIVATE-TOKEN", token)
}

pub(crate) async fn send(request: RequestBuilder) -> Heard {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
    Heard { status, headers, body }
}

pub(crate) async fn get(gitlab: &FakeGitlab, path: &str, token: &str) -> Heard {
    send(request(gitlab, Method::GET, path, token)).await
}
