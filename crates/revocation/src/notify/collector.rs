//! Turns rows that came to rest into notices.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::Quiet;
use portcullis_store::notices::{Rest, Telling};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::observer::{NO_WEBHOOK, Told};

use super::notice::Notice;
use super::{PAUSE, Shared, rest};

/// Rows in one transaction at the most.
const AT_ONCE: u32 = 200;

/// How often is looked for notices that no webhook of the configuration takes.
const HOUSEKEEPING_EVERY: Duration = Duration::from_mins(1);

/// The same where there is no webhook: of all that is there, nothing new comes.
const HOUSEKEEPING_ALONE_EVERY: Duration = Duration::from_hours(1);

/// Every attempt would say so while the database is away.
static NOT_COLLECTED: Quiet = Quiet::new();

pub(super) async fn run(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let every = shared.options.collect_every;
    let mut cleaned: Option<Instant> = None;
    // What is marked waits for a webhook.
    while shared.webhooks.is_empty() && !*stopped.borrow() {
        forget(&shared).await;
        rest(HOUSEKEEPING_ALONE_EVERY, &mut stopped).await;
    }
    while !*stopped.borrow() {
        if cleaned.is_none_or(|at| at.elapsed() >= HOUSEKEEPING_EVERY) {
            forget(&shared).await;
            cleaned = Some(Instant::now());
        }
        let pause = match shared.store.collect(AT_ONCE, |row| tell(&shared, row)).await {
            Ok(0) => every,
            Ok(rows) => {
                shared.webhooks.iter().for_each(|(_, written)| written.notify_one());
                if rows == AT_ONCE as usize { Duration::ZERO } else { every }
            }
            Err(error) => {
                if let Some(kept_back) = NOT_COLLECTED.pass() {
                    tracing::warn!(error = %error, log.kept_back = kept_back,
                        "what is to be told could not be collected; trying again");
                }
                PAUSE
            }
        };
        rest(pause, &mut stopped).await;
    }
}

/// What each webhook that wants to know is told of this row.
fn tell(shared: &Shared, row: &Rest) -> Vec<Telling> {
    let webhooks = shared.webhooks.iter().map(|(webhook, _)| webhook);
    let interested: Vec<_> =
        webhooks.filter(|webhook| webhook.wants(&row.token_type, &row.state)).collect();
    if interested.is_empty() {
        return Vec::new();
    }
    let payload = Notice::of(row).payload();
    let telling = |name: &str| Telling { webhook: name.to_owned(), payload: payload.clone() };
    interested.into_iter().map(|webhook| telling(&webhook.name)).collect()
}

async fn forget(shared: &Shared) {
    let names: Vec<&str> = shared.webhooks.iter().map(|(one, _)| one.name.as_str()).collect();
    match shared.store.forget_orphaned_notices(shared.options.give_up_after, &names).await {
        Ok(0) => {}
        Ok(count) => {
            tracing::error!(
                notice.count = count,
                "notices are given up: their webhook is not configured any more"
            );
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            shared.options.observer.told(NO_WEBHOOK, Told::GivenUp, count);
        }
        Err(error) => tracing::warn!(error = %error, "housekeeping could not be done"),
    }
}
