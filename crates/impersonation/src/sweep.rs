//! Looking for tokens that GitLab made and nobody heard of, and revoking them.
//!
//! One replica at a time looks through the tokens of the users concerned. What it may revoke carries the
//! marker of this installation and belongs to nobody any more: its intent can no longer be turned into a
//! token that is handed out, or there is no intent at all and the token is older than any could be.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use portcullis_gitlab::ListedToken;
use portcullis_revocation::QueueError;
use portcullis_revocation::issuance::{Stage, Trace};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Broker;
use crate::marker;
use crate::upstream::Trouble;

/// How often is looked for what to do.
const EVERY: Duration = Duration::from_secs(5);

/// How long the duty is held without being taken on again: for so long nobody sweeps after the replica that
/// did was killed. Two that sweep at once do no harm.
const HOLD: Duration = Duration::from_secs(15);

/// So many users in a row of whom GitLab says nothing, and it is left alone until the next time.
const OBSTACLES: u32 = 3;

/// Users with open intents that are looked through in one go.
const AT_MOST: u32 = 100;

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
        let sweeper = Sweeper { broker, others: VecDeque::new(), everybody: None, forgot: None };
        Self { stop, task: tokio::spawn(sweeper.run(stopped)) }
    }

    /// Looks for nothing more, and returns when the call under way has been answered.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A panic of its own was logged by the runtime.
        drop(self.task.await);
    }
}

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
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            if let Err(error) = self.go(&stopped).await {
                tracing::warn!(error = %error, "the sweep could not be done");
                // Who was still to be looked through is not known any more.
                self.everybody = None;
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stopped.changed() => {}
            }
        }
    }

    /// What is most urgent first.
    async fn go(&mut self, stopped: &watch::Receiver<bool>) -> Result<(), QueueError> {
        let issuances = self.broker.issuances().clone();
        if !issuances.take_sweep(HOLD).await? {
            self.everybody = None;
            return Ok(());
        }
        self.note_everybody().await?;
        let mut users: Vec<(u64, bool)> =
            issuances.to_sweep(AT_MOST).await?.into_iter().map(|user| (user, true)).collect();
        let others = OTHERS_AT_MOST.min(self.others.len());
        users.extend(self.others.drain(..others).map(|user| (user, false)));
        let outcome = self.look_through_all(&users, stopped).await;
        if self.forgot.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
            issuances.forget(KEEP).await?;
            self.forgot = Some(Instant::now());
        }
        outcome
    }

    /// One user after the other; of each it is known whether an intent of theirs is open. A user of whom
    /// nothing can be learnt comes last the next time and holds nobody else up, but a GitLab that is down
    /// is not asked about everybody.
    async fn look_through_all(
        &mut self,
        users: &[(u64, bool)],
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), QueueError> {
        let mut obstacles = 0;
        for (place, &(user_id, open)) in users.iter().enumerate() {
            let given_up = obstacles >= OBSTACLES;
            if given_up || *stopped.borrow() || !self.broker.issuances().take_sweep(HOLD).await? {
                let left = users[place..].iter().filter(|(_, open)| !open);
                self.others.extend(left.map(|(user, _)| user));
                return Ok(());
            }
            let looked = self.look_through(user_id).await;
            if open {
                self.broker.issuances().looked_through(user_id).await?;
            } else if looked.is_err() {
                self.others.push_back(user_id);
            }
            match looked {
                Ok(()) => obstacles = 0,
                Err(Obstacle::Gitlab(trouble)) => {
                    obstacles += 1;
                    tracing::warn!(
                        impersonation.user_id = user_id,
                        impersonation.code = trouble.code(),
                        "a user's tokens could not be looked through; they will be"
                    );
                }
                Err(Obstacle::Queue(error)) => return Err(error),
            }
        }
        Ok(())
    }

    async fn note_everybody(&mut self) -> Result<(), QueueError> {
        if self.everybody.is_none_or(|at| at.elapsed() >= EVERYBODY_EVERY) {
            self.others = self.broker.issuances().users_with_tokens().await?.into();
            self.everybody = Some(Instant::now());
        }
        Ok(())
    }

    /// Revokes a user's orphans, and begins again until there is none: what is revoked moves the pages
    /// behind it.
    async fn look_through(&self, user_id: u64) -> Result<(), Obstacle> {
        while self.sweep(user_id).await? {}
        Ok(())
    }

    /// Whether anything was revoked.
    async fn sweep(&self, user_id: u64) -> Result<bool, Obstacle> {
        let issuances = self.broker.issuances();
        let marked = self.marked(user_id).await?;
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
                self.revoke(user_id, id, token).await?;
                revoked = true;
            }
        }
        Ok(revoked)
    }

    /// The tokens of a user that carry our marker, each with its intent's name; all pages of them.
    async fn marked(&self, user_id: u64) -> Result<Vec<(String, ListedToken)>, Trouble> {
        let instance = self.broker.issuances().instance();
        let mut marked = Vec::new();
        let mut page = Some(1);
        while let Some(number) = page {
            let listed = self.broker.upstream().list(user_id, number).await;
            let listed = match listed {
                // A user who is gone has no tokens.
                Err(Trouble::Said(portcullis_gitlab::UserFailure::UnknownUser)) => break,
                listed => listed?,
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
