//! The looks, in the order in which GitLab would stumble.

use std::fmt::Display;

use portcullis_base::Clock;
use portcullis_base::secret::SecretString;
use portcullis_revocation::formats::GITLAB_TYPES;
use reqwest::StatusCode;
use url::Url;

use super::Finding;
use super::calls::{Calls, LARGE, findings, large};
use crate::commands::output::Output;
use crate::commands::remote::{Answer, RemoteError, Reporter};

/// Nobody's token.
const NOBODYS: &str = "portcullis-doctor-tries-whether-a-wrong-token-is-refused";

/// No array, and no JSON either.
const GARBAGE: &str = "{\"not\": \"an array\"";

/// What to do where something in between takes less than the gateway.
const PROXY: &str = "let what stands in between take as much as the gateway does (nginx: \
                     client_max_body_size 64m)";

/// Everything that was seen of a gateway.
pub(super) struct Examination<'a> {
    reporter: &'a Reporter,
    clock: &'a dyn Clock,
    output: &'a mut Output,
    calls: Calls<'a>,
    pub(super) findings: Vec<Finding>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Examination<'a> {
    pub(super) fn new(
        reporter: &'a Reporter,
        clock: &'a dyn Clock,
        output: &'a mut Output,
    ) -> Self {
        let calls = Calls::new(reporter);
        Self { reporter, clock, output, calls, findings: Vec::new(), warnings: Vec::new() }
    }

    /// Looks at one after the other, as far as the ones before let it.
    pub(super) async fn run(&mut self) {
        if !self.address().await {
            return;
        }
        self.encryption();
        let types = self.token().await;
        self.wrong_token().await;
        let Some(types) = types else { return };
        self.types(&types);
        self.report().await;
        self.garbage().await;
        self.large().await;
        if self.calls.waited > 0 {
            self.warn(
                "the gateway asked for patience (429): GitLab asks for the types and reports right after, so \
                 give its client a larger rate_limit",
            );
        }
    }

    fn tell(&mut self, finding: Finding) {
        self.output.progress(&finding.line());
        self.findings.push(finding);
    }

    fn warn(&mut self, text: impl Into<String>) {
        let text = text.into();
        // Machines read them in the result.
        if !self.output.for_machines() {
            self.output.warnings(std::slice::from_ref(&text));
        }
        self.warnings.push(text);
    }

    async fn address(&mut self) -> bool {
        let at = self.reporter.remote.shown();
        let finding = match self.calls.health().await {
            Ok(answer)
                if answer.status == StatusCode::OK && answer.body.trim_ascii() == b"Healthy" =>
            {
                Finding::good("address", format!("{at} is healthy"))
            }
            Ok(answer) if answer.status.is_redirection() => {
                let text = format!("{at} redirects: name the address that it leads to");
                Finding::bad("address", "redirect", text)
            }
            Ok(answer) => Finding::of("address", &self.reporter.remote.why_not(&answer)),
            Err(error @ RemoteError::Tls { .. }) => Finding::of("tls", &error),
            Err(error) => Finding::of("address", &error),
        };
        let ok = finding.ok;
        self.tell(finding);
        ok
    }

    /// Where nothing is encrypted, that is no error on one machine.
    fn encryption(&mut self) {
        if self.reporter.remote.url(&[]).scheme() == "https" {
            let text = "the certificate is believed here; GitLab's machine has to believe it too";
            self.tell(Finding::good("tls", text));
        } else if self.reporter.is_exposed() {
            self.tell(Finding::good("tls", "none: this is plain HTTP"));
            self.warn(
                "the token and every leaked secret can be read on their way: let TLS end in front of the \
                 gateway, and name the https address",
            );
        } else {
            let text = "none, on loopback; where GitLab runs elsewhere, let TLS end in front of the gateway";
            self.tell(Finding::good("tls", text));
        }
    }

    async fn token(&mut self) -> Option<Vec<String>> {
        let answer = self.calls.types(&self.reporter.token).await;
        let (finding, types) = match answer {
            Ok(answer) if answer.status == StatusCode::OK => match answer.types() {
                Some(types) => {
                    let text = format!("the one from {} is accepted", self.reporter.origin);
                    (Finding::good("token", text), Some(types))
                }
                None => (Finding::of("token", &self.reporter.remote.why_not(&answer)), None),
            },
            Ok(answer) => (self.no_types(&answer), None),
            Err(error) => (Finding::of("token", &error), None),
        };
        self.tell(finding);
        types
    }

    fn no_types(&self, answer: &Answer) -> Finding {
        match (answer.status, answer.problem()) {
            (StatusCode::UNAUTHORIZED, Some(_)) => {
                let text = format!(
                    "the gateway does not take the one from {}: it must be that of one of its \
                     revocation_api.clients, and what stands in between must hand Authorization on",
                    self.reporter.origin
                );
                Finding::bad("token", "unauthorized", text)
            }
            (StatusCode::NOT_FOUND, Some(_)) => {
                let text = format!(
                    "there is no /v1/revocable_token_types at {}: is it the public listener, and \
                     revocation_api.mount in the address, and nothing behind that?",
                    self.reporter.remote.shown()
                );
                Finding::bad("token", "not_found", text)
            }
            _ => Finding::of("token", &self.reporter.remote.why_not(answer)),
        }
    }

    async fn wrong_token(&mut self) {
        let wrong = SecretString::from(NOBODYS);
        let finding = match self.calls.types_at_once(&wrong).await {
            Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => {
                Finding::good("wrong token", "refused")
            }
            Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
                let text = "refused, as one of too many from this address";
                Finding::good("wrong token", text)
            }
            Ok(answer) if answer.status == StatusCode::OK => {
                let text = "accepted: something in front of the gateway puts the right one in its place, so \
                            anybody can report";
                Finding::bad("wrong token", "accepted", text)
            }
            Ok(answer) => Finding::of("wrong token", &self.reporter.remote.why_not(&answer)),
            Err(error) => Finding::of("wrong token", &error),
        };
        self.tell(finding);
    }

    fn types(&mut self, types: &[String]) {
        let count = types.len();
        if count == 0 {
            let text = "none is offered to this client: GitLab would report nothing";
            return self.tell(Finding::bad("types", "none", text));
        }
        let s = if count == 1 { "" } else { "s" };
        self.tell(Finding::good("types", format!("{count} type{s} offered")));
        let routable = GITLAB_TYPES[0];
        if !types.iter().any(|name| name == routable) {
            self.warn(format!(
                "{routable} is not offered: GitLab reports its own routable tokens under it, and they would \
                 live on; name your GitLab in [[revocation.providers]], and the type where this client's \
                 types are listed"
            ));
        }
        if let Some(known) = &self.reporter.known
            && let Some(lending) = &known.lending
            && !known.gitlabs.iter().any(|gitlab| same_place(gitlab, lending))
        {
            self.warn(format!(
                "{lending} is the GitLab of [impersonation] and no [[revocation.providers]]: its leaked tokens \
                 are not revoked"
            ));
        }
    }

    /// What GitLab sends, and again, as it does after a moment's trouble.
    async fn report(&mut self) {
        let body = findings(self.clock.now().date());
        for (check, done) in [("report", "taken (204)"), ("same again", "taken again (204)")] {
            let finding = match self.calls.report(&body).await {
                Ok(answer) if answer.status == StatusCode::NO_CONTENT => Finding::good(check, done),
                Ok(answer) => Finding::of(check, &self.reporter.remote.why_not(&answer)),
                Err(error) => Finding::of(check, &error),
            };
            let ok = finding.ok;
            self.tell(finding);
            if !ok {
                return;
            }
        }
    }

    async fn garbage(&mut self) {
        let finding = match self.calls.report(GARBAGE).await {
            Ok(answer)
                if answer.status == StatusCode::BAD_REQUEST && answer.problem().is_some() =>
            {
                Finding::good("garbage", "refused (400)")
            }
            Ok(answer) if answer.status.is_success() => {
                let text = format!("taken ({}), though it is no report", answer.status.as_u16());
                Finding::bad("garbage", "accepted", text)
            }
            Ok(answer) => Finding::of("garbage", &self.reporter.remote.why_not(&answer)),
            Err(error) => Finding::of("garbage", &error),
        };
        self.tell(finding);
    }

    /// One request brings all that a pipeline found.
    async fn large(&mut self) {
        let check = "large report";
        let finding = match self.calls.report(&large()).await {
            Ok(answer) if answer.status == StatusCode::NO_CONTENT => {
                Finding::good(check, format!("{LARGE} MiB taken (204)"))
            }
            Ok(answer) if answer.status == StatusCode::PAYLOAD_TOO_LARGE => {
                let text = match answer.problem() {
                    Some(problem) => too_large(&problem, "raise revocation_api.max_body"),
                    None => too_large(&"413, and not in its words", PROXY),
                };
                Finding::bad(check, "too_large", text)
            }
            // Who takes no more hangs up while it is still sent.
            Err(error @ RemoteError::Lost { .. }) => {
                Finding::bad(check, error.code(), too_large(&error, PROXY))
            }
            Ok(answer) => Finding::of(check, &self.reporter.remote.why_not(&answer)),
            Err(error) => Finding::of(check, &error),
        };
        self.tell(finding);
    }
}

fn too_large(answer: &dyn Display, remedy: &str) -> String {
    format!(
        "{LARGE} MiB are too much ({answer}): GitLab sends all that a pipeline found at once; {remedy}"
    )
}

fn same_place(one: &Url, other: &Url) -> bool {
    one.as_str().trim_end_matches('/') == other.as_str().trim_end_matches('/')
}
