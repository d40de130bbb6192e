//! One message to a webhook: several notices in its format, signed where it has a key.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_base::Clock;
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_gitlab::asked_for;
use portcullis_store::notices::Notice as Kept;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use sha2::Sha256;

use super::notice::Notice;
use super::{Format, Webhook, slack};

/// The header that signs a message of [`Format::Json`].
const SIGNATURE: &str = "Portcullis-Signature";

/// The client has a time-out of its own; a lease must not hang on that.
const DEADLINE: Duration = Duration::from_secs(20);

/// Why a message was not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    /// A stable code.
    pub(super) problem: &'static str,
    /// What was answered, where there was an answer.
    pub(super) status: Option<u16>,
    /// How long we were asked to wait.
    pub(super) after: Option<Duration>,
}

/// Tells these notices. Whatever is not 2xx is a refusal, a redirect too; what else is answered is not read.
pub(super) async fn send(
    webhook: &Webhook,
    kept: &[Kept],
    clock: &dyn Clock,
) -> Result<(), Refusal> {
    let notices: Vec<Notice> = kept.iter().map(Notice::read).collect();
    let body = match webhook.format {
        Format::Json => json!({ "notices": notices }),
        Format::Slack => slack::message(&notices),
    };
    let body = body.to_string();
    let mut request = webhook.http.post(webhook.url.expose_secret());
    request = request.header(CONTENT_TYPE, "application/json");
    if let Some(secret) = &webhook.signing_secret {
        let now = clock.now().unix_timestamp();
        request = request.header(SIGNATURE, signature(secret, now, &body));
    }
    let answer = tokio::time::timeout(DEADLINE, request.body(body).send()).await;
    let failed = |problem| Refusal { problem, status: None, after: None };
    let answer = match answer {
        Ok(Ok(answer)) => answer,
        // Its text has the address, which is a secret.
        Ok(Err(error)) if error.is_timeout() => return Err(failed("timeout")),
        Ok(Err(error)) if error.is_connect() => return Err(failed("connect")),
        Ok(Err(_)) => return Err(failed("request")),
        Err(_) => return Err(failed("timeout")),
    };
    if answer.status().is_success() {
        return Ok(());
    }
    let after = asked_for(answer.headers());
    Err(Refusal { problem: "status", status: Some(answer.status().as_u16()), after })
}

/// `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<unix seconds>.<body>">`.
#[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104, section 2)")]
fn signature(secret: &SecretString, now: i64, body: &str) -> String {
    let key = secret.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(format!("{now}.{body}").as_bytes());
    format!("t={now},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_time_and_body() {
        // printf '1795000000.{"notices":[]}' | openssl dgst -sha256 -hmac a-key-of-these-tests
        let found = signature(&"a-key-of-these-tests".into(), 1_795_000_000, r#"{"notices":[]}"#);
        assert_eq!(
            found,
            "t=1795000000,v1=f7482c86a15e15fef1fb160286d82ac4cf4a1010b6cebc22c550416119357f47"
        );
    }
}
