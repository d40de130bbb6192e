//! The calls.

use std::fmt;

use portcullis_base::secret::{ExposeSecret as _, SecretString, Zeroizing};
use reqwest::header::HeaderValue;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use url::Url;

use crate::answer;
use crate::wait;
use crate::{Failure, TokenInfo};

/// GitLab's answers to these calls have a few hundred bytes, at most a few thousand.
const LONGEST_BODY: usize = 64 * 1024;

const SELF: &str = "api/v4/personal_access_tokens/self";
const ADMIN: &str = "api/v4/admin/token";
const USERS: &str = "api/v4/users";
const METADATA: &str = "api/v4/metadata";
const USER: &str = "api/v4/user";

/// One GitLab. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct GitlabClient {
    self_url: Url,
    metadata_url: Url,
    pub(crate) admin_url: Url,
    pub(crate) users_url: Url,
    pub(crate) user_url: Url,
    http: Client,
}

impl GitlabClient {
    /// The GitLab at `base_url`, which may have a path (GitLab's "relative URL root"); its query
    /// and fragment do not count. `http` must not follow redirects: they would carry the token
    /// away. `portcullis_base::http::client` makes such ones.
    pub fn new(base_url: Url, http: Client) -> Self {
        let mut root = base_url;
        root.set_query(None);
        root.set_fragment(None);
        let at = |call: &str| {
            let mut url = root.clone();
            url.set_path(&format!("{}/{call}", root.path().trim_end_matches('/')));
            url
        };
        Self {
            self_url: at(SELF),
            metadata_url: at(METADATA),
            admin_url: at(ADMIN),
            users_url: at(USERS),
            user_url: at(USER),
            http,
        }
    }

    /// The address of its root as a log may show it: without user, password and query.
    pub fn label(&self) -> String {
        let path = self.self_url.path().strip_suffix(SELF).unwrap_or_default();
        format!("{}{}", self.self_url.origin().ascii_serialization(), path.trim_end_matches('/'))
    }

    /// Whether a GitLab is there: `GET /api/v4/metadata` without a token, of which it says that it wants
    /// one.
    pub async fn is_there(&self) -> Result<(), Failure> {
        let request = self.http.get(self.metadata_url.clone()).header("Accept", "application/json");
        let response = self.send(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        match answer::failure(status, &headers, &body(response).await?) {
            Failure::Unauthorized => Ok(()),
            failure => Err(failure),
        }
    }

    /// Asks the token who it is: `GET /api/v4/personal_access_tokens/self`. Any scope will do.
    pub async fn self_token(&self, token: &SecretString) -> Result<TokenInfo, Failure> {
        let response = self.send(self.ask(Method::GET, &self.self_url, token)?).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(response).await?;
        if status == StatusCode::OK {
            let strange = Failure::NotGitlab { status: status.as_u16() };
            return serde_json::from_slice(&body).map_err(|_| strange);
        }
        Err(answer::failure(status, &headers, &body))
    }

    /// Has the token revoke itself: `DELETE /api/v4/personal_access_tokens/self`. Only a 204 says
    /// that it did.
    pub async fn revoke_self(&self, token: &SecretString) -> Result<(), Failure> {
        let response = self.send(self.ask(Method::DELETE, &self.self_url, token)?).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        Err(answer::failure(status, &headers, &body(response).await?))
    }

    /// A request in the name of `token`.
    pub(crate) fn ask(
        &self,
        method: Method,
        url: &Url,
        token: &SecretString,
    ) -> Result<RequestBuilder, Failure> {
        let request = self.http.request(method, url.clone());
        Ok(request.header("PRIVATE-TOKEN", header(token)?).header("Accept", "application/json"))
    }

    /// An answer whose body must be read to know what it means.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| not_answered(&error))?;
        let status = response.status();
        let retry_after = wait::asked_for(response.headers());
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Failure::RateLimited { retry_after });
        }
        if status.is_server_error() {
            return Err(Failure::Server { status: status.as_u16(), retry_after });
        }
        Ok(response)
    }
}

impl fmt::Debug for GitlabClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The whole URL might hold a password.
        write!(f, "GitlabClient({})", self.self_url.host_str().unwrap_or_default())
    }
}

/// Blanks at the ends are lost on the way, which makes it another token; so none are sent at all.
pub(crate) fn header(token: &SecretString) -> Result<HeaderValue, Failure> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Failure::Unsendable);
    }
    let mut value = HeaderValue::from_str(token).map_err(|_| Failure::Unsendable)?;
    value.set_sensitive(true);
    Ok(value)
}

fn not_answered(error: &reqwest::Error) -> Failure {
    // A builder's error is found before there is a connection.
    if error.is_connect() || error.is_builder() { Failure::Unreachable } else { Failure::Lost }
}

/// The body, or nothing where it is longer than any of GitLab's.
pub(crate) async fn body(response: Response) -> Result<Zeroizing<Vec<u8>>, Failure> {
    body_up_to(LONGEST_BODY, response).await
}

/// The same for a call whose answers may have more bytes.
pub(crate) async fn body_up_to(
    longest: usize,
    mut response: Response,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // A body that carries a token fits without growing: what growing leaves behind is not erased.
    let mut body = Zeroizing::new(Vec::with_capacity(LONGEST_BODY));
    while let Some(chunk) = response.chunk().await.map_err(|_| Failure::Lost)? {
        if body.len() + chunk.len() > longest {
            return Ok(Zeroizing::default());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_label_is_its_root() {
        let http = portcullis_base::http::client(&portcullis_base::http::ClientOptions::default());
        let http = http.unwrap();
        for (url, label) in [
            ("https://gitlab.example.com", "https://gitlab.example.com"),
            ("https://u:hidden@a.example:8443/gitlab/?q=hidden", "https://a.example:8443/gitlab"),
        ] {
            assert_eq!(GitlabClient::new(url.parse().unwrap(), http.clone()).label(), label);
        }
    }

    #[test]
    fn the_header_is_marked_as_a_secret() {
        let value = header(&"glpat-0123456789".into()).unwrap();
        assert!(value.is_sensitive());
        assert_eq!(value, "glpat-0123456789");
        assert!(!format!("{value:?}").contains("glpat"));
    }
}
