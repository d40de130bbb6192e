//! The one request that revokes, as it is described, and as it is sent.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_base::secret::SecretString;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Url};
use serde::Deserialize;
use thiserror::Error;

use super::answer::Answers;
use super::body::Body;
use super::template::{Template, Values};

/// The leaked secret.
pub(super) const TOKEN: &str = "token";
/// All leaked secrets of a batch, as the only element of a JSON array.
pub(super) const TOKENS: &str = "tokens";
/// The operator's own credential at the vendor's.
const CREDENTIAL: &str = "credential";

/// What no format can give another meaning.
const OURS: [&str; 3] = [TOKEN, TOKENS, CREDENTIAL];

const METHODS: [&str; 5] = ["DELETE", "POST", "PUT", "PATCH", "GET"];

const MAY_HAVE_A_BODY: [Method; 3] = [Method::POST, Method::PUT, Method::PATCH];

/// Headers that only the connection itself may set.
const NOT_OURS: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "expect"];

/// All but the unreserved (RFC 3986, section 2.3), so that a value stays one segment or one parameter.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is sent to whom, in words of the configuration. `{token}` stands for the secret in the path or query
/// of the address, in headers and in the body; the name of a group of the type's format for that piece of it;
/// `{credential}` for the operator's own. Each is escaped for the place where it stands.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Description {
    /// The method.
    pub method: String,
    /// Headers by name.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON, or a form where the header `Content-Type` says so.
    pub body: Option<String>,
    /// What the answers mean.
    pub answers: Answers,
    /// How many secrets one request may carry. The body has `["{tokens}"]` then.
    pub batch: Option<usize>,
    /// How many requests the vendor takes.
    pub rate: Option<Rate>,
}

/// Requests in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// So many requests.
    pub requests: u32,
    /// In so many seconds.
    pub seconds: u64,
}

/// Why a description cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// Not one of the methods that revoke anything.
    #[error("must be one of DELETE, POST, PUT, PATCH and GET")]
    Method,
    /// The scheme, host or port would come from elsewhere than the configuration.
    #[error(
        "must be an http or https URL whose scheme, host and port are written out, without a user, a password or \
         a #"
    )]
    Url,
    /// A header that is none, that stands there twice, or that only the connection may set.
    #[error("{0} cannot be set to this, or is set twice")]
    Header(String),
    /// Neither JSON nor a form.
    #[error(
        "body: must be JSON, or a form where Content-Type is application/x-www-form-urlencoded"
    )]
    Body,
    /// A name that stands for nothing here.
    #[error("{{{name}}} stands for nothing here: the formats of its types do not all name it")]
    Unknown {
        /// The name.
        name: String,
        /// The key in which it stands.
        key: &'static str,
    },
    /// The secret is nowhere in the request.
    #[error("{{token}} is nowhere in the request")]
    NoToken,
    /// Batches and their place in the body belong together.
    #[error(
        "batch: needs [\"{{tokens}}\"] in a JSON body and nothing of one token elsewhere, and the other way round"
    )]
    Batch,
    /// No requests at all, or in no time.
    #[error("must allow at least one request in a time of at least one second")]
    Rate,
    /// Nothing that the vendor could say would be a success.
    #[error("some answer must mean revoked or submitted")]
    NoSuccess,
    /// Not a status of HTTP.
    #[error("{0} is no status that an answer can have")]
    Status(u16),
}

impl CallError {
    /// The key of a description that is to blame.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Url => "url",
            Self::Header(_) => "headers",
            Self::Unknown { key, .. } => key,
            Self::Body | Self::NoToken => "body",
            Self::Batch => "batch",
            Self::Rate => "rate",
            Self::NoSuccess | Self::Status(_) => "revoked",
        }
    }
}

/// A description that can be used.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    url: Template,
    /// Scheme, host and port of every request.
    origin: url::Origin,
    headers: Vec<(HeaderName, Template)>,
    body: Body,
    credential: Option<SecretString>,
    pub(super) answers: Answers,
    pub(super) batch: Option<usize>,
    pub(super) rate: Option<Rate>,
}

impl Call {
    /// Reads a description of calls to `url`, a text with holes too. `groups` are the pieces of a secret that
    /// its formats name.
    pub fn new(
        url: &str,
        description: &Description,
        credential: Option<SecretString>,
        groups: &[&str],
    ) -> Result<Self, CallError> {
        let method = METHODS.iter().find(|known| **known == description.method);
        let method = method.and_then(|name| name.parse().ok()).ok_or(CallError::Method)?;
        let url = Template::new(url);
        let call = Self {
            method,
            origin: origin(&url)?,
            url,
            headers: headers(&description.headers)?,
            body: Body::read(description)?,
            credential,
            answers: description.answers.clone(),
            batch: description.batch,
            rate: description.rate,
        };
        call.check(groups)?;
        Ok(call)
    }

    /// Scheme, host and port of every request: `https://vendor.example`.
    pub fn origin(&self) -> String {
        self.origin.ascii_serialization()
    }

    /// How many requests the vendor takes.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    fn check(&self, groups: &[&str]) -> Result<(), CallError> {
        let of_groups = |name: &str| !OURS.contains(&name) && groups.contains(&name);
        let holes = self.holes();
        for (key, name) in &holes {
            let known = match name.as_str() {
                TOKEN => true,
                TOKENS => return Err(CallError::Batch),
                CREDENTIAL => self.credential.is_some(),
                other => of_groups(other),
            };
            if !known {
                return Err(CallError::Unknown { name: name.clone(), key });
            }
        }
        let of_one = holes.iter().any(|(_, name)| name == TOKEN || of_groups(name));
        match (self.batch, self.body.lists_tokens()) {
            (None, false) if !of_one => return Err(CallError::NoToken),
            (None, true) | (Some(0), _) | (Some(_), false) => return Err(CallError::Batch),
            (Some(_), true) if of_one => return Err(CallError::Batch),
            _ => {}
        }
        if self.rate.is_some_and(|rate| rate.requests == 0 || rate.seconds == 0) {
            return Err(CallError::Rate);
        }
        if !self.answers.can_succeed() {
            return Err(CallError::NoSuccess);
        }
        let mut statuses = self.answers.all().flat_map(|answer| &answer.status);
        match statuses.find(|status| !(100..600).contains(*status)) {
            Some(status) => Err(CallError::Status(*status)),
            None => Ok(()),
        }
    }

    /// The names of all holes, each with the key in which it stands.
    fn holes(&self) -> Vec<(&'static str, String)> {
        let in_url = self.url.holes().map(|name| ("url", name.to_owned()));
        let in_headers = self.headers.iter().flat_map(|(_, template)| template.holes());
        let in_headers = in_headers.map(|name| ("headers", name.to_owned()));
        let in_body = self.body.holes().into_iter().map(|name| ("body", name));
        in_url.chain(in_headers).chain(in_body).collect()
    }

    /// The request that revokes these secrets: one, whose pieces `groups` are, or as many as a batch has.
    /// `None` where it cannot be written: the secret has a character that cannot stand where it would have to.
    pub(super) fn request(
        &self,
        client: &Client,
        secrets: &[&SecretString],
        groups: &[(String, SecretString)],
    ) -> Option<Request> {
        let mut values = Values::default();
        if let ([one], None) = (secrets, self.batch) {
            values = values.with(TOKEN, one);
        }
        if let Some(credential) = &self.credential {
            values = values.with(CREDENTIAL, credential);
        }
        // The first of a name counts: what a format names does not pass for any of ours.
        for (name, value) in groups {
            values = values.with(name, value);
        }
        let mut request = client.request(self.method.clone(), self.address(&values)?);
        request = request.headers(self.header_map(&values)?);
        match self.body.fill(&values, secrets)? {
            Some(body) => request = request.body(body),
            // RFC 9110, section 8.6: without it servers answer 411 to a method that may have a body.
            None if MAY_HAVE_A_BODY.contains(&self.method) => {
                request = request.header(CONTENT_LENGTH, 0);
            }
            None => {}
        }
        request.build().ok()
    }

    /// Whatever the secret is, it goes where the configuration says and nowhere else.
    fn address(&self, values: &Values<'_>) -> Option<Url> {
        let text = self.url.fill(values, |value, to| {
            // A segment of dots would be a step up the path.
            if value.bytes().all(|b| b == b'.') {
                return None;
            }
            to.extend(utf8_percent_encode(value, RESERVED));
            Some(())
        })?;
        Url::parse(&text).ok().filter(|url| url.origin() == self.origin)
    }

    fn header_map(&self, values: &Values<'_>) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, template) in &self.headers {
            let text = template.fill(values, |value, to| {
                let visible = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
                visible.then(|| to.push_str(value))
            })?;
            let mut value = HeaderValue::from_str(&text).ok()?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Some(headers)
    }
}

/// What is written out in front of the first hole decides where requests go.
fn origin(url: &Template) -> Result<url::Origin, CallError> {
    let beginning = url.beginning();
    let (_, rest) = beginning.split_once("://").ok_or(CallError::Url)?;
    let whole = url.holes().next().is_none();
    let written_out = whole || rest.contains('/');
    let parsed = Url::parse(beginning).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    });
    // What stands behind a # is sent to nobody.
    let is_sent = !url.texts().any(|text| text.contains('#'));
    parsed.filter(|_| written_out && is_sent).map(|url| url.origin()).ok_or(CallError::Url)
}

fn headers(given: &BTreeMap<String, String>) -> Result<Vec<(HeaderName, Template)>, CallError> {
    let mut headers: Vec<(HeaderName, Template)> = Vec::new();
    for (name, value) in given {
        let bad = || CallError::Header(name.clone());
        let header: HeaderName = name.parse().map_err(|_| bad())?;
        let is_twice = headers.iter().any(|(other, _)| *other == header);
        let is_ours = !NOT_OURS.contains(&header.as_str());
        if is_twice || !is_ours || HeaderValue::from_str(value).is_err() {
            return Err(bad());
        }
        headers.push((header, Template::new(value)));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
