//! What commands say: results on standard output, the rest on standard error.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::terminal;
use crate::error::StartError;

/// The two streams of a command, for people or for machines. A reader that has gone away (`| head`)
/// is no reason to panic, so failed writes are dropped.
#[derive(Debug)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON was asked for.
    pub(super) fn for_machines(&self) -> bool {
        self.json
    }

    /// A result: `people` as it is, or `machines` as one line of JSON.
    pub(super) fn result(&mut self, people: &str, machines: &Value) {
        let text = if self.json { terminal::json(machines) } else { people.to_owned() };
        let _ = writeln!(io::stdout().lock(), "{text}");
    }

    /// A result that there will be no second time.
    pub(super) fn only_once(&mut self, people: &str, machines: &Value) -> io::Result<()> {
        let text = if self.json { terminal::json(machines) } else { people.to_owned() };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}").and_then(|()| stdout.flush())
    }

    /// One of several results as it comes, for people; machines get the [`Self::summary`].
    pub(super) fn progress(&mut self, line: &str) {
        if !self.json {
            let _ = writeln!(io::stdout().lock(), "{line}");
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

    /// A warning; machines get warnings as part of results.
    pub(super) fn warnings(&mut self, warnings: &[String]) {
        if self.json {
            return;
        }
        for warning in warnings {
            let _ = writeln!(io::stderr().lock(), "warning: {warning}");
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
