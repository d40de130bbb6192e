//! What came of a call: an answer, whatever its status is.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use serde_json::Value;

use super::RemoteError;

/// An answer, read to its end.
pub(in crate::commands) struct Answer {
    pub(in crate::commands) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(in crate::commands) body: Vec<u8>,
}

impl Answer {
    /// The body, where it says of itself that it is a problem.
    pub(super) fn document(&self) -> Option<Value> {
        let ours = self.header(&CONTENT_TYPE) == Some("application/problem+json");
        serde_json::from_slice(&self.body).ok().filter(|_| ours)
    }

    /// What it says in a gateway's own words, where it is an error in these.
    pub(in crate::commands) fn problem(&self) -> Option<RemoteError> {
        let problem = RemoteError::of_problem(&self.document()?)?;
        Some(problem.wait(self.wait()))
    }

    /// After how many seconds to come again.
    pub(in crate::commands) fn wait(&self) -> Option<u64> {
        self.header(&RETRY_AFTER)?.parse().ok()
    }

    /// The types that are offered, where it is that answer of a gateway's.
    pub(in crate::commands) fn types(&self) -> Option<Vec<String>> {
        let mut body: Value = serde_json::from_slice(&self.body).ok()?;
        let types = body.get_mut("types").filter(|_| self.status == StatusCode::OK)?;
        serde_json::from_value(types.take()).ok()
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
