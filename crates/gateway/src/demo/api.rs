//! Calls of the gateway over loopback, and their answers.

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_fake_gitlab::FakeGitlab;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::jobs::Form;
use super::walk::{Mismatch, equal};

/// The two listeners of a running gateway, and what to show them.
pub(super) struct Api {
    pub(super) http: reqwest::Client,
    pub(super) public: String,
    pub(super) admin: String,
    pub(super) admin_token: SecretString,
    pub(super) reporting_token: SecretString,
}

/// An answer, read to its end.
pub(super) struct Answer {
    status: u16,
    headers: HeaderMap,
    /// Null where the body is no JSON.
    pub(super) body: Value,
    /// As it came; a token may be in it.
    pub(super) text: String,
}

impl Api {
    /// A request to the public listener with the operator's token.
    pub(super) async fn pats(&self, method: Method, path: &str) -> Result<Answer, Mismatch> {
        let url = format!("{}/v1/pats{path}", self.public);
        let token = self.admin_token.expose_secret();
        send(self.http.request(method, url).bearer_auth(token)).await
    }

    /// Makes a PAT.
    pub(super) async fn mint(&self, wanted: &Value) -> Result<Answer, Mismatch> {
        let request = self.http.post(format!("{}/v1/pats", self.public));
        send(request.bearer_auth(self.admin_token.expose_secret()).json(wanted)).await
    }

    /// The question of a reverse proxy: who brings this token?
    pub(super) async fn auth(&self, token: &SecretString) -> Result<Answer, Mismatch> {
        let request = self.http.get(format!("{}/auth", self.public));
        send(request.bearer_auth(token.expose_secret())).await
    }

    /// What GitLab asks before each report. Its token comes bare, without `Bearer`.
    pub(super) async fn types(&self) -> Result<Vec<String>, Mismatch> {
        let request = self.http.get(format!("{}/v1/revocable_token_types", self.public));
        let request = request.header(AUTHORIZATION, self.reporting_token.expose_secret());
        let answer = send(request).await?.with_status(200)?;
        let types = answer.body["types"].as_array().cloned().unwrap_or_default();
        Ok(types.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The report of a pipeline's findings, in one POST, as GitLab sends it.
    pub(super) async fn report(&self, findings: &[Value]) -> Result<Answer, Mismatch> {
        let request = self.http.post(format!("{}/v1/revoke_tokens", self.public));
        let request = request.header(AUTHORIZATION, self.reporting_token.expose_secret());
        send(request.json(findings)).await
    }

    /// The one line of a job, with a query (`?…`) or none.
    pub(super) async fn token(
        &self,
        query: &str,
        form: Form,
        jwt: &SecretString,
    ) -> Result<Answer, Mismatch> {
        let request = self.http.get(format!("{}/token{query}", self.public));
        let request = match form {
            Form::Plain => request,
            Form::Json => request.header(ACCEPT, "application/json"),
        };
        send(request.bearer_auth(jwt.expose_secret())).await
    }

    /// A job is done with what it was lent.
    pub(super) async fn give_back(&self, jwt: &SecretString) -> Result<Answer, Mismatch> {
        let request = self.http.delete(format!("{}/token", self.public));
        send(request.bearer_auth(jwt.expose_secret())).await
    }

    /// What GitLab itself tells whoever brings this token.
    pub(super) async fn gitlab_self(
        &self,
        gitlab: &FakeGitlab,
        token: &SecretString,
    ) -> Result<Answer, Mismatch> {
        let url = format!("{}/api/v4/personal_access_tokens/self", gitlab.url());
        send(self.http.get(url).header("PRIVATE-TOKEN", token.expose_secret())).await
    }

    /// A request to the operators' listener.
    pub(super) async fn revocations(&self, method: Method, path: &str) -> Result<Answer, Mismatch> {
        let url = format!("{}/v1/revocations{path}", self.admin);
        let token = self.admin_token.expose_secret();
        send(self.http.request(method, url).bearer_auth(token)).await
    }

    /// How far the audit log goes.
    pub(super) async fn audit_head(&self) -> Result<Answer, Mismatch> {
        let request = self.http.get(format!("{}/v1/audit/head", self.admin));
        send(request.bearer_auth(self.admin_token.expose_secret())).await
    }

    /// Whether both listeners say that they can work.
    pub(super) async fn ready(&self) -> Result<(), Mismatch> {
        for listener in [&self.public, &self.admin] {
            send(self.http.get(format!("{listener}/ready"))).await?.with_status(200)?;
        }
        Ok(())
    }
}

impl Answer {
    /// Itself, where it has this status.
    pub(super) fn with_status(self, expected: u16) -> Result<Self, Mismatch> {
        if self.status == expected {
            return Ok(self);
        }
        // The code of a problem, never more of the body: a token may be in it.
        let code = self.body["code"].as_str().map(|code| format!(" ({code})"));
        let came = format!("status {}{}", self.status, code.unwrap_or_default());
        Err(Mismatch::new(format!("status {expected}"), came))
    }

    /// The code of a problem.
    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("(none)")
    }

    /// What a header says.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// That a header says this.
    pub(super) fn has(&self, header: &str, expected: &str) -> Result<(), Mismatch> {
        equal(header, self.header(header).unwrap_or("(none)"), expected)
    }
}

pub(super) async fn send(request: RequestBuilder) -> Result<Answer, Mismatch> {
    let failed = |error: reqwest::Error| Mismatch::new("an answer", error.without_url());
    let response = request.send().await.map_err(failed)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.map_err(failed)?;
    let body = serde_json::from_slice(&bytes).unwrap_or(json!(null));
    Ok(Answer { status, headers, body, text: String::from_utf8_lossy(&bytes).into_owned() })
}
