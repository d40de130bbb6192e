//! Clients of every kind who never stop asking, and what became of each request.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portcullis_base::http::{ClientOptions, client};
use portcullis_fake_gitlab::{FakeGitlab, JobSpec};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::step::Step;
use crate::client::TYPE;
use crate::config::REPORTER;

/// The user of the jobs.
pub(super) const BORROWER: u64 = 2;
/// Leaked tokens in one report.
const BATCH: usize = 5;
/// Between two requests of one client: it is the replicas that are tried here, not the machine.
const PAUSE: Duration = Duration::from_millis(40);
/// No client waits longer, and none may have to.
const TIMEOUT: Duration = Duration::from_secs(30);
/// As its form is, and signed by nobody.
const FORGED: &str = "gitpod_pat_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.0123456789012345678901234567890123456789";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Report,
    Auth,
    Lend,
    Resign,
    Forged,
    Keys,
    Health,
}

impl Kind {
    /// Each as often as there are clients who ask it.
    const CLIENTS: [Self; 11] = [
        Self::Report,
        Self::Report,
        Self::Report,
        Self::Auth,
        Self::Auth,
        Self::Lend,
        Self::Lend,
        Self::Resign,
        Self::Forged,
        Self::Keys,
        Self::Health,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Auth => "/auth",
            Self::Lend => "lend",
            Self::Resign => "re-sign",
            Self::Forged => "forged PAT",
            Self::Keys => "public keys",
            Self::Health => "/health",
        }
    }

    fn good(self) -> u16 {
        match self {
            Self::Report => 204,
            Self::Forged => 401,
            Self::Auth | Self::Lend | Self::Resign | Self::Keys | Self::Health => 200,
        }
    }

    /// Whether it cannot be answered without the database.
    pub(super) fn needs_database(self) -> bool {
        match self {
            // What is signed anew is an entry of the audit log.
            Self::Report | Self::Auth | Self::Lend | Self::Resign => true,
            Self::Forged | Self::Keys | Self::Health => false,
        }
    }
}

/// A stretch of the night; all steps of one kind are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Phase {
    /// Of two phases that a request touches, the worse one counts.
    rank: u8,
    pub(super) name: &'static str,
}

const CALM: Phase = Phase { rank: 0, name: "calm" };
/// The upgrade of replicas whose version does not drain.
pub(super) const WITHOUT_DRAIN: &str = "upgrade, not drained";

/// What became of the requests of a phase.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) requests: usize,
    /// By what was asked and the cause.
    pub(super) failed: BTreeMap<(Kind, String), usize>,
    pub(super) longest: Duration,
}

/// What came of all.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) phases: BTreeMap<Phase, Seen>,
    /// Leaked tokens whose report was answered 204.
    pub(super) acknowledged: HashSet<String>,
    /// Tokens that jobs were given.
    pub(super) lent: HashSet<String>,
    /// Reports that were sent again.
    pub(super) resent: usize,
}

/// Clients at work.
pub(super) struct Traffic {
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
}

struct Shared {
    http: reqwest::Client,
    url: String,
    gitlab: Arc<FakeGitlab>,
    pat: String,
    phase: Mutex<Phase>,
    done: Mutex<Done>,
    count: AtomicUsize,
    stop: AtomicBool,
}

impl Traffic {
    /// Against a balancer, with a PAT.
    pub(super) fn start(gitlab: &Arc<FakeGitlab>, url: &str, pat: String) -> Self {
        let options = ClientOptions { timeout: TIMEOUT, ..ClientOptions::default() };
        let shared = Arc::new(Shared {
            http: client(&options).expect("plain options make a client"),
            url: url.to_owned(),
            gitlab: Arc::clone(gitlab),
            pat,
            phase: Mutex::new(CALM),
            done: Mutex::default(),
            count: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        for kind in Kind::CLIENTS {
            tasks.spawn(ask_on(Arc::clone(&shared), kind));
        }
        Self { tasks, shared }
    }

    /// What happens from now on.
    pub(super) fn enter(&self, step: Option<Step>, old: bool) {
        *lock(&self.shared.phase) = match step {
            None => CALM,
            Some(Step::Upgrade(_)) if old => Phase { rank: 2, name: WITHOUT_DRAIN },
            Some(step @ Step::Upgrade(_)) => Phase { rank: 1, name: step.kind() },
            Some(step) => Phase { rank: 3, name: step.kind() },
        };
    }

    /// How many requests have failed so far.
    pub(super) fn failed(&self) -> usize {
        let done = lock(&self.shared.done);
        done.phases.values().flat_map(|seen| seen.failed.values()).sum()
    }

    pub(super) async fn stop(mut self) -> Done {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a client does not panic");
        }
        std::mem::take(&mut *lock(&self.shared.done))
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn ask_on(shared: Arc<Shared>, kind: Kind) {
    while !shared.stop.load(Ordering::Relaxed) {
        if kind == Kind::Report {
            shared.report_until_taken().await;
        } else if let Some(body) = shared.ask(kind, shared.request(kind)).await
            && kind == Kind::Lend
        {
            lock(&shared.done).lent.insert(body);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Shared {
    /// As GitLab does: what was not taken is sent again.
    async fn report_until_taken(&self) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let token = |n| format!("glpat-{number:013}x{n:013}");
        let tokens: Vec<String> = (0..BATCH).map(token).collect();
        self.gitlab.add_tokens(tokens.iter().map(String::as_str));
        let item = |token: &String| json!({"type": TYPE, "token": token, "location": "a/.env"});
        let items: Vec<Value> = tokens.iter().map(item).collect();
        loop {
            let request = self.to(Method::POST, "/v1/revoke_tokens");
            let request = request.header("Authorization", REPORTER).json(&items);
            if self.ask(Kind::Report, request).await.is_some() {
                lock(&self.done).acknowledged.extend(tokens);
                return;
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            lock(&self.done).resent += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn to(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    fn request(&self, kind: Kind) -> RequestBuilder {
        let jwt = || self.gitlab.mint_id_token(&JobSpec::default());
        match kind {
            Kind::Report => self.to(Method::POST, "/v1/revoke_tokens"),
            Kind::Auth => self.to(Method::GET, "/auth").bearer_auth(&self.pat),
            Kind::Lend => self.to(Method::GET, "/token").bearer_auth(jwt()),
            Kind::Resign => self.to(Method::POST, "/token").json(&json!({"token": jwt()})),
            Kind::Forged => self.to(Method::GET, "/auth").bearer_auth(FORGED),
            Kind::Keys => self.to(Method::GET, "/.well-known/jwks.json"),
            Kind::Health => self.to(Method::GET, "/health"),
        }
    }

    /// The body of the answer that was hoped for; any other is counted with its cause.
    async fn ask(&self, kind: Kind, request: RequestBuilder) -> Option<String> {
        let before = *lock(&self.phase);
        let began = Instant::now();
        let answer = answer(request, kind.good()).await;
        let took = began.elapsed();
        let phase = before.max(*lock(&self.phase));
        let mut done = lock(&self.done);
        let seen = done.phases.entry(phase).or_default();
        seen.requests += 1;
        seen.longest = seen.longest.max(took);
        if let Err(cause) = &answer {
            *seen.failed.entry((kind, cause.clone())).or_default() += 1;
        }
        answer.ok()
    }
}

async fn answer(request: RequestBuilder, good: u16) -> Result<String, String> {
    let response = request.send().await.map_err(|error| cause(&error))?;
    let status = response.status().as_u16();
    let says_when = response.headers().contains_key("retry-after");
    let body = response.text().await.map_err(|error| cause(&error))?;
    if status == good {
        return Ok(body);
    }
    let problem: Value = serde_json::from_str(&body).unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or("without a code");
    let when = if says_when { "" } else { " without Retry-After" };
    Err(format!("{status} {code}{when}"))
}

/// Why no answer came, or half of one.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    if error.is_connect() {
        return "refused".to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(deeper) = deepest.source() {
        deepest = deeper;
    }
    let text = deepest.to_string().to_lowercase();
    let cut_off = ["closed", "reset", "broken pipe", "eof", "end of file", "not complete"];
    if cut_off.iter().any(|word| text.contains(word)) { "cut off".to_owned() } else { text }
}
