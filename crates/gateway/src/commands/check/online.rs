//! Asking every upstream whether it will do what it is there for.

mod gitlab;
mod vendor;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use portcullis_base::secret::SecretString;
use portcullis_gitlab::Administrator;
use portcullis_jwt_verify::sources::KeySource;
use portcullis_revocation_api::partners::usable_keys;
use portcullis_store::Store;
use serde::Serialize;
use time::{Date, OffsetDateTime};
use url::Url;

use crate::auth::{keys_of, keys_of_all};
use crate::compose::{gitlab_client, partner_intake, upstream_client};
use crate::config::{Config, DatabaseKind, Impersonation, Provider};
use crate::error::StartError;

/// How long all of them have together: they are asked at once.
const PATIENCE: Duration = Duration::from_secs(15);

/// So few days before an admin token expires it is time for another.
const FEW_DAYS: i64 = 14;

/// Somebody to ask.
pub(super) struct Upstream {
    name: String,
    ask: BoxFuture<'static, Result<Good, Bad>>,
}

/// It will do.
#[derive(Debug, Default)]
struct Good {
    text: String,
    /// The day on which its admin token expires.
    expires_on: Option<Date>,
}

/// It will not, and why.
#[derive(Debug)]
struct Bad {
    code: &'static str,
    text: String,
}

/// What came of asking.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    upstream: String,
    ok: bool,
    /// What is wrong, for programs.
    code: Option<&'static str>,
    text: String,
    days_left: Option<i64>,
}

impl Upstream {
    fn new(
        name: impl Into<String>,
        ask: impl Future<Output = Result<Good, Bad>> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), ask: Box::pin(ask) }
    }
}

impl Told {
    pub(super) fn is_good(&self) -> bool {
        self.ok
    }

    pub(super) fn line(&self) -> String {
        let Self { upstream, ok, text, .. } = self;
        if *ok { format!("ok   {upstream}: {text}") } else { format!("bad  {upstream}: {text}") }
    }

    pub(super) fn warning(&self) -> Option<String> {
        let left = self.days_left.filter(|left| *left <= FEW_DAYS)?;
        let days = if left == 1 { "day" } else { "days" };
        Some(format!("{}: its admin_token expires in {left} {days}", self.upstream))
    }
}

/// Everybody whom this configuration names. Nobody is asked yet; a file of keys is read.
pub(super) fn upstreams(config: &Config) -> Result<Vec<Upstream>, StartError> {
    let mut all = Vec::new();
    if config.database.kind == DatabaseKind::Postgres {
        all.push(Upstream::new("database", database(config.database.url.clone())));
    }
    for (issuer, source) in keys_of_all(config)? {
        all.push(Upstream::new(format!("issuer {issuer}"), keys(source)));
    }
    for provider in &config.revocation.providers {
        all.extend(of_provider(config, provider)?);
    }
    if let Some(jobs) = &config.revocation_api.jobs {
        let source = keys_of(config, &jobs.issuer, &jobs.keys, jobs.ca_file.as_ref())?;
        all.push(Upstream::new(
            format!("revocation_api.jobs, keys of {}", jobs.issuer),
            keys(source),
        ));
    }
    if let Some(section) = &config.impersonation {
        all.extend(of_broker(config, section)?);
    }
    for partner in &config.partners.all {
        let ask = programme(partner_intake::http(config)?, partner.keys_url.clone());
        all.push(Upstream::new(format!("partners.{}, keys", partner.programme.name()), ask));
    }
    Ok(all)
}

fn of_provider(config: &Config, provider: &Provider) -> Result<Option<Upstream>, StartError> {
    Ok(match provider {
        Provider::Portcullis { .. } | Provider::Notify { .. } => None,
        Provider::Gitlab(entry) => {
            let client = gitlab_client(config, &entry.url, entry.ca_file.as_ref(), PATIENCE)?;
            let by = entry.admin_token.clone().map(|token| Administrator { token, sudo: None });
            Some(Upstream::new(format!("gitlab {}", entry.name), gitlab::ask(client, by)))
        }
        Provider::Http(vendor) => {
            let client = upstream_client(config, vendor.ca_file.as_ref(), PATIENCE)?;
            Some(Upstream::new(
                format!("http {}", vendor.name),
                vendor::ask(client, vendor.call.origin()),
            ))
        }
        Provider::Partner(partner) => {
            let client = upstream_client(config, partner.ca_file.as_ref(), PATIENCE)?;
            let origin = partner.url.origin().ascii_serialization();
            Some(Upstream::new(format!("partner {}", partner.name), vendor::ask(client, origin)))
        }
    })
}

fn of_broker(config: &Config, section: &Impersonation) -> Result<[Upstream; 2], StartError> {
    let (names, ca) = (section.jwt.issuers.join(" "), section.ca_file.as_ref());
    let source = keys_of(config, &names, &section.jwt.keys, ca)?;
    let client = gitlab_client(config, &section.gitlab_url, ca, PATIENCE)?;
    let (token, sudo) = (section.admin_token.clone(), section.sudo_user.clone());
    let gitlab = format!("impersonation, gitlab {}", client.label());
    Ok([
        Upstream::new(format!("impersonation, keys of {names}"), keys(source)),
        Upstream::new(gitlab, gitlab::ask(client, Some(Administrator { token, sudo }))),
    ])
}

/// Asks all of them at once.
pub(super) async fn ask_all(upstreams: Vec<Upstream>, now: OffsetDateTime) -> Vec<Told> {
    let ask = async |Upstream { name, ask }: Upstream| {
        let late = || Bad { code: "timeout", text: "no answer in 15 seconds".to_owned() };
        let answer = tokio::time::timeout(PATIENCE, ask).await;
        match answer.unwrap_or_else(|_| Err(late())) {
            Ok(Good { text, expires_on }) => {
                let days_left = expires_on.map(|day| (day - now.date()).whole_days());
                Told { upstream: name, ok: true, code: None, text, days_left }
            }
            Err(Bad { code, text }) => {
                Told { upstream: name, ok: false, code: Some(code), text, days_left: None }
            }
        }
    };
    join_all(upstreams.into_iter().map(ask)).await
}

async fn database(url: SecretString) -> Result<Good, Bad> {
    match Store::reach(&url).await {
        Ok(()) => Ok(Good { text: "answers".to_owned(), ..Good::default() }),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})"));
            let text = format!("{error}{}", cause.unwrap_or_default());
            Err(Bad { code: "database", text: text.replace('\n', " ") })
        }
    }
}

async fn keys(source: Arc<dyn KeySource>) -> Result<Good, Bad> {
    match source.find(None).await {
        Ok(keys) => {
            let text = format!("usable keys: {}", keys.len());
            Ok(Good { text, ..Good::default() })
        }
        Err(error) => Err(Bad { code: error.code(), text: error.to_string() }),
    }
}

async fn programme(http: reqwest::Client, url: Url) -> Result<Good, Bad> {
    match usable_keys(&http, &url).await {
        Ok(count) => Ok(Good { text: format!("usable keys: {count}"), ..Good::default() }),
        Err(error) => Err(Bad { code: error.code(), text: error.to_string() }),
    }
}
