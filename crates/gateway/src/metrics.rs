//! `GET /metrics` on the operators' listener, in the text format of Prometheus.
//!
//! `list` declares every metric. Some are recorded as things happen (`recorded`); the others are numbers
//! that the parts keep by themselves, and are read when somebody scrapes (`scrape`).

mod http;
pub(crate) mod list;
mod page;
mod process;
mod recorded;
pub mod reference;
mod scrape;
mod waiting;

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use portcullis_base::secret::SecretString;
use portcullis_base::{Clock, clock};
use portcullis_revocation::observer::{NO_WEBHOOK, Observer as RevocationObserver};
use portcullis_web::{Access, Audit, Docs, Observer, Problem, Route, RouteTable};
use prometheus::Registry;
use serde_json::json;

use self::http::Listener;
use self::page::Page;
use self::recorded::Recorded;
use self::waiting::Waiting;
use crate::admin::Admins;

/// What is measured.
pub(crate) struct Metrics {
    registry: Registry,
    recorded: Arc<Recorded>,
    waiting: Waiting,
    /// Whose queues and lines are told at zero, too.
    names: Names,
    scrapers: Admins,
    clock: Arc<dyn Clock>,
    started_ms: i64,
}

/// The names that the configuration gives.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) providers: Vec<String>,
    pub(crate) webhooks: Vec<String>,
}

impl Metrics {
    /// Nothing was measured yet. Whoever has one of these tokens may scrape.
    pub(crate) fn new(names: Names, tokens: Vec<SecretString>, clock: Arc<dyn Clock>) -> Self {
        let registry = Registry::new();
        let recorded = Arc::new(Recorded::new(&registry));
        names.providers.iter().for_each(|name| recorded.expect_provider(name));
        names.webhooks.iter().for_each(|name| recorded.expect_webhook(name));
        recorded.expect_webhook(NO_WEBHOOK);
        Self {
            registry,
            recorded,
            waiting: Waiting::default(),
            names,
            scrapers: Admins::new(tokens),
            started_ms: clock.now_ms(),
            clock,
        }
    }

    /// These tokens from now on, and no others.
    pub(crate) fn replace_tokens(&self, tokens: Vec<SecretString>) {
        self.scrapers.replace(tokens);
    }

    /// Who counts what the worker and the outbox do.
    pub(crate) fn revocations(&self) -> Arc<dyn RevocationObserver> {
        Arc::clone(&self.recorded) as _
    }

    /// Who counts the requests of a listener with this table.
    pub(crate) fn listener(&self, name: &'static str, table: &[Route]) -> Data<dyn Observer> {
        let observer: Arc<dyn Observer> = Arc::new(Listener::new(name, table, &self.recorded));
        Data::from(observer)
    }
}

/// The route of the operators' listener.
pub(crate) fn routes() -> RouteTable {
    vec![Route {
        method: Method::GET,
        path: "/metrics".to_owned(),
        handler: || web::to(scraped),
        access: Access::Metrics,
        audit: Audit::Nothing,
        summary: "Metrics, as Prometheus reads them",
        docs,
    }]
}

fn docs() -> Docs {
    let text = json!({ "type": "string" });
    Docs::new("Operation")
        .answers_as(200, "text/plain", text, "The text format of Prometheus, version 0.0.4.")
        .problem(500, &["internal"])
}

/// Whether the request carries the token of a scraper, or an admin token: what stands before the routes of
/// [`Access::Metrics`].
pub(crate) fn admit(request: &HttpRequest) -> Result<(), Problem> {
    let Some(metrics) = request.app_data::<Data<Metrics>>() else {
        tracing::error!("nobody knows the tokens of scrapers here");
        return Err(Problem::internal());
    };
    metrics.scrapers.authorize(request).map(drop)
}

async fn scraped(request: HttpRequest, metrics: Data<Metrics>) -> Result<HttpResponse, Problem> {
    let mut page = Page::default();
    scrape::parts(&request, metrics.clock.now(), &mut page);
    if let Some(store) = request.app_data::<Data<portcullis_store::Store>>() {
        scrape::database(store, &mut page);
        metrics.waiting.put(store, &metrics.names, &mut page).await;
    }
    scrape::build(clock::from_ms(metrics.started_ms), &mut page);
    process::put(&mut page);
    let text = page.text(&metrics.registry).map_err(|error| {
        tracing::error!(error = %error, "the metrics could not be written");
        Problem::internal()
    })?;
    Ok(HttpResponse::Ok().content_type(prometheus::TEXT_FORMAT).body(text))
}

#[cfg(test)]
mod tests;
