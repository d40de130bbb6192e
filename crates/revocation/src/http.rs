//! The provider for any vendor who revokes a secret by one request: described in the configuration or by a
//! preset.

mod answer;
pub(crate) mod batch;
mod body;
mod call;
pub(crate) mod pace;
pub mod presets;
mod template;
pub(crate) mod time;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_base::fault::{Point, point};
use portcullis_base::secret::{SecretString, Zeroizing};
use portcullis_gitlab::asked_for;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, Response};

use self::answer::{Given, Meaning};
use self::batch::{Batcher, Carrier, Waiting};
use self::pace::Pace;
use self::time::Time;
use crate::formats::Format;
use crate::provider::{Attempt, Finding, Provider, Verdict};
use crate::worker::Options;

pub use answer::{Answer, Answers};
pub use call::{Call, CallError, Description, Rate};

/// As much of an answer as is read. A longer one proves nothing.
const LONGEST_ANSWER: usize = 64 * 1024;

/// One vendor.
#[derive(Debug)]
pub struct HttpProvider {
    name: String,
    call: Call,
    client: Client,
    formats: BTreeMap<String, Format>,
    pace: Pace,
    batcher: Batcher,
}

impl HttpProvider {
    /// The provider `name`, which makes `call` by `client` for secrets of these types and formats. The client
    /// must not follow redirects ([`portcullis_base::http::client`] makes such).
    pub fn new(
        name: String,
        call: Call,
        client: Client,
        formats: BTreeMap<String, Format>,
    ) -> Self {
        let pace = Pace::new(call.rate);
        Self { name, call, client, formats, pace, batcher: Batcher::default() }
    }
}

#[async_trait]
impl Provider for HttpProvider {
    fn name(&self) -> &str {
        &self.name
    }

    async fn revoke(&self, attempt: &Attempt<'_>) -> Verdict {
        // A row may have waited while the configuration changed: this is looked at again in front of every
        // single request.
        let Some(format) = self.formats.get(attempt.token_type) else {
            return Verdict::new(Finding::Refused, "unsupported_type")
                .because("this provider is not configured for its type any more");
        };
        let Some(groups) = format.groups(attempt.secret) else {
            return Verdict::new(Finding::Refused, "format")
                .because("it does not have the format of its type any more");
        };
        let time = Time::of(attempt.budget);
        match self.call.batch {
            None => self.send(&[attempt.secret], &groups, time).await,
            Some(most) => self.batcher.join(attempt.secret.clone(), most, time, self).await,
        }
    }

    /// A vendor who takes many at a time is given many.
    fn adjust(&self, configured: &Options) -> Options {
        let most = self.call.batch.unwrap_or(0).min(1000);
        Options { concurrency: configured.concurrency.max(most), ..configured.clone() }
    }
}

impl Carrier<SecretString> for HttpProvider {
    async fn carry(&self, all: &[Waiting], time: Time) -> Verdict {
        let secrets: Vec<&SecretString> = all.iter().map(|(secret, _)| secret).collect();
        self.send(&secrets, &[], time).await
    }

    fn takes_exception(verdict: &Verdict) -> bool {
        // What an answer says of many, it may have said because of one.
        matches!(verdict.finding, Finding::Refused | Finding::Inactive { .. })
            || (verdict.code == UNEXPECTED && verdict.finding == again(None, false))
    }
}

impl HttpProvider {
    async fn send(
        &self,
        secrets: &[&SecretString],
        groups: &[(String, SecretString)],
        time: Time,
    ) -> Verdict {
        if let Err(wait) = self.pace.pass(time.begin).await {
            return Verdict::new(again(Some(wait), false), "paced")
                .because("this vendor takes no more requests for now");
        }
        let Some(mut request) = self.call.request(&self.client, secrets, groups) else {
            return Verdict::new(Finding::Refused, "unsendable")
                .because("it has a character that cannot stand where the vendor wants it");
        };
        *request.timeout_mut() = Some(time.left());
        point(Point::Asked);
        match self.client.execute(request).await {
            Ok(response) => self.judge(response).await,
            Err(error) => self.pace.unheard(&error),
        }
    }

    async fn judge(&self, response: Response) -> Verdict {
        let status = response.status().as_u16();
        let wait = asked_for(response.headers());
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_html = kind.is_some_and(is_html);
        // Nobody asked for it, but nobody forbade it either (RFC 9110, section 12.5.3).
        let is_plain = !response.headers().contains_key(CONTENT_ENCODING);
        let body = match read(response).await {
            Ok(body) => body,
            Err(error) => return self.pace.unheard(&error),
        };
        let is_whole = body.is_empty() || (is_plain && body.len() < LONGEST_ANSWER);
        let given = Given { status, is_html, is_whole, body: &body };
        let meaning = self.call.answers.judge(&given);
        let verdict = conclude(meaning, status, wait);
        self.pace.learn(Some(status), &verdict);
        verdict.because(format!("status {status}"))
    }
}

/// What follows from an answer. One that nobody wrote down proves nothing: it is asked again, and in the end
/// given up loudly, for a secret that may be alive is never called dead.
fn conclude(meaning: Meaning, status: u16, wait: Option<Duration>) -> Verdict {
    let verdict = Verdict::new;
    match (meaning, status) {
        (Meaning::Revoked, _) => verdict(Finding::Revoked, "revoked"),
        (Meaning::Submitted, _) => verdict(Finding::Submitted, "submitted"),
        (Meaning::Inactive { confirmed }, _) => {
            verdict(Finding::Inactive { confirmed }, if confirmed { "dead" } else { "not_taken" })
        }
        (Meaning::Refused, _) => verdict(Finding::Refused, "refused_by_vendor"),
        (_, 429) => verdict(again(wait, false), "rate_limited"),
        (Meaning::Retry, 400..500) => verdict(again(wait, false), "not_now"),
        (Meaning::Retry, _) => verdict(again(wait, true), "not_now"),
        (Meaning::Unknown, 500..600) => verdict(again(wait, true), "server_error"),
        (Meaning::Unknown, 300..400) => verdict(again(None, false), "redirect"),
        // Whoever is not let in is told nothing about the secret.
        (Meaning::Unknown, 401 | 403 | 407) => verdict(again(wait, false), "unauthorized"),
        (Meaning::Unknown, 400..500) => verdict(again(wait, false), UNEXPECTED),
        (Meaning::Unknown, _) => verdict(again(None, true), UNEXPECTED),
    }
}

/// The code of an answer that nobody wrote down.
const UNEXPECTED: &str = "unexpected_answer";

fn is_html(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html))
}

pub(crate) fn again(after: Option<Duration>, uncertain: bool) -> Finding {
    Finding::Retry { after, uncertain }
}

/// The beginning of the body, which may hold a fresh secret: a vendor who rotates answers with the new one.
async fn read(mut response: Response) -> reqwest::Result<Zeroizing<Vec<u8>>> {
    let mut body = Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER));
    while let Some(chunk) = response.chunk().await? {
        let room = LONGEST_ANSWER - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(body)
}
