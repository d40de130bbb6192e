//! What the database counts: asked for every few seconds at the most, however many scrape, and never waited
//! for for long.

use std::time::Duration;

use portcullis_store::gauges::{Depth, Intents, Untold};
use portcullis_store::{Store, StoreError};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Names;
use super::list;
use super::page::Page;

/// How old an answer may be that is given again.
const FRESH: Duration = Duration::from_secs(3);

/// How long a scrape waits: Prometheus gives up after ten seconds where nothing is said.
const PATIENCE: Duration = Duration::from_secs(2);

const DAY: Duration = Duration::from_hours(24);

/// What waits, as of a moment; `None` where the database did not answer in time.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Option<(Instant, Option<Counted>)>>);

struct Counted {
    depths: Vec<Depth>,
    failed: u64,
    untold: Vec<Untold>,
    intents: Intents,
}

impl Waiting {
    /// Puts it on a page. Whoever comes while another asks waits for the same answer.
    pub(super) async fn put(&self, store: &Store, names: &Names, page: &mut Page) {
        let mut known = self.0.lock().await;
        let fresh = known.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH);
        if !fresh {
            let counted = tokio::time::timeout(PATIENCE, count(store)).await;
            *known = Some((Instant::now(), counted.ok().and_then(told)));
        }
        let counted = known.as_ref().and_then(|(_, counted)| counted.as_ref());
        page.set(list::DATABASE_UP, [], if counted.is_some() { 1.0 } else { 0.0 });
        if let Some(counted) = counted {
            nothing(names, page);
            counted.put(page);
        }
    }
}

/// Of whom the database has nothing, nothing waits.
fn nothing(names: &Names, page: &mut Page) {
    for provider in &names.providers {
        for state in ["planned", "due", "leased"] {
            page.set(list::QUEUE, [provider, state], 0.0);
        }
        page.set(list::QUEUE_OVERDUE, [provider], 0.0);
    }
    for webhook in &names.webhooks {
        page.set(list::NOTICES_WAITING, [webhook], 0.0);
        page.set(list::NOTICES_OLDEST, [webhook], 0.0);
    }
}

fn told(counted: Result<Counted, StoreError>) -> Option<Counted> {
    counted
        .inspect_err(|error| tracing::debug!(error = %error, "what waits could not be counted"))
        .ok()
}

async fn count(store: &Store) -> Result<Counted, StoreError> {
    Ok(Counted {
        depths: store.depths(100_000).await?,
        failed: store.failed_within(DAY, 10_000).await?,
        untold: store.untold(100_000).await?,
        intents: store.open_intents(10_000).await?,
    })
}

impl Counted {
    fn put(&self, page: &mut Page) {
        for depth in &self.depths {
            let provider = depth.provider.as_str();
            for (state, count) in
                [("planned", depth.planned), ("due", depth.due), ("leased", depth.leased)]
            {
                page.set(list::QUEUE, [provider, state], number(count));
            }
            let late = depth.oldest_overdue.as_secs_f64();
            page.set(list::QUEUE_OVERDUE, [provider], late);
        }
        page.set(list::QUEUE_FAILED, [], number(self.failed));
        for untold in &self.untold {
            page.set(list::NOTICES_WAITING, [&untold.webhook], number(untold.waiting));
            page.set(list::NOTICES_OLDEST, [&untold.webhook], untold.oldest.as_secs_f64());
        }
        page.set(list::INTENTS, [], number(self.intents.open));
        page.set(list::INTENTS_OVERDUE, [], self.intents.oldest_overdue.as_secs_f64());
    }
}

/// As the text format has numbers.
#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 nobody counts one by one")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
