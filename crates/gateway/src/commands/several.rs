//! One command for several things: each is told of, and one that failed makes the status 1.

use std::fmt::Display;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output::Output;
use super::remote::{Reach, RemoteError};
use crate::error::StartError;

/// What came of one of them.
pub(super) struct Outcome {
    /// For people: what was done to it, or why nothing.
    pub(super) done: Result<String, RemoteError>,
    /// Members for machines, either way.
    pub(super) members: Value,
}

impl From<Result<String, RemoteError>> for Outcome {
    fn from(done: Result<String, RemoteError>) -> Self {
        Self { done, members: Value::Null }
    }
}

/// Does `act` to each of `things` in turn; `kind` is the member that names one to machines. The rest
/// is not tried after an error that the next would meet as well, or after two in a row that may be
/// such a one.
pub(super) async fn each<T: Display>(
    kind: &str,
    things: &[T],
    act: impl AsyncFn(&T) -> Outcome,
    output: &mut Output,
) -> ExitCode {
    let mut results = Vec::new();
    let (mut failed, mut before) = (false, Reach::Thing);
    for thing in things {
        let name = thing.to_string();
        let Outcome { done, members } = match before {
            Reach::Thing | Reach::Moment => act(thing).await,
            Reach::Place => Err(not_tried()).into(),
        };
        let reach = done.as_ref().map_or_else(RemoteError::reach, |_| Reach::Thing);
        before = before.then(reach);
        let mut result = json!({ kind: name, "ok": done.is_ok() });
        merge(&mut result, members);
        match done {
            Ok(line) => output.progress(&format!("{name}  {line}")),
            Err(error) => {
                failed = true;
                result["error"] = json!({ "code": error.code(), "text": error.to_string() });
                output
                    .failure(&StartError::new(error.code().to_owned(), format!("{name}: {error}")));
            }
        }
        results.push(result);
    }
    output.summary(&json!({ "results": results }));
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn not_tried() -> RemoteError {
    let text = "not tried after the error before".to_owned();
    RemoteError::Naming { code: "not-tried", text }
}

fn merge(result: &mut Value, members: Value) {
    if let (Value::Object(result), Value::Object(members)) = (result, members) {
        result.extend(members);
    }
}
