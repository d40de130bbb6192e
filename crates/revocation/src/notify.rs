//! Telling people by webhooks what became of a secret, never the secret itself.
//!
//! An outbox: what is to be told is in the database before anybody is told, and leaves it when the webhook
//! has answered 2xx. So everything is told at least once, whatever dies in between. A collector turns rows
//! that came to rest into notices; each webhook has a line of its own, so that one that hangs delays nobody.

mod collector;
mod line;
mod message;
mod notice;
mod plain;
mod slack;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use portcullis_base::secret::SecretString;
use portcullis_base::{Clock, Randomness};
use portcullis_store::Store;
use portcullis_store::queue::State;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::observer::{Nobody, Observer};

/// The pause after the database could not be asked, or a fault of ours.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a call under way may take to finish at a stop. What is cut off is told again.
const STOPPING: Duration = Duration::from_secs(2);

/// What a webhook understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Our own: `{"notices": […]}`.
    Json,
    /// A message for people, as Slack's incoming webhooks take it.
    Slack,
}

/// Somebody who is told.
#[derive(Clone)]
pub struct Webhook {
    /// What it is called in the database and in logs; never changes for the same place.
    pub name: String,
    /// Its address, which is a credential.
    pub url: SecretString,
    /// What it understands.
    pub format: Format,
    /// The types of which it is told; `*` stands for all.
    pub types: Vec<String>,
    /// The states of which it is told.
    pub on: Vec<State>,
    /// The key under which what it is told is signed; of [`Format::Json`].
    pub signing_secret: Option<SecretString>,
    /// Calls it; with time-outs, and without redirects.
    pub http: reqwest::Client,
}

impl Webhook {
    fn wants(&self, token_type: &str, state: &str) -> bool {
        self.types.iter().any(|name| name == "*" || name == token_type)
            && self.on.iter().any(|on| on.as_str() == state)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({})", self.name)
    }
}

/// How patient the outbox is.
#[derive(Debug, Clone)]
pub struct Options {
    /// How often is looked for what is to be told: people can wait, and a burst is told together.
    pub collect_every: Duration,
    /// The pause after a webhook's first failure; it doubles with each.
    pub retry_base: Duration,
    /// The longest pause, where the webhook does not ask for more.
    pub retry_cap: Duration,
    /// How old a notice gets that its webhook does not take.
    pub give_up_after: Duration,
    /// Who counts what is told.
    pub observer: Arc<dyn Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            collect_every: Duration::from_secs(1),
            retry_base: Duration::from_secs(1),
            retry_cap: Duration::from_mins(5),
            give_up_after: Duration::from_hours(24),
            observer: Arc::new(Nobody),
        }
    }
}

/// What every part of the outbox needs.
struct Shared {
    store: Store,
    options: Options,
    webhooks: Vec<(Webhook, Notify)>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
}

/// A running outbox.
#[derive(Debug)]
pub struct Outbox {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Outbox {
    /// Starts telling these webhooks; without any, what webhooks of earlier configurations never took is given
    /// up in time, and nothing else is done. Of what is marked to be told is for [`Store::tell_people`] to say.
    pub fn start(
        store: Store,
        webhooks: Vec<Webhook>,
        options: Options,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let webhooks = webhooks.into_iter().map(|webhook| (webhook, Notify::new())).collect();
        let shared = Arc::new(Shared { store, options, webhooks, clock, random });
        let mut tasks = JoinSet::new();
        for place in 0..shared.webhooks.len() {
            let (line, told) = (Arc::clone(&shared), stopped.clone());
            tasks.spawn(keep_running(stopped.clone(), move || {
                line::run(Arc::clone(&line), place, told.clone())
            }));
        }
        let told = stopped.clone();
        tasks.spawn(keep_running(stopped, move || {
            collector::run(Arc::clone(&shared), told.clone())
        }));
        Self { stop, tasks }
    }

    /// Calls nobody any more. What is under way has a moment to finish; what is not told by then is told
    /// after the next start, or by another replica.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(STOPPING, all).await);
    }
}

/// A fault of ours that ends a task must not leave people untold.
async fn keep_running<F: Future<Output = ()>>(stopped: watch::Receiver<bool>, run: impl Fn() -> F) {
    loop {
        let ended = AssertUnwindSafe(run()).catch_unwind().await;
        if *stopped.borrow() {
            return;
        }
        tracing::error!(
            notice.panicked = ended.is_err(),
            "telling people ended by itself; starting anew"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns after `pause`, or when it is told to stop.
async fn rest(pause: Duration, stopped: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        _ = stopped.changed() => {}
    }
}
