//! The line of one webhook: claims its notices, tells them, deletes them or tries again.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::Randomness;
use portcullis_store::StoreError;
use portcullis_store::notices::Notice;
use tokio::sync::{Notify, watch};

use super::message::{self, Refusal};
use super::{PAUSE, Shared, Webhook};
use crate::identity::short;

/// Notices in one message at the most: a burst of findings is not a burst of messages.
const TOGETHER: u32 = 50;

/// How long nobody else may take notices that were claimed: longer than a call and what follows it.
const LEASE: Duration = Duration::from_secs(40);

/// How often is looked for notices that another replica wrote or left behind.
const POLL: Duration = Duration::from_secs(5);

/// The pause after a first failure; it doubles with each.
const RETRY_BASE: Duration = Duration::from_secs(1);

/// The longest pause, where the webhook does not ask for more.
const RETRY_CAP: Duration = Duration::from_mins(5);

/// The longest pause that is granted.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// How old a notice gets that its webhook does not take.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// After a long outage of our own the first attempt is late already.
const TRY_AT_LEAST: i64 = 5;

struct Line<'a> {
    shared: &'a Shared,
    webhook: &'a Webhook,
    /// In a row.
    failures: u32,
}

pub(super) async fn run(shared: Arc<Shared>, place: usize, mut stopped: watch::Receiver<bool>) {
    let (webhook, written): &(Webhook, Notify) = &shared.webhooks[place];
    let mut line = Line { shared: &shared, webhook, failures: 0 };
    while !*stopped.borrow() {
        let pause = match line.deliver().await {
            Ok(None) => continue,
            Ok(Some(pause)) => pause,
            Err(error) => {
                tracing::warn!(notice.webhook = webhook.name, error = %error,
                    "the notices of a webhook could not be read or written");
                PAUSE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // A webhook in trouble is left alone for its pause, whatever there is to tell.
            () = written.notified(), if line.failures == 0 => {}
            _ = stopped.changed() => {}
        }
    }
}

impl Line<'_> {
    /// Tells what is due, in one message; how long to wait before the next, `None` where there may be more.
    async fn deliver(&mut self) -> Result<Option<Duration>, StoreError> {
        let (store, name) = (&self.shared.store, &self.webhook.name);
        if !store.notice_is_due(name).await? {
            return Ok(Some(POLL));
        }
        let notices = store.claim_notices(name, TOGETHER, LEASE).await?;
        if notices.is_empty() {
            return Ok(Some(POLL));
        }
        match message::send(self.webhook, &notices, self.shared.clock.as_ref()).await {
            Ok(()) => {
                self.failures = 0;
                store.delete_notices(name, &notices).await?;
                tracing::info!(notice.webhook = name, notice.count = notices.len(), "told");
                Ok(None)
            }
            Err(refusal) => self.put_off(notices, refusal).await.map(Some),
        }
    }

    async fn put_off(
        &mut self,
        notices: Vec<Notice>,
        refusal: Refusal,
    ) -> Result<Duration, StoreError> {
        self.failures = self.failures.saturating_add(1);
        let asked = refusal.after.unwrap_or_default().min(LONGEST_PAUSE);
        let own = pause(self.failures, self.shared.random.as_ref()).max(asked);
        // What is refused again and again waits longer than its webhook, which may take others.
        let tried = notices.iter().map(|notice| notice.attempts).max().unwrap_or(1);
        let tried = u32::try_from(tried).unwrap_or(u32::MAX);
        let again = pause(tried, self.shared.random.as_ref()).max(own);
        let (late, others): (Vec<_>, Vec<_>) = notices.into_iter().partition(is_late);
        tracing::warn!(
            notice.webhook = self.webhook.name,
            notice.count = others.len(),
            notice.problem = refusal.problem,
            notice.status = refusal.status,
            notice.again_in_ms = u64::try_from(again.as_millis()).unwrap_or(u64::MAX),
            "a webhook was not told; trying again"
        );
        self.shared.store.put_off_notices(&self.webhook.name, &others, again).await?;
        self.give_up(&late).await?;
        Ok(own)
    }

    async fn give_up(&self, late: &[Notice]) -> Result<(), StoreError> {
        if late.is_empty() {
            return Ok(());
        }
        let which: Vec<String> = late.iter().map(|notice| short(&notice.fingerprint)).collect();
        tracing::error!(
            notice.webhook = self.webhook.name,
            notice.count = late.len(),
            notice.fingerprints = which.join(" "),
            "notices are given up: this webhook was never told"
        );
        self.shared.store.delete_notices(&self.webhook.name, late).await
    }
}

fn is_late(notice: &Notice) -> bool {
    notice.age >= GIVE_UP_AFTER && notice.attempts >= TRY_AT_LEAST
}

/// Doubling, capped, and a random half of it taken away.
fn pause(failures: u32, random: &dyn Randomness) -> Duration {
    let whole = RETRY_BASE.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(RETRY_CAP);
    let mut byte = [0];
    random.fill(&mut byte);
    whole / 2 + (whole / 2) * u32::from(byte[0]) / 255
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_base::SystemRandomness;

    #[test]
    fn pauses_double_up_to_the_cap() {
        for (failures, whole) in [(1, 1), (2, 2), (5, 16), (10, 300), (u32::MAX, 300)] {
            let whole = Duration::from_secs(whole);
            let found = pause(failures, &SystemRandomness);
            assert!(found >= whole / 2 && found <= whole, "{failures}: {found:?}");
        }
    }

    #[test]
    fn old_age_ends_it_but_not_at_the_first_attempts() {
        let notice = |attempts, hours| Notice {
            fingerprint: [1; 32],
            round: 0,
            payload: String::new(),
            attempts,
            age: Duration::from_hours(hours),
        };
        assert!(is_late(&notice(5, 24)));
        assert!(!is_late(&notice(4, 25)));
        assert!(!is_late(&notice(500, 23)));
    }
}
