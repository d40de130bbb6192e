//! A running gateway, called over HTTP: the only file of the commands that does so.

mod answer;
mod error;
mod place;
mod probe;
mod raw;
mod reporter;
mod reporting;
mod tls;
mod way;

use portcullis_base::http::client;
use portcullis_base::secret::ExposeSecret as _;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

pub(super) use answer::Answer;
pub(super) use error::{Reach, RemoteError};
pub(super) use place::Listener;
use place::Place;
pub(super) use reporter::Reporter;
pub(super) use reporting::{Again, Refusal, Rejected};

use super::output::Output;
use crate::cli::RemoteArgs;
use crate::config::Environment;
use crate::error::StartError;

/// Far above any answer of ours; keeps another server's from filling the memory.
const LONGEST: usize = 64 << 20;

/// The longest list that the API gives at once.
const PAGE: usize = 1000;

/// The two paths of the Token Revocation API, below its mount.
pub(super) const TYPES: [&str; 2] = ["v1", "revocable_token_types"];
pub(super) const REVOKE: [&str; 2] = ["v1", "revoke_tokens"];

/// One listener of a running gateway, and an admin token for it.
pub(super) struct Remote {
    http: reqwest::Client,
    place: Place,
}

/// What was read of a list that comes in pages.
pub(super) struct Listed {
    /// The entries.
    pub(super) entries: Vec<Value>,
    /// Where it goes on, if it does.
    pub(super) next: Option<String>,
}

impl Remote {
    /// The gateway that the arguments name. Calls nobody yet.
    pub(super) fn new(
        args: &RemoteArgs,
        listener: Listener,
        environment: &Environment,
        output: &mut Output,
    ) -> Result<Self, StartError> {
        let (place, options) = Place::find(args, listener, environment, output)?;
        let http = client(&options).map_err(|error| StartError::new("http-client", error))?;
        Ok(Self { http, place })
    }

    /// Asks for what is at `path`, a segment each.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Value, RemoteError> {
        self.json(Method::GET, path, query, None).await
    }

    /// Sends `body`, where there is one, and gives the answer.
    pub(super) async fn post(
        &self,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, RemoteError> {
        self.json(Method::POST, path, &[], body).await
    }

    /// Deletes what is at `path`; nothing is told.
    pub(super) async fn delete(&self, path: &[&str]) -> Result<(), RemoteError> {
        let (status, _) = self.call(Method::DELETE, path, &[], None).await?;
        if status == StatusCode::NO_CONTENT { Ok(()) } else { Err(self.not_ours(status)) }
    }

    /// At most `limit` entries of the list `/v1/{name}`, page by page.
    pub(super) async fn list(
        &self,
        name: &str,
        query: &[(&str, String)],
        limit: usize,
        after: Option<&str>,
    ) -> Result<Listed, RemoteError> {
        let (mut entries, mut next) = (Vec::new(), after.map(str::to_owned));
        loop {
            // One entry more is asked for once the limit is reached: the API does not say whether
            // anything follows a page that is full.
            let wanted = limit.saturating_sub(entries.len()).clamp(1, PAGE);
            let mut query = query.to_vec();
            query.push(("limit", wanted.to_string()));
            query.extend(next.iter().map(|after| ("after", after.clone())));
            let mut page = self.get(&["v1", name], &query).await?;
            let Value::Array(found) = page[name].take() else {
                return Err(self.not_ours(StatusCode::OK));
            };
            if found.is_empty() || entries.len() >= limit {
                let next = next.filter(|_| !found.is_empty());
                return Ok(Listed { entries, next });
            }
            entries.extend(found);
            match page["next"].take() {
                Value::String(cursor) if next.as_ref() != Some(&cursor) => next = Some(cursor),
                Value::Null => return Ok(Listed { entries, next: None }),
                _ => return Err(self.not_ours(StatusCode::OK)),
            }
        }
    }

    /// The answer as a value of `T`.
    pub(super) fn read<T: DeserializeOwned>(&self, answer: &Value) -> Result<T, RemoteError> {
        T::deserialize(answer).map_err(|_| self.not_ours(StatusCode::OK))
    }

    /// The answer was no gateway's.
    pub(super) fn not_ours(&self, status: StatusCode) -> RemoteError {
        RemoteError::NotOurs { at: self.place.shown(), status: status.as_u16() }
    }

    async fn json(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value, RemoteError> {
        let (status, body) = self.call(method, path, query, body).await?;
        let value = serde_json::from_slice(&body).map_err(|_| self.not_ours(status))?;
        if matches!(value, Value::Object(_)) { Ok(value) } else { Err(self.not_ours(status)) }
    }

    /// One call, read to its end. Every status but the 2xx is an error.
    async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<(StatusCode, Vec<u8>), RemoteError> {
        let request = self.http.request(method.clone(), self.address(path, query));
        let request = if let Some(body) = body { request.json(body) } else { request };
        let answer = self.exchange(&method, request).await?;
        if answer.status.is_success() {
            return Ok((answer.status, answer.body));
        }
        Err(self.refusal(&answer, path))
    }

    /// One request with the token, and its answer.
    async fn exchange(
        &self,
        method: &Method,
        request: RequestBuilder,
    ) -> Result<Answer, RemoteError> {
        self.send(method, request.bearer_auth(self.place.token.expose_secret())).await
    }

    /// One request as it is, and its answer, read to its end.
    async fn send(&self, method: &Method, request: RequestBuilder) -> Result<Answer, RemoteError> {
        let lost = |error| RemoteError::of_transport(&self.place, method, &error);
        let mut response = request.send().await.map_err(lost)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LONGEST {
                return Err(self.not_ours(response.status()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: response.status(), headers: response.headers().clone(), body })
    }

    fn address(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.place.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    fn refusal(&self, answer: &Answer, path: &[&str]) -> RemoteError {
        let at = self.place.shown();
        match (answer.problem(), answer.status, path) {
            (None, ..) => self.not_ours(answer.status),
            (_, StatusCode::UNAUTHORIZED, _) => {
                RemoteError::Unauthorized { at, origin: self.place.origin.clone() }
            }
            // The list itself is on every gateway.
            (_, StatusCode::NOT_FOUND, [_, name]) => RemoteError::WrongListener {
                at,
                path: format!("/v1/{name}"),
                listener: self.place.listener,
            },
            (Some(problem), ..) => problem,
        }
    }
}
