//! One request, bounded.

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response};
use url::Url;

use super::{KeyError, freshness};
use std::time::Duration;

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// For how long it says that it is good.
    pub(super) life: Option<Duration>,
}

/// Gets what is there, if it has at most `limit` bytes. Whoever calls sees to the deadline.
pub(super) async fn get(
    http: &Client,
    url: &Url,
    headers: Option<&HeaderMap>,
    limit: usize,
) -> Result<Answer, KeyError> {
    let mut request = http.get(url.clone()).header(ACCEPT, "application/json");
    if let Some(headers) = headers {
        request = request.headers(headers.clone());
    }
    let response = request.send().await.map_err(|error| not_answered(&error))?;
    if !is_same_place(response.url(), url) {
        return Err(KeyError::Redirected);
    }
    // Anything but 200 is no answer: redirects lead elsewhere, 204 and 206 bring less than the whole.
    if response.status() != reqwest::StatusCode::OK {
        return Err(KeyError::Status(response.status().as_u16()));
    }
    if is_page(&response) {
        return Err(KeyError::Malformed("is a page for people, not JSON"));
    }
    let life = freshness::stated(response.headers());
    Ok(Answer { body: body(response, limit).await?, life })
}

/// The client is the caller's, and may follow redirects. User and password are no longer in the address
/// of an answer.
fn is_same_place(answered: &Url, asked: &Url) -> bool {
    let place = |url: &Url| (url.origin(), url.path().to_owned(), url.query().map(str::to_owned));
    place(answered) == place(asked)
}

/// A login page with status 200 is what proxies and portals say in the name of others.
fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map(reqwest::header::HeaderValue::as_bytes);
    kind.is_some_and(|kind| {
        kind.get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html"))
    })
}

async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, KeyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| not_answered(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(KeyError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn not_answered(error: &reqwest::Error) -> KeyError {
    if error.is_timeout() { KeyError::Timeout } else { KeyError::Unreachable }
}
