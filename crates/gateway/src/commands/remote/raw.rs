//! One call as somebody else's client makes it: whatever comes is an answer.

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use url::Url;

use super::{Answer, Remote, RemoteError};

impl Remote {
    /// The address of what is at `path` below the gateway's.
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
        self.send(&method, request).await
    }

    /// Why an answer is not what was to come.
    pub(in crate::commands) fn why_not(&self, answer: &Answer) -> RemoteError {
        answer.problem().unwrap_or_else(|| self.not_ours(answer.status))
    }
}
