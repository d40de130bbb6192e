//! The provider for a vendor who takes leaks by GitLab's partner protocol: told what leaked and where,
//! signed by a key of ours, and left to do with it what it will.

mod key;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_base::fault::{Point, point};
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_gitlab::asked_for;
use portcullis_store::Store;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, Url};
use serde::Serialize;

use crate::formats::Format;
use crate::http::batch::{Batcher, Carrier, Waiting};
use crate::http::pace::Pace;
use crate::http::time::Time;
use crate::http::{Rate, again};
use crate::provider::{Attempt, Finding, Provider, Verdict};
use crate::worker::Options;

pub use key::{KeyError, PublicKey, SigningKey, document};

/// The key by which a report is signed ([`PublicKey::identifier`]).
pub const IDENTIFIER_HEADER: &str = "Gitlab-Public-Key-Identifier";
/// The signature over the body as it is sent: standard base64 of an ECDSA signature in ASN.1 DER.
pub const SIGNATURE_HEADER: &str = "Gitlab-Public-Key-Signature";

/// As many leaks as one request tells of.
const MOST: usize = 100;

/// The code of an answer that is about what was sent, and not about who sent it.
const NOT_UNDERSTOOD: &str = "not_understood";

/// Who is told, and how.
#[derive(Debug, Clone)]
pub struct Partner {
    /// The provider's name.
    pub name: String,
    /// Where it takes reports.
    pub url: Url,
    /// What they are signed with.
    pub key: SigningKey,
    /// The types that it is told of, each with its format.
    pub formats: BTreeMap<String, Format>,
    /// How many requests it takes.
    pub rate: Option<Rate>,
}

/// One vendor.
pub struct PartnerProvider {
    partner: Partner,
    client: Client,
    store: Store,
    pace: Pace,
    batcher: Batcher<Leak>,
}

/// What a vendor is told of one secret.
struct Leak {
    token_type: String,
    secret: SecretString,
    place: String,
}

/// The same as it is written down.
#[derive(Serialize)]
struct Item<'a> {
    #[serde(rename = "type")]
    token_type: &'a str,
    token: &'a str,
    url: &'a str,
}

impl Leak {
    fn item(&self) -> Item<'_> {
        Item { token_type: &self.token_type, token: self.secret.expose_secret(), url: &self.place }
    }
}

impl PartnerProvider {
    /// The provider for `partner`, told by `client`, which must not follow redirects
    /// ([`portcullis_base::http::client`] makes such). Where a secret was seen is looked up in `store`.
    pub fn new(partner: Partner, client: Client, store: Store) -> Self {
        let pace = Pace::new(partner.rate);
        Self { partner, client, store, pace, batcher: Batcher::default() }
    }
}

#[async_trait]
impl Provider for PartnerProvider {
    fn name(&self) -> &str {
        &self.partner.name
    }

    async fn revoke(&self, attempt: &Attempt<'_>) -> Verdict {
        // A row may have waited while the configuration changed: this is looked at again in front of every
        // single request.
        let Some(format) = self.partner.formats.get(attempt.token_type) else {
            return Verdict::new(Finding::Refused, "unsupported_type")
                .because("this provider is not configured for its type any more");
        };
        if !format.fits(attempt.secret.expose_secret()) {
            return Verdict::new(Finding::Refused, "format")
                .because("it does not have the format of its type any more");
        }
        let time = Time::of(attempt.budget);
        // Without the database no end could be written down either, and it would be told again.
        let Ok(place) = self.store.first_location(attempt.fingerprint).await else {
            return Verdict::new(again(None, false), "database");
        };
        let leak = Leak {
            token_type: attempt.token_type.to_owned(),
            secret: attempt.secret.clone(),
            place: place.unwrap_or_default(),
        };
        self.batcher.join(leak, MOST, time, self).await
    }

    /// A vendor who is told of many at a time is told of many.
    fn adjust(&self, configured: &Options) -> Options {
        Options { concurrency: configured.concurrency.max(MOST), ..configured.clone() }
    }
}

impl Carrier<Leak> for PartnerProvider {
    async fn carry(&self, batch: &[Waiting<Leak>], time: Time) -> Verdict {
        if let Err(wait) = self.pace.pass(time.begin).await {
            return Verdict::new(again(Some(wait), false), "paced")
                .because("this vendor takes no more requests for now");
        }
        let Some((body, signature)) = self.signed(batch) else {
            return Verdict::new(again(None, false), "unsigned")
                .because("the signing key does not sign");
        };
        let request = self
            .client
            .post(self.partner.url.clone())
            .timeout(time.left())
            .header(CONTENT_TYPE, "application/json")
            .header(IDENTIFIER_HEADER, self.partner.key.public().identifier())
            .header(SIGNATURE_HEADER, signature)
            .body(body);
        point(Point::Asked);
        match request.send().await {
            Ok(response) => self.judge(&response),
            Err(error) => self.pace.unheard(&error),
        }
    }

    fn takes_exception(verdict: &Verdict) -> bool {
        verdict.code == NOT_UNDERSTOOD
    }
}

impl PartnerProvider {
    /// The body, and the signature over these very bytes.
    fn signed(&self, batch: &[Waiting<Leak>]) -> Option<(Vec<u8>, String)> {
        let items: Vec<Item<'_>> = batch.iter().map(|(leak, _)| leak.item()).collect();
        let body = serde_json::to_vec(&items).ok()?;
        let signature = self.partner.key.sign(&body).ok()?;
        Some((body, signature))
    }

    fn judge(&self, response: &Response) -> Verdict {
        let status = response.status().as_u16();
        let verdict = conclude(status, asked_for(response.headers()));
        self.pace.learn(Some(status), &verdict);
        verdict.because(format!("status {status}"))
    }
}

/// 2xx is all that a vendor ever says of what it took; anything else is told again, and in the end given
/// up loudly.
fn conclude(status: u16, wait: Option<Duration>) -> Verdict {
    let verdict = Verdict::new;
    match status {
        200..300 => verdict(Finding::Submitted, "submitted"),
        300..400 => verdict(again(None, false), "redirect"),
        400 | 413 | 422 => verdict(again(wait, false), NOT_UNDERSTOOD),
        429 => verdict(again(wait, false), "rate_limited"),
        400..500 => verdict(again(wait, false), "not_accepted"),
        _ => verdict(again(wait, true), "server_error"),
    }
}
