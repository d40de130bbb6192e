//! One request for a programme's keys, bounded.

use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Client, StatusCode};
use thiserror::Error;
use url::Url;

use super::document::{self, Published};

/// However the client was made, no fetch takes longer.
const DEADLINE: Duration = Duration::from_secs(10);
/// GitHub's document has about a kilobyte.
const LONGEST: usize = 256 * 1024;

/// Why a programme's keys could not be had.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum KeysError {
    /// Nobody answers.
    #[error("the keys cannot be reached")]
    Unreachable,
    /// The answer does not come in time.
    #[error("the keys do not come in time")]
    Timeout,
    /// The answer is none.
    #[error("the keys are answered by status {0}")]
    Status(u16),
    /// The answer is longer than any such document is.
    #[error("the answer is longer than {LONGEST} bytes")]
    TooLarge,
    /// The answer is no such document, or has no key of P-256.
    #[error("the answer has no usable key")]
    NoKeys,
}

impl KeysError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::TooLarge => "too_large",
            Self::NoKeys => "no_keys",
        }
    }
}

/// How many usable keys a programme publishes there.
pub async fn usable_keys(http: &Client, url: &Url) -> Result<usize, KeysError> {
    fetch(http, url).await.map(|keys| keys.len())
}

pub(super) async fn fetch(http: &Client, url: &Url) -> Result<Vec<Published>, KeysError> {
    let got = tokio::time::timeout(DEADLINE, get(http, url)).await;
    let text = got.unwrap_or(Err(KeysError::Timeout))?;
    document::read(&text).ok_or(KeysError::NoKeys)
}

async fn get(http: &Client, url: &Url) -> Result<Vec<u8>, KeysError> {
    let request = http.get(url.clone()).header(ACCEPT, "application/json");
    let mut response = request.send().await.map_err(|error| not_answered(&error))?;
    // Redirects lead elsewhere, and anything else brings less than the whole.
    if response.status() != StatusCode::OK {
        return Err(KeysError::Status(response.status().as_u16()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| not_answered(&error))? {
        if text.len() + chunk.len() > LONGEST {
            return Err(KeysError::TooLarge);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

fn not_answered(error: &reqwest::Error) -> KeysError {
    if error.is_timeout() { KeysError::Timeout } else { KeysError::Unreachable }
}
