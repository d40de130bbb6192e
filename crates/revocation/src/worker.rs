//! The worker: claims what is due, has the providers called, writes back what came of it.
//!
//! One loop per provider, so that a slow vendor delays nobody else's secrets. A claim takes no more
//! rows than there are free places for calls, because a lease begins to run out at the claim.

mod decide;
mod housekeeping;
mod leaving;
mod options;
mod settler;
mod woken;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use portcullis_base::fault::{Point, point};
use portcullis_base::{Quiet, Randomness};
use portcullis_store::queue::{Claimed, Outcome, Settlement, State};
use portcullis_store::{Store, StoreError};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backoff;
use crate::identity::short;
use crate::observer::Called;
use crate::provider::{Attempt, Finding, Provider, Verdict};
use crate::vault::{OpenError, Vault};

pub use options::Options;
use woken::woken;

/// Rows claimed in one statement at the most.
const CLAIM_AT_MOST: usize = 100;

/// In a backlog, how long is waited for places to become free, so that rows are claimed many at a
/// time and not each by a statement of its own.
const GATHER: Duration = Duration::from_millis(5);

/// Every attempt would say so while the database is away.
static NOT_READ: Quiet = Quiet::new();

/// The pause after the database could not be asked.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

/// What every part of the worker needs.
struct Shared {
    store: Store,
    vault: Vault,
    random: Arc<dyn Randomness>,
    options: Options,
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Worker {
    /// Starts working for these providers.
    pub fn start(
        store: Store,
        vault: Vault,
        providers: Vec<Arc<dyn Provider>>,
        options: Options,
        random: Arc<dyn Randomness>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let longest = providers.iter().map(|provider| provider.adjust(&options).longest());
        let longest = longest.max().unwrap_or_else(|| options.longest());
        let shared = Arc::new(Shared { store, vault, random, options });
        let names: Vec<String> = providers.iter().map(|p| p.name().to_owned()).collect();
        let mut tasks = JoinSet::new();
        for provider in providers {
            tasks.spawn(keep_running(Arc::clone(&shared), provider, stopped.clone()));
        }
        tasks.spawn(housekeeping::run(shared, names, longest, stopped));
        Self { stop, tasks }
    }

    /// Claims nothing more, and returns when the calls under way have been written back.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Runs the line of a provider until it is told to stop. A fault of ours that ends one early must not
/// leave its secrets to nobody: another takes over, and what it had under way comes back when the
/// leases run out.
async fn keep_running(
    shared: Arc<Shared>,
    provider: Arc<dyn Provider>,
    stopped: watch::Receiver<bool>,
) {
    loop {
        let line = Line::new(Arc::clone(&shared), Arc::clone(&provider));
        let ended = AssertUnwindSafe(line.run(stopped.clone())).catch_unwind().await;
        if *stopped.borrow() {
            return;
        }
        tracing::error!(
            revocation.provider = provider.name(),
            revocation.panicked = ended.is_err(),
            "the worker of this provider ended by itself; starting another"
        );
        tokio::time::sleep(DATABASE_PAUSE).await;
    }
}

/// The loop of one provider.
struct Line {
    shared: Arc<Shared>,
    provider: Arc<dyn Provider>,
    options: Arc<Options>,
    places: Arc<Semaphore>,
    settlements: mpsc::Sender<Settlement>,
    settler: tokio::task::JoinHandle<()>,
    /// Told when rows were given another time to run, sooner perhaps than this line sleeps.
    planned: Arc<Notify>,
}

impl Line {
    fn new(shared: Arc<Shared>, provider: Arc<dyn Provider>) -> Self {
        let (settlements, receiver) = mpsc::channel(4 * CLAIM_AT_MOST);
        let options = Arc::new(provider.adjust(&shared.options));
        let lease = options.lease();
        let planned = Arc::<Notify>::default();
        let settler = settler::run(shared.store.clone(), receiver, lease, Arc::clone(&planned));
        let settler = tokio::spawn(settler);
        let places = Arc::new(Semaphore::new(options.concurrency));
        Self { shared, provider, options, places, settlements, settler, planned }
    }

    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut events = self.shared.store.events().subscribe();
        let mut calls = JoinSet::new();
        let (mut backlog, mut handed_back) = (false, false);
        // Without a settler every end would be lost.
        while !*stopped.borrow() && !self.settlements.is_closed() {
            // What was told before this claim is answered by it.
            events = events.resubscribe();
            let next = self.claim(&mut calls, backlog, &stopped).await;
            while calls.try_join_next().is_some() {}
            backlog = matches!(next, Ok(Next::Again));
            let pause = match next {
                Ok(Next::Again) => continue,
                Ok(Next::HandedBack) => {
                    handed_back = true;
                    continue;
                }
                Ok(Next::After(pause)) => pause,
                Err(error) => {
                    if let Some(kept_back) = NOT_READ.pass() {
                        tracing::warn!(revocation.provider = self.provider.name(), error = %error,
                            cause = cause(&error), log.kept_back = kept_back,
                            "the queue could not be read");
                    }
                    DATABASE_PAUSE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = woken(&mut events) => {}
                () = self.planned.notified() => {}
                _ = stopped.changed() => {}
            }
        }
        calls.join_all().await;
        drop(self.settlements);
        // The settler ends when the last sender is gone; a panic in it was logged by the runtime.
        drop(self.settler.await);
        if handed_back {
            // Whoever does not hear of it finds the rows at its next look.
            drop(self.shared.store.tell_due().await);
        }
    }

    /// How many calls have a place, at least one. In a backlog it waits a moment for half of them.
    async fn free_places(&self, backlog: bool) -> usize {
        // Nobody closes the semaphore, so only time runs out.
        drop(self.places.acquire().await);
        if backlog {
            let half = self.options.concurrency.min(CLAIM_AT_MOST).div_ceil(2);
            let half = self.places.acquire_many(u32::try_from(half).unwrap_or(u32::MAX));
            drop(tokio::time::timeout(GATHER, half).await);
        }
        self.places.available_permits().clamp(1, CLAIM_AT_MOST)
    }

    /// Claims for as many calls as have a place, and starts them.
    async fn claim(
        &self,
        calls: &mut JoinSet<()>,
        backlog: bool,
        stopped: &watch::Receiver<bool>,
    ) -> Result<Next, StoreError> {
        let options = &self.options;
        let free = self.free_places(backlog).await;
        let limit = u32::try_from(free).unwrap_or(u32::MAX);
        let claimed = self.shared.store.claim(self.provider.name(), limit, options.lease()).await?;
        if !claimed.is_empty() {
            point(Point::Claimed);
        }
        if *stopped.borrow() {
            self.hand_back(claimed).await;
            return Ok(Next::HandedBack);
        }
        let full = claimed.len() == free;
        for row in claimed {
            let place = Arc::clone(&self.places).acquire_owned().await;
            let call = Call {
                shared: Arc::clone(&self.shared),
                provider: Arc::clone(&self.provider),
                options: Arc::clone(&self.options),
                settlements: self.settlements.clone(),
            };
            calls.spawn(async move {
                call.make(row).await;
                drop(place);
            });
        }
        if full {
            return Ok(Next::Again);
        }
        let next = self.shared.store.next_run(self.provider.name()).await?;
        // A millisecond more, since the database's clock rounds down.
        let next = next.map_or(options.poll_interval, |next| next + Duration::from_millis(1));
        Ok(Next::After(next.min(options.poll_interval)))
    }
}

enum Next {
    Again,
    After(Duration),
    HandedBack,
}

/// One call of a provider.
struct Call {
    shared: Arc<Shared>,
    provider: Arc<dyn Provider>,
    options: Arc<Options>,
    settlements: mpsc::Sender<Settlement>,
}

impl Call {
    async fn make(self, row: Claimed) {
        let begun = Instant::now();
        let verdict = self.ask(&row).await;
        let took = begun.elapsed();
        if verdict.as_ref().is_some_and(|verdict| verdict.finding == Finding::Revoked) {
            point(Point::Called);
        }
        let (base, cap) = (self.options.retry_base, self.options.retry_cap);
        let pause = backoff::pause(base, cap, row.attempts, self.shared.random.as_ref());
        let settlement = decide::settle(&self.options, &row, verdict, pause);
        self.log(&row, &settlement);
        self.options.observer.called(&Called::of(self.provider.name(), &row, &settlement, took));
        // Without a receiver the settler has given up on the database; the lease will run out.
        drop(self.settlements.send(settlement).await);
    }

    /// `None` where the seal does not open: nobody will ever know the secret again.
    async fn ask(&self, row: &Claimed) -> Option<Verdict> {
        let opened = self.shared.vault.open_seal(&row.fingerprint, row.key_version, &row.sealed);
        let secret = match opened {
            Ok(secret) => secret,
            // Whoever has the key can still do it.
            Err(OpenError::OtherMasterKey) => {
                tracing::error!(
                    "a waiting secret is sealed by a master key that is not configured here"
                );
                let wait = Finding::Retry { after: None, uncertain: false };
                return Some(Verdict::new(wait, "other_master_key"));
            }
            Err(OpenError::Seal(_)) => return None,
        };
        let budget = self.options.call_timeout;
        let attempt = Attempt {
            token_type: &row.token_type,
            secret: &secret,
            fingerprint: &row.fingerprint,
            budget,
        };
        let again = Finding::Retry { after: None, uncertain: true };
        // A provider that panics must not keep the row out of the ordinary way of giving up.
        let call = AssertUnwindSafe(self.provider.revoke(&attempt)).catch_unwind();
        Some(match tokio::time::timeout(budget, call).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => Verdict::new(again, "panic"),
            Err(_) => Verdict::new(again, "deadline"),
        })
    }

    fn log(&self, row: &Claimed, settlement: &Settlement) {
        let fingerprint = short(&row.fingerprint);
        let provider = self.provider.name();
        let late_ms = u64::try_from(row.late.as_millis()).unwrap_or(u64::MAX);
        match settlement.outcome {
            Outcome::End { state: State::Failed, .. } => tracing::error!(
                revocation.fingerprint = fingerprint,
                revocation.provider = provider,
                revocation.token_type = row.token_type,
                revocation.code = settlement.code,
                revocation.attempts = row.attempts,
                "given up: this secret may still be alive"
            ),
            Outcome::End { state, .. } => tracing::info!(
                revocation.fingerprint = fingerprint,
                revocation.provider = provider,
                revocation.state = state.as_str(),
                revocation.code = settlement.code,
                revocation.late_ms = late_ms,
                "ended"
            ),
            Outcome::Retry { after, .. } => tracing::info!(
                revocation.fingerprint = fingerprint,
                revocation.provider = provider,
                revocation.code = settlement.code,
                revocation.attempts = row.attempts,
                revocation.again_in_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
                "not yet"
            ),
        }
    }
}

/// What the database said, for the log.
fn cause(error: &StoreError) -> Option<tracing::field::DisplayValue<&dyn std::error::Error>> {
    std::error::Error::source(error).map(tracing::field::display)
}

#[cfg(test)]
mod tests;
