//! `portcullis doctor`: GitLab's client, played against a running gateway.

mod calls;
mod examination;
mod settings;

use std::process::ExitCode;

use portcullis_base::SystemClock;
use serde::Serialize;
use serde_json::json;

use self::examination::Examination;
use super::output::Output;
use super::remote::{RemoteError, Reporter};
use super::{runtime, terminal};
use crate::cli::DoctorArgs;
use crate::config::Environment;
use crate::error::StartError;

/// What one look showed.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    /// What is wrong, for programs.
    code: Option<String>,
    text: String,
}

impl Finding {
    fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, ok: true, code: None, text: text.into() }
    }

    fn bad(check: &'static str, code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { check, ok: false, code: Some(code.into()), text: text.into() }
    }

    fn of(check: &'static str, error: &RemoteError) -> Self {
        Self::bad(check, error.code(), error.to_string())
    }

    fn line(&self) -> String {
        let verdict = if self.ok { "ok  " } else { "bad " };
        terminal::plain(&format!("{verdict} {}: {}", self.check, self.text))
    }
}

/// Looks at all that GitLab needs, a line each, and says what to set there where all is well.
pub(super) fn run(
    args: &DoctorArgs,
    environment: &Environment,
    output: &mut Output,
) -> Result<ExitCode, StartError> {
    let reporter = Reporter::find(args, environment, output)?;
    let mut examination = Examination::new(&reporter, &SystemClock, output);
    runtime::block_on(examination.run())?;
    let Examination { findings, warnings, .. } = examination;
    let ok = findings.iter().all(|finding| finding.ok);
    if ok {
        output.progress(&settings::people(&reporter));
    } else {
        output.note("once all of it is ok, what to set in GitLab is printed here");
    }
    output.summary(&json!({
        "ok": ok,
        "checks": findings,
        "warnings": warnings,
        "settings": ok.then(|| settings::machines(&reporter)),
    }));
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
