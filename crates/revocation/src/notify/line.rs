//! The line of one webhook: claims its notices, tells them, deletes them or tries again.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::Quiet;
use portcullis_store::notices::Notice;
use portcullis_store::{Fingerprint, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::message::{self, Refusal};
use super::{Format, Options, PAUSE, Shared, Webhook, rest};
use crate::backoff;
use crate::identity::short;
use crate::observer::Told;

/// Notices in one message at the most: a burst of findings is not a burst of messages.
const TOGETHER: u32 = 50;

/// In a row, before what is too old is given up however often it was tried itself: a webhook that is gone is
/// asked too seldom to try each of many. About a quarter of an hour.
const WEBHOOK_IS_GONE: u32 = 10;

/// Notices that are given up in one statement.
const GIVEN_UP_AT_ONCE: u32 = 200;

/// How long nobody else may take notices that were claimed: longer than a call and what follows it.
const LEASE: Duration = Duration::from_secs(40);

/// How often is looked for notices that another replica wrote or left behind.
const POLL: Duration = Duration::from_secs(5);

/// The database's clock rounds down.
const ROUNDED: Duration = Duration::from_millis(2);

/// The longest pause that is granted.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// After a long outage of our own the first attempt is late already.
const TRY_AT_LEAST: i64 = 5;

/// Slack takes one message a second from a webhook (its documentation, "Rate limits").
const SLACKS_PACE: Duration = Duration::from_secs(1);

/// Every attempt would say so while the database is away.
static NOT_READ: Quiet = Quiet::new();

enum Next {
    /// There may be more.
    Again,
    /// Not before this, whatever there is to tell.
    After(Duration),
    /// When there is something to tell.
    Idle,
}

struct Line<'a> {
    shared: &'a Shared,
    webhook: &'a Webhook,
    /// In a row.
    failures: u32,
    /// When what was put off last is due again.
    again_at: Option<Instant>,
}

pub(super) async fn run(shared: Arc<Shared>, place: usize, mut stopped: watch::Receiver<bool>) {
    let (webhook, written): &(Webhook, Notify) = &shared.webhooks[place];
    let mut line = Line { shared: &shared, webhook, failures: 0, again_at: None };
    while !*stopped.borrow() {
        let next = line.deliver().await.unwrap_or_else(|error| {
            if let Some(kept_back) = NOT_READ.pass() {
                tracing::warn!(notice.webhook = webhook.name, error = %error, log.kept_back = kept_back,
                    "the notices of a webhook could not be read or written");
            }
            Next::After(PAUSE)
        });
        match next {
            Next::Again => {}
            Next::After(pause) => rest(pause, &mut stopped).await,
            Next::Idle => tokio::select! {
                () = rest(line.idle(), &mut stopped) => {}
                () = written.notified() => {}
            },
        }
    }
}

impl Line<'_> {
    /// How long there is nothing to do, as far as this process knows.
    fn idle(&mut self) -> Duration {
        let again = self.again_at.take().map(|at| at.saturating_duration_since(Instant::now()));
        again.map_or(POLL, |again| again.min(POLL))
    }

    /// Tells what is due, in one message.
    async fn deliver(&mut self) -> Result<Next, StoreError> {
        let (store, name) = (&self.shared.store, &self.webhook.name);
        if !store.notice_is_due(name).await? {
            return Ok(Next::Idle);
        }
        let notices = store.claim_notices(name, together(self.failures), LEASE).await?;
        if notices.is_empty() {
            return Ok(Next::Idle);
        }
        match message::send(self.webhook, &notices, self.shared.clock.as_ref()).await {
            Ok(()) => {
                self.failures = 0;
                store.delete_notices(name, &notices).await?;
                tracing::info!(notice.webhook = name, notice.count = notices.len(), "told");
                self.count(Told::Taken, notices.len());
                Ok(match self.webhook.format {
                    Format::Json => Next::Again,
                    Format::Slack => Next::After(SLACKS_PACE),
                })
            }
            Err(refusal) => self.put_off(notices, refusal).await,
        }
    }

    async fn put_off(
        &mut self,
        notices: Vec<Notice>,
        refusal: Refusal,
    ) -> Result<Next, StoreError> {
        self.failures = self.failures.saturating_add(1);
        let asked = refusal.after.unwrap_or_default().min(LONGEST_PAUSE);
        let (options, random) = (&self.shared.options, self.shared.random.as_ref());
        let pause = |times| backoff::pause(options.retry_base, options.retry_cap, times, random);
        let own = pause(self.failures.into()).max(asked);
        // What is refused again and again waits longer than its webhook, which may take others.
        let tried = notices.iter().map(|notice| notice.attempts).max().unwrap_or(1);
        let again = pause(tried).max(own);
        let (late, others): (Vec<_>, Vec<_>) =
            notices.into_iter().partition(|notice| is_late(options, notice));
        tracing::warn!(
            notice.webhook = self.webhook.name,
            notice.count = others.len(),
            notice.problem = refusal.problem,
            notice.status = refusal.status,
            notice.again_in_ms = u64::try_from(again.as_millis()).unwrap_or(u64::MAX),
            "a webhook was not told; trying again"
        );
        self.count(Told::PutOff, others.len());
        let (store, name) = (&self.shared.store, &self.webhook.name);
        store.put_off_notices(name, &others, again).await?;
        self.again_at = Some(Instant::now() + again + ROUNDED);
        if !late.is_empty() {
            self.given_up(late.iter().map(|notice| &notice.fingerprint));
            store.delete_notices(name, &late).await?;
        }
        if self.failures >= WEBHOOK_IS_GONE {
            self.give_up_all().await?;
        }
        Ok(Next::After(own))
    }

    async fn give_up_all(&self) -> Result<(), StoreError> {
        let (store, after) = (&self.shared.store, self.shared.options.give_up_after);
        loop {
            let late = store.give_up_notices(&self.webhook.name, after, GIVEN_UP_AT_ONCE).await?;
            if !late.is_empty() {
                self.given_up(late.iter());
            }
            if late.len() < GIVEN_UP_AT_ONCE as usize {
                return Ok(());
            }
        }
    }

    /// Loudly: what it was to be told of may need somebody.
    fn given_up<'a>(&self, late: impl Iterator<Item = &'a Fingerprint>) {
        let which: Vec<String> = late.map(short).collect();
        tracing::error!(
            notice.webhook = self.webhook.name,
            notice.count = which.len(),
            notice.fingerprints = which.join(" "),
            "notices are given up: this webhook was never told"
        );
        self.count(Told::GivenUp, which.len());
    }

    fn count(&self, outcome: Told, notices: usize) {
        self.shared.options.observer.told(&self.webhook.name, outcome, notices);
    }
}

/// Half as many after each failure: a message that is too long gets shorter, and one notice that is never
/// taken keeps no others from being told.
fn together(failures: u32) -> u32 {
    (TOGETHER >> failures.min(u32::BITS - 1)).max(1)
}

fn is_late(options: &Options, notice: &Notice) -> bool {
    notice.age >= options.give_up_after && notice.attempts >= TRY_AT_LEAST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_failures_a_message_is_shorter_and_never_empty() {
        let found: Vec<_> = (0..8).map(together).collect();
        assert_eq!(found, [50, 25, 12, 6, 3, 1, 1, 1]);
        assert_eq!(together(u32::MAX), 1);
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
        assert!(is_late(&Options::default(), &notice(5, 24)));
        assert!(!is_late(&Options::default(), &notice(4, 25)));
        assert!(!is_late(&Options::default(), &notice(500, 23)));
    }
}
