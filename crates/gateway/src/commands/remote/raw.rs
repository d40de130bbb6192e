//! One call as somebody else's client makes it: whatever comes is an answer.

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::{LONGEST, Remote, RemoteError};

/// What came, whatever its status is.
pub(in crate::commands) struct Answer {
    pub(in crate::commands) status: u16,
    pub(in crate::commands) body: Vec<u8>,
    /// What it says in a gateway's own words, where it is an error in these.
    pub(in crate::commands) problem: Option<RemoteError>,
    /// After how many seconds to come again.
    pub(in crate::commands) wait: Option<u64>,
}

impl Remote {
    /// The address of the gateway, and that of what is at `path` below it.
    pub(in crate::commands) fn url(&self, path: &[&str]) -> Url {
        self.address(path, &[])
    }

    /// The address of the gateway as people write it.
    pub(in crate::commands) fn shown(&self) -> String {
        self.place.shown()
    }

    /// Sends `body`, or asks where there is none, with `token` bare in `Authorization`.
    pub(in crate::commands) async fn raw(
        &self,
        url: Url,
        token: Option<&SecretString>,
        body: Option<String>,
    ) -> Result<Answer, RemoteError> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let lost = |error| RemoteError::of_transport(&self.place, &method, &error);
        let mut request = self.http.request(method.clone(), url);
        if let Some(token) = token {
            // What is no header's value is no token of a gateway's either.
            let value = HeaderValue::from_str(token.expose_secret());
            let mut value = value.unwrap_or_else(|_| HeaderValue::from_static("unusable"));
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = request.send().await.map_err(lost)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if bytes.len() + chunk.len() > LONGEST {
                return Err(self.not_ours(response.status()));
            }
            bytes.extend_from_slice(&chunk);
        }
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let ours = header(CONTENT_TYPE) == Some("application/problem+json");
        let problem = serde_json::from_slice(&bytes).ok().filter(|_| ours);
        let problem = problem.and_then(|body: Value| RemoteError::of_problem(&body));
        let wait = header(RETRY_AFTER);
        Ok(Answer {
            status: response.status().as_u16(),
            problem: problem.map(|problem| problem.wait(wait)),
            wait: wait.and_then(|seconds| seconds.parse().ok()),
            body: bytes,
        })
    }

    /// Why an answer is not what was to come.
    pub(in crate::commands) fn why_not(&self, answer: Answer) -> RemoteError {
        let status = StatusCode::from_u16(answer.status).unwrap_or_default();
        answer.problem.unwrap_or_else(|| self.not_ours(status))
    }
}
