//! Looking for tokens that GitLab made and nobody heard of, and revoking them.
//!
//! One replica at a time looks through the tokens of the users concerned. What it may revoke carries the
//! marker of this installation and belongs to nobody any more: its intent can no longer be turned into a
//! token that is handed out, or there is no intent at all and the token is older than any could be.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use portcullis_gitlab::ListedToken;
use portcullis_revocation::QueueError;
use portcullis_revocation::issuance::{Stage, Trace};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Broker;
use crate::marker;
use crate::stats::add;
use crate::upstream::Trouble;

/// How often is looked for what to do.
const EVERY: Duration = Duration::from_secs(5);

/// How long the duty is held without being taken on again: longer than a call to GitLab takes, and short,
/// since a replica that dies holds it for as long. It divides the work; safe is the sweep without it, too.
const HOLD: Duration = Duration::from_secs(30);

/// Users with open intents that are looked through in one go.
const AT_MOST: u32 = 100;

/// Users that are looked through at the same time: GitLab is not to feel it.
const AT_A_TIME: usize = 4;

/// So many users in a row of whom GitLab says nothing, and it is left alone until the next time.
const OBSTACLES: u32 = 3;

/// Of everybody else, in one go.
const OTHERS_AT_MOST: usize = 20;

/// How often everybody who may have a token of ours is looked through, beside at the start.
const EVERYBODY_EVERY: Duration = Duration::from_hours(6);

/// How often is forgotten what nobody needs.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// How long the rows of lent tokens are kept after their end.
const KEEP: Duration = Duration::from_hours(30 * 24);

/// How much older than the longest lifetime a token without an intent must be.
const OLDER_BY: Duration = Duration::from_mins(10);

/// How often a user's tokens are listed again because some of them were revoked, in one go. A GitLab that
/// shows revoked ones as alive must not keep everybody else waiting.
const LISTED_AT_MOST: usize = 3;

/// A running sweep.
#[derive(Debug)]
pub struct Sweep {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Sweep {
    /// Starts sweeping for this broker.
    pub fn start(broker: Broker) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(keep_running(broker, stopped)) }
    }

    /// Looks for nothing more, and returns when the calls under way have been answered.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A panic was logged by the runtime.
        drop(self.task.await);
    }
}

/// Sweeps until it is told to stop. A fault of ours that ends it early must not end it for good: tokens are
/// handed out meanwhile.
async fn keep_running(broker: Broker, stopped: Stopped) {
    while !*stopped.borrow() {
        let sweeper = Sweeper::new(broker.clone());
        if AssertUnwindSafe(sweeper.run(stopped.clone())).catch_unwind().await.is_err() {
            tracing::error!("the sweep ended by itself; starting another");
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Turns true when the sweep is to end.
type Stopped = watch::Receiver<bool>;

struct Sweeper {
    broker: Broker,
    /// Who is still to be looked through of those without an open intent.
    others: VecDeque<u64>,
    /// When all of these were last written down; `None` while another replica has the duty.
    everybody: Option<Instant>,
    forgot: Option<Instant>,
}

/// Why a user could not be looked through.
enum Obstacle {
    Queue(QueueError),
    Gitlab(Trouble),
    /// It is another replica's to do by now, or it is to end.
    Released,
}

impl From<QueueError> for Obstacle {
    fn from(error: QueueError) -> Self {
        Self::Queue(error)
    }
}

impl From<Trouble> for Obstacle {
    fn from(trouble: Trouble) -> Self {
        Self::Gitlab(trouble)
    }
}

impl Sweeper {
    fn new(broker: Broker) -> Self {
        Self { broker, others: VecDeque::new(), everybody: None, forgot: None }
    }

    async fn run(mut self, mut stopped: Stopped) {
        while !*stopped.borrow() {
            match self.go(&stopped).await {
                // There are more.
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(error = %error, "the sweep could not be done"),
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stopped.changed() => {}
            }
        }
    }

    /// What is most urgent first. Returns whether there is more of that.
    async fn go(&mut self, stopped: &Stopped) -> Result<bool, QueueError> {
        let issuances = self.broker.issuances().clone();
        if !issuances.take_sweep(HOLD).await? {
            (self.everybody, self.others) = (None, VecDeque::new());
            return Ok(false);
        }
        self.note_everybody().await?;
        let urgent = issuances.to_sweep(AT_MOST).await?;
        let full = u32::try_from(urgent.len()) == Ok(AT_MOST);
        self.others.retain(|user| !urgent.contains(user));
        let mut clear = self.look_at(&urgent, true, stopped).await?;
        if clear {
            let few = OTHERS_AT_MOST.min(self.others.len());
            let others: Vec<u64> = self.others.drain(..few).collect();
            clear = self.look_at(&others, false, stopped).await?;
        }
        if self.forgot.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
            issuances.forget(KEEP).await?;
            self.forgot = Some(Instant::now());
        }
        Ok(full && clear)
    }

    /// Some users, those with open intents or others. One of whom GitLab says nothing comes last the next
    /// time and holds nobody else up, but a GitLab that is down is not asked about everybody: then, or where
    /// another is to do it, the answer is `false`, and who is left comes the next time.
    async fn look_at(
        &mut self,
        users: &[u64],
        urgent: bool,
        stopped: &Stopped,
    ) -> Result<bool, QueueError> {
        let (mut obstacles, mut end) = (0, Ok(true));
        for few in users.chunks(AT_A_TIME) {
            if obstacles >= OBSTACLES {
                end = Ok(false);
            }
            let looked = match end {
                Ok(true) => {
                    join_all(few.iter().map(|user| self.look_through(*user, stopped))).await
                }
                _ => few.iter().map(|_| Err(Obstacle::Released)).collect(),
            };
            for (&user_id, outcome) in few.iter().zip(looked) {
                if outcome.is_err() && !urgent {
                    self.others.push_back(user_id);
                }
                match outcome {
                    Err(Obstacle::Released) => end = end.map(|_| false),
                    Err(Obstacle::Queue(error)) => end = Err(error),
                    Ok(()) => {
                        add(&self.broker.counts().users_swept, 1);
                        obstacles = 0;
                    }
                    Err(Obstacle::Gitlab(trouble)) => {
                        obstacles += 1;
                        add(&self.broker.counts().sweep_failures, 1);
                        tracing::warn!(
                            impersonation.user_id = user_id,
                            impersonation.code = trouble.code(),
                            "a user's tokens could not be looked through; they will be"
                        );
                    }
                }
                if urgent && matches!(end, Ok(true)) {
                    self.broker.issuances().looked_through(user_id).await?;
                }
            }
        }
        end
    }

    async fn note_everybody(&mut self) -> Result<(), QueueError> {
        let due = self.everybody.is_none_or(|at| at.elapsed() >= EVERYBODY_EVERY);
        if due && self.others.is_empty() {
            self.others = self.broker.issuances().users_with_tokens().await?.into();
            self.everybody = Some(Instant::now());
        }
        Ok(())
    }

    /// Revokes a user's orphans, and begins again until there is none: what is revoked moves the pages
    /// behind it.
    async fn look_through(&self, user_id: u64, stopped: &Stopped) -> Result<(), Obstacle> {
        for _ in 0..LISTED_AT_MOST {
            if !self.sweep(user_id, stopped).await? {
                break;
            }
        }
        Ok(())
    }

    /// Before each call to GitLab: whether it is still ours to make.
    async fn go_on(&self, stopped: &Stopped) -> Result<(), Obstacle> {
        if *stopped.borrow() || !self.broker.issuances().take_sweep(HOLD).await? {
            return Err(Obstacle::Released);
        }
        Ok(())
    }

    /// Whether anything was revoked.
    async fn sweep(&self, user_id: u64, stopped: &Stopped) -> Result<bool, Obstacle> {
        let issuances = self.broker.issuances();
        let marked = self.marked(user_id, stopped).await?;
        let ids: Vec<&str> = marked.iter().map(|(id, _)| id.as_str()).collect();
        if ids.is_empty() {
            return Ok(false);
        }
        let traces = issuances.traces(&ids).await?;
        let traces: HashMap<&str, &Trace> = traces.iter().map(|t| (t.id.as_str(), t)).collect();
        let mut revoked = false;
        for (id, token) in &marked {
            let trace = traces.get(id.as_str()).copied();
            if self.is_orphan(trace, token) {
                self.go_on(stopped).await?;
                self.revoke(user_id, id, token).await?;
                revoked = true;
            }
        }
        Ok(revoked)
    }

    /// The tokens of a user that carry our marker, each with its intent's name; all pages of them.
    async fn marked(
        &self,
        user_id: u64,
        stopped: &Stopped,
    ) -> Result<Vec<(String, ListedToken)>, Obstacle> {
        let instance = self.broker.issuances().instance();
        let mut marked = Vec::new();
        let mut page = Some(1);
        while let Some(number) = page {
            self.go_on(stopped).await?;
            let listed = self.broker.upstream().list(user_id, number).await;
            let listed = match listed {
                // A user who is gone has no tokens.
                Err(Trouble::Said(portcullis_gitlab::UserFailure::UnknownUser)) => break,
                listed => listed.map_err(Obstacle::Gitlab)?,
            };
            marked.extend(listed.items.into_iter().filter_map(|token| {
                let id = marker::intent(&token.name, instance)?.to_owned();
                Some((id, token))
            }));
            page = listed.next;
        }
        Ok(marked)
    }

    fn is_orphan(&self, trace: Option<&Trace>, token: &ListedToken) -> bool {
        match trace.map(|trace| trace.stage) {
            // Somebody may be about to hand it out.
            Some(Stage::Leased) => false,
            // The queue revokes the one that was handed out; another of the same name nobody knows of.
            Some(Stage::Issued { token_id }) => token_id.cast_unsigned() != token.id,
            Some(Stage::Lost | Stage::Ended) => true,
            None => self.is_old(token),
        }
    }

    /// Whether a token without an intent is older than any that is still to be revoked: the database was
    /// set back to a time before it.
    fn is_old(&self, token: &ListedToken) -> bool {
        let longest = self.broker.policy().longest_lifetime() + OLDER_BY;
        let age = token.created_at.map(|at| self.broker.issuances().now() - at);
        age.is_some_and(|age| age > longest)
    }

    async fn revoke(&self, user_id: u64, id: &str, token: &ListedToken) -> Result<(), Obstacle> {
        let existed = self.broker.upstream().revoke(user_id, token.id).await?;
        add(&self.broker.counts().orphans_revoked, 1);
        tracing::warn!(
            impersonation.user_id = user_id,
            impersonation.token_id = token.id,
            impersonation.issuance = id,
            impersonation.existed = existed,
            "a token that was made and never handed out was found, and is revoked"
        );
        self.broker.issuances().swept(id, token.id).await?;
        Ok(())
    }
}
