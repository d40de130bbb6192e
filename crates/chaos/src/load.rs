//! Reports without end: fresh tokens, and some that others report at the same moment.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis_fake_gitlab::FakeGitlab;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use tokio::task::JoinSet;

use crate::client::Client;

const REPORTERS: u64 = 4;
const FRESH: usize = 20;
/// Of the tokens that any reporter has sent lately, in an order of one's own: batches overlap, and
/// no two agree on the order.
const KNOWN: usize = 5;
const LATELY: usize = 100;
const BETWEEN: Duration = Duration::from_millis(100);
/// As GitLab does, only sooner: what was not taken is sent again, whole.
const RESEND_AFTER: Duration = Duration::from_millis(50);

/// Reporters at work.
pub(crate) struct Load {
    tasks: JoinSet<Done>,
    shared: Arc<Shared>,
}

/// What was reported.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Every acknowledged token, and when it first was.
    pub(crate) acknowledged: HashMap<String, Instant>,
    /// Every token of a report, acknowledged or not.
    pub(crate) sent: HashSet<String>,
    /// Reports that were acknowledged.
    pub(crate) reports: usize,
    /// Reports that were not, and were sent again.
    pub(crate) resent: usize,
}

struct Shared {
    gitlab: Arc<FakeGitlab>,
    clients: Vec<Client>,
    lately: Mutex<VecDeque<String>>,
    count: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    pub(crate) fn start(gitlab: &Arc<FakeGitlab>, clients: &[Client], seed: u64) -> Self {
        let shared = Arc::new(Shared {
            gitlab: Arc::clone(gitlab),
            clients: clients.to_vec(),
            lately: Mutex::default(),
            count: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        for number in 0..REPORTERS {
            let rng = StdRng::seed_from_u64(seed ^ (number + 1));
            tasks.spawn(Reporter { number, rng, shared: Arc::clone(&shared) }.run());
        }
        Self { tasks, shared }
    }

    /// How many fresh tokens are acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.count.load(Ordering::Relaxed)
    }

    /// Whether that many are within `patience`.
    pub(crate) async fn reach(&self, goal: usize, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while self.acknowledged() < goal {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }

    pub(crate) async fn stop(self) -> Done {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut all = Done::default();
        for done in self.tasks.join_all().await {
            all.reports += done.reports;
            all.resent += done.resent;
            all.sent.extend(done.sent);
            for (token, at) in done.acknowledged {
                let first = all.acknowledged.entry(token).or_insert(at);
                *first = at.min(*first);
            }
        }
        all
    }
}

struct Reporter {
    number: u64,
    rng: StdRng,
    shared: Arc<Shared>,
}

impl Reporter {
    async fn run(mut self) -> Done {
        let mut done = Done::default();
        let mut round = 0;
        while !self.stopped() {
            let batch = self.batch(round);
            round += 1;
            done.sent.extend(batch.iter().cloned());
            if self.send(&batch, &mut done).await {
                let at = Instant::now();
                for token in batch {
                    done.acknowledged.entry(token).or_insert(at);
                }
                self.shared.count.fetch_add(FRESH, Ordering::Relaxed);
            }
            tokio::time::sleep(BETWEEN).await;
        }
        done
    }

    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    fn batch(&mut self, round: usize) -> Vec<String> {
        let token = |n| format!("glpat-{:03}x{round:010}x{n:012}", self.number);
        let fresh: Vec<String> = (0..FRESH).map(token).collect();
        self.shared.gitlab.add_tokens(fresh.iter().map(String::as_str));
        let mut lately = self.shared.lately.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lately.make_contiguous().sample(&mut self.rng, KNOWN).cloned();
        let mut batch: Vec<String> = known.chain(fresh.iter().cloned()).collect();
        lately.extend(fresh);
        let surplus = lately.len().saturating_sub(LATELY);
        lately.drain(..surplus);
        drop(lately);
        batch.shuffle(&mut self.rng);
        batch
    }

    /// Sends it to one gateway after the other until it is acknowledged, or the load is over.
    async fn send(&mut self, batch: &[String], done: &mut Done) -> bool {
        while !self.stopped() {
            let Some(client) = self.shared.clients.choose(&mut self.rng) else { return false };
            if client.report(batch).await {
                done.reports += 1;
                return true;
            }
            done.resent += 1;
            tokio::time::sleep(RESEND_AFTER).await;
        }
        false
    }
}
