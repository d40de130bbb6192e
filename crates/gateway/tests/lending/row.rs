//! One death, and what is left of it.

use std::time::{Duration, Instant};

use portcullis_base::fault::Point;
use portcullis_chaos::{Client, Place, Process, Searched, Setup, Words, faulty_beside};
use portcullis_fake_gitlab::{FakeGitlab, Fault, JobSpec, RecordedRequest, TokenState};
use portcullis_test_support::{PgDatabase, dump, postgres, scratch_dir};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::support::broker::{ADMIN_TOKEN, broker_toml, gitlab, jwt};

/// The user of the jobs.
const BORROWER: u64 = 2;

/// How long a token is lent for: longer than the gateway takes to come back, so that one that is revoked
/// at once when it comes back is seen to be revoked too early.
const LIFETIME: Duration = Duration::from_secs(6);

/// Databases count whole milliseconds.
const GRAIN: Duration = Duration::from_millis(2);

/// Until a lease of 20 s has run out on Postgres and the duty of the dead has passed to its successor, on
/// a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A question to GitLab: its method, and how its path begins or ends.
pub(crate) type Question = (&'static str, &'static str);

/// Whether the user is an administrator.
pub(crate) const USER: Question = ("GET", "/api/v4/users/2");
/// For a token.
pub(crate) const MAKE: Question = ("POST", "/impersonation_tokens");
/// For the tokens of the user.
pub(crate) const LIST: Question = ("GET", "/impersonation_tokens");
/// For the end of one.
pub(crate) const DELETE: Question = ("DELETE", "/api/v4/users/2/impersonation_tokens/");

/// Starts at a time: all at once would leave none of those that are up the time to answer.
static STARTS: Semaphore = Semaphore::const_new(4);

/// Nothing comes of it while anybody looks.
pub(crate) const NEVER: Duration = Duration::from_hours(1);
/// It is done after the gateway has come back, and has looked for it in vain.
pub(crate) const LATE: Duration = Duration::from_secs(9);

/// Where it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// By itself, at a point on the way to the token's receiver.
    Making(Point),
    /// From outside, while GitLab does not answer this, but does it so much later.
    Asking(Question, Duration),
    /// From outside, when the token was handed out.
    Given,
    /// By itself, at a point on the way to the end of a token that was handed out.
    Revoking(Point),
    /// By itself, when it sweeps for a token that died with its maker.
    Sweeping(Point),
    /// From outside, when it sweeps so and GitLab does not answer this.
    SweepingAsking(Question),
}

/// A death, and what must come of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) death: Death,
    /// Tokens that GitLab made.
    pub(crate) made: usize,
    /// Deletions that it was asked for.
    pub(crate) deletions: usize,
    /// Whether the token is revoked by the queue, when it is due: else by the sweep.
    pub(crate) planned: bool,
}

impl Row {
    pub(crate) async fn survive(self, server: bool) {
        let mut world = World::start(server).await;
        let given = world.die(self.death).await;
        assert!(self.planned || given.is_none(), "what nobody knows of cannot have been given");
        world.process.start_again().await;
        world.settle(self).await;
        if self.planned {
            world.assert_not_too_early();
        }
        world.assert_nothing_told().await;
    }
}

/// A GitLab, a gateway, and a job that asks it for a token.
struct World {
    gitlab: FakeGitlab,
    process: Process,
    jwt: String,
    folder: TempDir,
    database: Option<PgDatabase>,
}

impl World {
    async fn start(server: bool) -> Self {
        let gitlab = gitlab();
        let folder = scratch_dir();
        let database = if server { Some(postgres().await) } else { None };
        let place = database.as_ref();
        let place = place.map_or(Place::Sqlite, |there| Place::Postgres(there.url().to_owned()));
        let setup = Setup {
            binary: faulty_beside(env!("CARGO_BIN_EXE_portcullis").as_ref()),
            place,
            directory: folder.path().to_owned(),
            gitlab: gitlab.url().to_owned(),
            max_batch: 1000,
            call_timeout: Duration::from_secs(10),
            more: broker_toml(&gitlab, &format!("revoke_seconds = {}", LIFETIME.as_secs())),
        };
        let turn = STARTS.acquire().await.unwrap();
        let process = Process::start(setup).await;
        drop(turn);
        let jwt = jwt(&gitlab, &JobSpec { user_id: BORROWER, ..JobSpec::default() });
        Self { gitlab, process, jwt, folder, database }
    }

    /// The token, where one was handed out before the gateway died.
    async fn die(&mut self, death: Death) -> Option<String> {
        match death {
            Death::Making(point) => {
                self.process.arm(point).await;
                let asked = self.borrow();
                self.was_killed().await;
                asked.await.unwrap()
            }
            Death::Asking(question, done_after) => {
                self.leave_unanswered(question, done_after);
                let asked = self.borrow();
                self.kill_while_asking(question).await;
                asked.await.unwrap()
            }
            Death::Given => {
                let given = self.borrow().await.unwrap();
                self.process.kill();
                Some(given.expect("a token was to be handed out"))
            }
            Death::Revoking(point) => {
                self.process.arm(point).await;
                let given = self.borrow().await.unwrap();
                self.was_killed().await;
                Some(given.expect("a token was to be handed out"))
            }
            Death::Sweeping(point) => {
                self.die_with_a_token().await;
                // It sweeps as soon as it is there: not with success, before it has its orders.
                let away = Fault::Status { status: 503, retry_after: None };
                self.gitlab.fault_always(Some(away));
                self.process.start_again().await;
                self.process.arm(point).await;
                self.gitlab.fault_always(None);
                self.was_killed().await;
                None
            }
            Death::SweepingAsking(question) => {
                self.die_with_a_token().await;
                self.leave_unanswered(question, NEVER);
                self.process.start_again().await;
                self.kill_while_asking(question).await;
                None
            }
        }
    }

    /// GitLab has made a token, and nobody else knows of it.
    async fn die_with_a_token(&mut self) {
        self.process.arm(Point::Created).await;
        let asked = self.borrow();
        self.was_killed().await;
        assert_eq!(asked.await.unwrap(), None);
    }

    /// The job's call: a token, or `None` where the connection broke. It comes again where GitLab's keys cannot be
    /// had, as may be of a gateway that starts beside so many.
    fn borrow(&self) -> JoinHandle<Option<String>> {
        let (client, jwt): (Client, String) = (self.process.client().clone(), self.jwt.clone());
        tokio::spawn(async move {
            let until = Instant::now() + PATIENCE;
            loop {
                let (status, answer) = client.borrow(&jwt).await.ok()?;
                if !answer.contains("issuer_unavailable") || Instant::now() > until {
                    assert_eq!(status, 200, "{answer}");
                    return Some(answer);
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    async fn was_killed(&mut self) {
        assert!(self.process.was_killed(PATIENCE).await, "it lived on");
    }

    fn leave_unanswered(&self, question: Question, done_after: Duration) {
        let fault = Fault::LateUnanswered(done_after);
        self.gitlab.fault_next_at(question.0, question.1, 1, fault);
    }

    async fn kill_while_asking(&mut self, question: Question) {
        let until = Instant::now() + PATIENCE;
        while self.asked(question).is_empty() {
            assert!(Instant::now() < until, "GitLab was not asked");
            tokio::time::sleep(PAUSE).await;
        }
        self.process.kill();
    }

    fn asked(&self, (method, path): Question) -> Vec<RecordedRequest> {
        let mut requests = self.gitlab.requests();
        requests.retain(|request| {
            request.method == method
                && (request.path.starts_with(path) || request.path.ends_with(path))
        });
        requests
    }

    /// Nothing is alive, nothing waits, and no more was done than had to be.
    async fn settle(&self, row: Row) {
        let looks_again = row.death != Death::Asking(USER, NEVER) && !row.planned;
        let settled = async {
            loop {
                let ends = self.process.client().count_ends().await;
                let ended = ends.get("revoked") == Some(&1).filter(|_| row.planned);
                let looked = !looks_again || !self.asked(LIST).is_empty();
                let all = ended && ends.len() == usize::from(row.planned);
                if all && looked && self.tokens() == (row.made, 0) {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let settled = tokio::time::timeout(PATIENCE, settled).await;
        assert!(settled.is_ok(), "made, alive: {:?}, {:#?}", self.tokens(), self.asked(DELETE));
        assert_eq!(self.asked(DELETE).len(), row.deletions, "deletions");
    }

    /// How many tokens were made, and how many of them live.
    fn tokens(&self) -> (usize, usize) {
        let made = self.gitlab.impersonation_tokens(BORROWER);
        let alive = made.iter().filter(|token| token.state == TokenState::Active).count();
        (made.len(), alive)
    }

    fn assert_not_too_early(&self) {
        let made: Instant = self.asked(MAKE)[0].at;
        let lived = self.asked(DELETE)[0].at - made;
        assert!(lived + GRAIN >= LIFETIME, "it was lent for {LIFETIME:?} and lived {lived:?}");
    }

    /// No token, no JWT and no credential is in the clear in what is left on the disk.
    async fn assert_nothing_told(self) {
        self.process.stop().await;
        let made = self.gitlab.impersonation_tokens(BORROWER);
        let secrets =
            made.iter().map(|token| token.token.as_str()).chain([&*self.jwt, ADMIN_TOKEN]);
        let words = Words::hidden(secrets.map(|secret| secret.as_bytes().to_vec()));
        let mut searched = Searched::default();
        searched.folder(self.folder.path(), &words);
        if let Some(database) = &self.database {
            let url = database.url().to_owned();
            let text = tokio::task::spawn_blocking(move || dump(&url)).await.unwrap();
            assert!(text.contains("issuances"), "the dump holds the tables");
            searched.content(text.as_bytes(), "the dump", &words);
        }
        assert!(searched.files > 1 && searched.found.is_empty(), "{searched:#?}");
    }
}
