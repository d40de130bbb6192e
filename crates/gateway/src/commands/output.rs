//! What commands say: results on standard output, the rest on standard error.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::terminal;
use crate::error::StartError;

/// The two streams of a command, for people or for machines. A reader of results that has gone away
/// (`| head`) has read enough; any other result that could not be written is remembered for the end.
/// What cannot be written to standard error is dropped: there is nobody left to tell.
#[derive(Debug)]
pub(super) struct Output {
    json: bool,
    unwritten: Option<io::Error>,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json, unwritten: None }
    }

    /// Whether JSON was asked for.
    pub(super) fn for_machines(&self) -> bool {
        self.json
    }

    /// A result: `people` as it is, or `machines` as one line of JSON.
    pub(super) fn result(&mut self, people: &str, machines: &Value) {
        if self.json {
            self.print(&terminal::json(machines));
        } else {
            self.print(people);
        }
    }

    /// A result that is what it is, for people and machines alike.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), StartError> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => self.unwritten = Some(error),
            Ok(()) | Err(_) => {}
        }
        Ok(())
    }

    /// A result that there will be no second time.
    pub(super) fn only_once(&mut self, people: &str, machines: &Value) -> io::Result<()> {
        let text = if self.json { terminal::json(machines) } else { people.to_owned() };
        write(&text)
    }

    /// One of several results as it comes, for people; machines get the [`Self::summary`].
    pub(super) fn progress(&mut self, line: &str) {
        if !self.json {
            self.print(line);
        }
    }

    /// Why one of several failed, for people; machines get the [`Self::summary`].
    pub(super) fn failure(&mut self, error: &StartError) {
        if !self.json {
            self.error(error);
        }
    }

    /// All of several results, for machines; people were told as they came.
    pub(super) fn summary(&mut self, machines: &Value) {
        if self.json {
            self.result("", machines);
        }
    }

    /// A word to people beside the result, on standard error; machines are not told.
    pub(super) fn note(&mut self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Warnings, one a line on standard error: `warning: <text>`, or `{"warning":"<text>"}`.
    pub(super) fn warnings(&mut self, warnings: &[String]) {
        let mut stderr = io::stderr().lock();
        for warning in warnings {
            let _ = if self.json {
                writeln!(stderr, "{}", terminal::json(&json!({ "warning": warning })))
            } else {
                writeln!(stderr, "warning: {warning}")
            };
        }
    }

    /// Why a result is missing on standard output, if one is; asked once, at the end.
    pub(super) fn unwritten(&mut self) -> Option<StartError> {
        let error = self.unwritten.take()?;
        let text = format!("what was to be told could not be written ({error})");
        Some(StartError::new("output", text))
    }

    fn print(&mut self, text: &str) {
        match write(text) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.unwritten.get_or_insert(error);
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Why the command failed: `error: <code>: <text>`, a line for each problem.
    pub(super) fn error(&mut self, error: &StartError) {
        let code = error.code();
        let mut stderr = io::stderr().lock();
        if self.json {
            let problems = match error {
                StartError::Config(problems) => json!(problems),
                StartError::DataDir(_) | StartError::Part { .. } => json!([]),
            };
            let text = error.to_string();
            let error = json!({"error": {"code": code, "text": text, "problems": problems}});
            let _ = writeln!(stderr, "{}", terminal::json(&error));
            return;
        }
        for line in error.lines() {
            let _ = writeln!(stderr, "error: {code}: {line}");
        }
    }
}

/// Writes a line to standard output, to its end: what is only buffered may still be lost.
fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush())
}
