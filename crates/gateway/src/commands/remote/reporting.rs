//! A running gateway's Token Revocation API, called as a client or as a CI job.

use std::path::Path;
use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::SecretString;
use reqwest::header::{CONNECTION, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::place::{self, Listener, Place};
use super::tls::PrivateCa;
use super::way;
use super::{Answer, REVOKE, Remote, RemoteError, TYPES};
use crate::cli::ReportArgs;
use crate::commands::output::Output;
use crate::config::Environment;
use crate::error::StartError;

/// A thousand items may meet a busy database.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Who reports, in the order in which they are looked for after `--token-file`.
const VARIABLES: [(&str, &str); 2] = [
    ("PORTCULLIS_REPORT_TOKEN", "the client token in PORTCULLIS_REPORT_TOKEN"),
    ("PORTCULLIS_ID_TOKEN", "the job's id token in PORTCULLIS_ID_TOKEN"),
];

/// A call that did not do what was asked, and whether to ask again.
pub(in crate::commands) struct Refusal {
    pub(in crate::commands) error: RemoteError,
    pub(in crate::commands) again: Again,
}

/// What may come of asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Again {
    /// The same.
    Never,
    /// Something else, after a time that the gateway may have named.
    Later(Option<Duration>),
    /// Something else for a shorter body.
    Shorter,
}

/// An item that the gateway did not take, by its place in the body.
#[derive(Debug, Deserialize)]
pub(in crate::commands) struct Rejected {
    pub(in crate::commands) index: usize,
    pub(in crate::commands) code: String,
}

impl Remote {
    /// The gateway that `portcullis report` names. Calls nobody yet.
    pub(in crate::commands) fn reporting(
        args: &ReportArgs,
        environment: &Environment,
        output: &mut Output,
    ) -> Result<Self, StartError> {
        let url = place::said(&args.url, "the token and all that is reported go", output)?;
        let (token, origin) = credential(args.token_file.as_deref(), environment, output)?;
        let ca_pem = args.ca_file.as_deref().map(way::ca).transpose()?;
        let private_ca = if ca_pem.is_some() { PrivateCa::Said } else { PrivateCa::NotSaid };
        let options = ClientOptions { ca_pem, timeout: TIMEOUT, ..ClientOptions::default() };
        let http = client(&options).map_err(|error| StartError::new("http-client", error))?;
        let listener = Listener::Public;
        Ok(Self { http, place: Place { url, listener, token, origin, private_ca } })
    }

    /// The types that may be reported.
    pub(in crate::commands) async fn reportable_types(&self) -> Result<Vec<String>, Refusal> {
        // Until the first report is sent a kept connection would be too old: a file is read between.
        let request = self.http.get(self.address(&TYPES, &[])).header(CONNECTION, "close");
        let answer = self.exchange(&Method::GET, request).await.map_err(Refusal::of_call)?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer, &TYPES));
        }
        answer.types().ok_or_else(|| self.odd(answer.status))
    }

    /// Reports items, a JSON array. Gives those that were not taken.
    pub(in crate::commands) async fn report(
        &self,
        items: Vec<u8>,
    ) -> Result<Vec<Rejected>, Refusal> {
        let request = self.http.post(self.address(&REVOKE, &[]));
        let request = request.header(CONTENT_TYPE, "application/json").body(items);
        let answer = self.exchange(&Method::POST, request).await.map_err(Refusal::of_call)?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Vec::new());
        }
        match answer.document() {
            Some(mut problem) if problem["code"] == "some_items_rejected" => {
                let listed: Option<Vec<Rejected>> =
                    serde_json::from_value(problem["rejected"].take()).ok();
                let whole = |listed: &Vec<_>| problem["rejected_total"] == listed.len();
                listed.filter(whole).ok_or_else(|| self.odd(answer.status))
            }
            _ => Err(self.refused(&answer, &REVOKE)),
        }
    }

    fn odd(&self, status: StatusCode) -> Refusal {
        Refusal { error: self.not_ours(status), again: Again::Never }
    }

    fn refused(&self, answer: &Answer, path: &[&str]) -> Refusal {
        let status = answer.status;
        let again = if status == StatusCode::PAYLOAD_TOO_LARGE {
            Again::Shorter
        } else if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            Again::Later(answer.wait().map(Duration::from_secs))
        } else {
            Again::Never
        };
        Refusal { error: self.refusal(answer, path), again }
    }
}

impl Refusal {
    /// What was reported is taken once however often it is sent.
    fn of_call(error: RemoteError) -> Self {
        let passes = matches!(error, RemoteError::Unreachable { .. } | RemoteError::Lost { .. });
        Self { error, again: if passes { Again::Later(None) } else { Again::Never } }
    }
}

fn credential(
    file: Option<&Path>,
    environment: &Environment,
    output: &mut Output,
) -> Result<(SecretString, String), StartError> {
    if let Some(path) = file {
        let (token, shown) = place::from_file(path, output)?;
        return Ok((token, format!("the client token from {shown}")));
    }
    for (variable, origin) in VARIABLES {
        let Some(text) = environment.text(variable) else { continue };
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            let text = format!("{variable} must hold the token alone");
            return Err(StartError::new("token", text));
        }
        return Ok((text.into(), origin.to_owned()));
    }
    let text = "no token: say --token-file, or set PORTCULLIS_REPORT_TOKEN, or in a CI job \
                PORTCULLIS_ID_TOKEN by its id_tokens";
    Err(StartError::new("token", text))
}
