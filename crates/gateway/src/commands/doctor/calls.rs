//! GitLab's calls, as its own client makes them.

use std::time::Duration;

use portcullis_base::secret::SecretString;
use portcullis_revocation::formats::DOCTOR_TYPE;
use portcullis_revocation::issuance::digest;
use reqwest::StatusCode;
use serde_json::{Value, json};
use time::Date;
use url::Url;

use crate::commands::remote::{Answer, REVOKE, RemoteError, Reporter, TYPES};

/// The longest that is waited where a gateway asks for patience.
const PATIENCE: u64 = 5;

/// How long a report is that many findings make, in MiB.
pub(super) const LARGE: usize = 8;

/// Calls a gateway as GitLab does, and waits once where it is asked to.
pub(super) struct Calls<'a> {
    reporter: &'a Reporter,
    /// How often it was asked to.
    pub(super) waited: u32,
}

impl<'a> Calls<'a> {
    pub(super) fn new(reporter: &'a Reporter) -> Self {
        Self { reporter, waited: 0 }
    }

    /// Whether it lives: the first place where there is anything counts.
    pub(super) async fn health(&self) -> Result<Answer, RemoteError> {
        let mut last = None;
        for url in &self.reporter.health {
            let answer = self.reporter.remote.raw(url.clone(), None, None).await?;
            let missing = answer.status == StatusCode::NOT_FOUND;
            last = Some(answer);
            if !missing {
                break;
            }
        }
        last.ok_or_else(|| self.reporter.remote.not_ours(StatusCode::NOT_FOUND))
    }

    /// The types, asked for with this token.
    pub(super) async fn types(&mut self, token: &SecretString) -> Result<Answer, RemoteError> {
        let url = self.reporter.remote.url(&TYPES);
        self.patiently(&url, token, None).await
    }

    /// The same without any patience.
    pub(super) async fn types_at_once(&self, token: &SecretString) -> Result<Answer, RemoteError> {
        let url = self.reporter.remote.url(&TYPES);
        self.reporter.remote.raw(url, Some(token), None).await
    }

    /// A report with this body.
    pub(super) async fn report(&mut self, body: &str) -> Result<Answer, RemoteError> {
        let url = self.reporter.remote.url(&REVOKE);
        self.patiently(&url, &self.reporter.token, Some(body)).await
    }

    async fn patiently(
        &mut self,
        url: &Url,
        token: &SecretString,
        body: Option<&str>,
    ) -> Result<Answer, RemoteError> {
        let call = || {
            let body = body.map(str::to_owned);
            self.reporter.remote.raw(url.clone(), Some(token), body)
        };
        let answer = call().await?;
        let busy = answer.status == StatusCode::TOO_MANY_REQUESTS;
        match answer.wait().filter(|wait| busy && *wait <= PATIENCE) {
            None => Ok(answer),
            Some(wait) => {
                tokio::time::sleep(Duration::from_secs(wait)).await;
                let again = call().await;
                self.waited += 1;
                again
            }
        }
    }
}

/// What GitLab would send for two findings of one made-up token, one of another, and one whose text was not
/// kept. They are the same all day, so that looking often leaves no more than two rows a day.
pub(super) fn findings(today: Date) -> String {
    let token = |n: u8| {
        let digits = digest(&[&today.to_string(), &n.to_string()]);
        format!("{DOCTOR_TYPE}_{}", hex::encode(&digits[..16]))
    };
    let item = |token: Value, location: &str, vulnerability: Value| {
        json!({
            "type": DOCTOR_TYPE,
            "token": token,
            "location": location,
            "vulnerability": vulnerability,
        })
    };
    let vulnerability = json!({
        "id": 1,
        "state": "detected",
        "severity": "critical",
        "identifiers": [{"external_type": "portcullis", "external_id": "doctor"}],
        "location": {"file": "made-up", "start_line": 21},
    });
    let at = "https://gitlab.example.com/made/up/-/blob/main/file#L21";
    json!([
        item(token(1).into(), at, vulnerability),
        item(token(1).into(), "", Value::Null),
        item(token(2).into(), at, Value::Null),
        item(Value::Null, at, Value::Null),
    ])
    .to_string()
}

/// As long as many findings, and none.
pub(super) fn large() -> String {
    format!("[{}]", " ".repeat(LARGE << 20))
}

#[cfg(test)]
mod tests {
    use portcullis_revocation::formats::Format;

    use super::*;

    #[test]
    fn made_up_tokens_fit_their_type_and_last_a_day() {
        let day = |n| Date::from_ordinal_date(2026, n).unwrap();
        let read = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap();
        let items = read(&findings(day(7)));
        let tokens: Vec<_> = items.iter().filter_map(|item| item["token"].as_str()).collect();
        let format = Format::doctor().unwrap();
        assert!(tokens.len() == 3 && tokens.iter().all(|token| format.fits(token)), "{tokens:?}");
        assert!(tokens[0] == tokens[1] && tokens[1] != tokens[2]);
        assert_eq!(findings(day(7)), findings(day(7)));
        assert_ne!(read(&findings(day(8)))[0]["token"], items[0]["token"]);
    }
}
