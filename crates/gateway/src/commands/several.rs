//! One command for several things: each is told of, and one that failed makes the status 1.

use std::fmt::Display;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output::Output;
use super::remote::RemoteError;
use crate::error::StartError;

/// What was done to one of them.
pub(super) struct Done {
    /// For people.
    pub(super) line: String,
    /// Members for machines.
    pub(super) members: Value,
}

/// Does `act` to each of `things` in turn; `kind` is the member that names one to machines. After
/// an error that the next would meet as well, the rest is not tried.
pub(super) async fn each<T: Display>(
    kind: &str,
    things: &[T],
    act: impl AsyncFn(&T) -> Result<Done, RemoteError>,
    output: &mut Output,
) -> ExitCode {
    let mut results = Vec::new();
    let (mut failed, mut hopeless) = (false, false);
    for thing in things {
        let name = thing.to_string();
        let done = if hopeless {
            let text = "not tried after the error before".to_owned();
            Err(RemoteError::Naming { code: "not-tried", text })
        } else {
            act(thing).await
        };
        let mut result = json!({ kind: name, "ok": done.is_ok() });
        match done {
            Ok(Done { line, members }) => {
                output.progress(&format!("{name}  {line}"));
                merge(&mut result, members);
            }
            Err(error) => {
                (failed, hopeless) = (true, hopeless || error.is_of_the_place());
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

fn merge(result: &mut Value, members: Value) {
    if let (Value::Object(result), Value::Object(members)) = (result, members) {
        result.extend(members);
    }
}
