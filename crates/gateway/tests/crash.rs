//! A gateway under load is killed again and again. What it answered 204 to must be dead at GitLab
//! in the end, and nothing it left behind may hold a token.

#[path = "crash/process.rs"]
#[expect(dead_code, reason = "this binary needs a part of it only")]
mod process;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_base::{Randomness as _, SystemRandomness};
use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenState};
use process::{Place, Process};

const KILLS: usize = 6;
const LOADERS: usize = 4;
const BATCH: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let directory = portcullis_test_support::scratch_dir();
    nothing_acknowledged_is_lost(Place::Sqlite, directory.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    let database = portcullis_test_support::postgres().await;
    let directory = portcullis_test_support::scratch_dir();
    let place = Place::Postgres(database.url().to_owned());
    let tokens = nothing_acknowledged_is_lost(place, directory.path()).await;
    let dump = portcullis_test_support::dump(database.url());
    assert!(dump.contains("COPY public.revocations"), "the dump holds the rows");
    search(&dump, &tokens, "the database");
}

/// Returns the tokens that were reported.
async fn nothing_acknowledged_is_lost(place: Place, directory: &Path) -> Vec<String> {
    let gitlab = Arc::new(FakeGitlab::start());
    // Slow enough that every kill finds calls under way.
    gitlab.fault_always(Some(Fault::Delay(Duration::from_millis(15))));
    let mut process = Process::start(&place, directory, gitlab.url()).await;
    let load = Load::start(&gitlab, &process);
    for _ in 0..KILLS {
        load.wait_for_more(200).await;
        tokio::time::sleep(some_time()).await;
        process.kill();
        process.start_again().await;
    }
    load.wait_for_more(200).await;
    let acknowledged = load.stop().await;
    assert!(acknowledged.len() >= (KILLS + 1) * 200);
    gitlab.fault_always(None);

    all_die(&gitlab, &acknowledged).await;
    process.wait_until_nothing_waits().await;
    let ends = process.count_ends().await;
    let revoked = ends.get("revoked").copied().unwrap_or(0);
    assert!(revoked >= acknowledged.len(), "{ends:?}");
    assert_eq!(ends.len(), 1, "every one of them was alive, so every end is ours: {ends:?}");
    process.stop();
    search_files(directory, &acknowledged);
    acknowledged
}

/// Leases of killed processes run out first, so this takes a while on Postgres.
async fn all_die(gitlab: &FakeGitlab, tokens: &[String]) {
    for _ in 0..1200 {
        if tokens.iter().all(|token| gitlab.state(token) == Some(TokenState::Revoked)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let alive = tokens.iter().filter(|t| gitlab.state(t) != Some(TokenState::Revoked)).count();
    panic!("{alive} of {} acknowledged tokens are still alive", tokens.len());
}

fn some_time() -> Duration {
    let mut byte = [0];
    SystemRandomness.fill(&mut byte);
    Duration::from_millis(u64::from(byte[0]))
}

/// Reports fresh tokens all the time, and remembers those that were acknowledged.
struct Load {
    tasks: tokio::task::JoinSet<Vec<String>>,
    count: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Load {
    fn start(gitlab: &Arc<FakeGitlab>, process: &Process) -> Self {
        let (count, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let mut tasks = tokio::task::JoinSet::new();
        for loader in 0..LOADERS {
            let (count, stop) = (Arc::clone(&count), Arc::clone(&stop));
            let (gitlab, reporter) = (Arc::clone(gitlab), process.reporter());
            tasks.spawn(async move {
                let mut acknowledged = Vec::new();
                let mut round = 0;
                while !stop.load(Ordering::Relaxed) {
                    let tokens = fresh_tokens(loader, round);
                    round += 1;
                    gitlab.add_tokens(tokens.iter().map(String::as_str));
                    if reporter.report(&tokens).await {
                        count.fetch_add(tokens.len(), Ordering::Relaxed);
                        acknowledged.extend(tokens);
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                acknowledged
            });
        }
        Self { tasks, count, stop }
    }

    async fn wait_for_more(&self, more: usize) {
        let goal = self.count.load(Ordering::Relaxed) + more;
        for _ in 0..3000 {
            if self.count.load(Ordering::Relaxed) >= goal {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the gateway takes nothing any more");
    }

    async fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.concat()
    }
}

fn fresh_tokens(loader: usize, round: usize) -> Vec<String> {
    (0..BATCH).map(|n| format!("glpat-{loader:03}x{round:010}x{n:012}")).collect()
}

/// Every file that was left behind: database, logs, secrets.
fn search_files(directory: &Path, tokens: &[String]) {
    let mut searched = 0;
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let content = std::fs::read(&path).unwrap();
            search(&String::from_utf8_lossy(&content), tokens, &path.display().to_string());
            searched += content.len();
        }
    }
    assert!(searched > 10_000, "there were logs to search");
}

/// As it is, and in the forms in which a database or a log might hold it.
fn search(text: &str, tokens: &[String], place: &str) {
    // Every token begins alike, so one search finds them all; then each on its own would be said.
    for start in ["glpat-", &hex::encode("glpat-"), &hex::encode("glpat-").to_uppercase()] {
        if let Some(at) = text.find(start) {
            let found = tokens.iter().any(|t| text[at..].starts_with(t.as_str()));
            panic!("{place} holds {start} (a whole token: {found})");
        }
    }
}
