//! Tokens of the gateway's own: minted, used, leaked, and refused by every replica ever after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, JoinSet};

use crate::client::{Client, Minted};

/// The longest that any replica may take a leaked token for a good one.
const PROMISE: Duration = Duration::from_secs(5);
/// How long each is watched.
const WATCHED: Duration = Duration::from_secs(8);
const BETWEEN: Duration = Duration::from_millis(200);

/// A task that leaks one token after the other.
pub(crate) struct Leaks {
    task: JoinHandle<Seen>,
    stop: Arc<AtomicBool>,
}

/// What came of the leaked tokens.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Those whose report was acknowledged.
    pub(crate) leaked: Vec<Minted>,
    /// How many were reported, acknowledged or not.
    pub(crate) sent: usize,
    /// Times at which one was let in before it was reported.
    pub(crate) used: usize,
    /// How long after its report a token was last let in anywhere.
    pub(crate) longest: Duration,
    /// Times at which one was let in that may not be.
    pub(crate) violations: Vec<String>,
}

impl Leaks {
    pub(crate) fn start(clients: &[Client]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(leak(clients.to_vec(), Arc::clone(&stop)));
        Self { task, stop }
    }

    pub(crate) async fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the task does not panic")
    }
}

async fn leak(clients: Vec<Client>, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let mut watches = JoinSet::new();
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(BETWEEN).await;
        turn += 1;
        let client = &clients[turn % clients.len()];
        let Ok(minted) = client.mint().await else { continue };
        // Used everywhere, so that every replica remembers it.
        for client in &clients {
            seen.used += usize::from(lets_in(client, &minted).await);
        }
        seen.sent += 1;
        let secret = [minted.token.clone()];
        while !client.report(&secret).await && !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(BETWEEN).await;
        }
        // Where the last one failed nothing was promised; where it was the end, neither.
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let reported = Instant::now();
        for client in &clients {
            watches.spawn(watch(client.clone(), minted.clone(), reported));
        }
        seen.leaked.push(minted);
    }
    while let Some(longest) = watches.join_next().await {
        let longest = longest.expect("a watch does not panic");
        seen.longest = seen.longest.max(longest);
        if longest > PROMISE {
            seen.violations.push(format!("a leaked token was let in {longest:?} after its report"));
        }
    }
    seen
}

/// How long after the report the gateway last let the token in. Counts from the question: the answer
/// may have taken its time.
async fn watch(client: Client, minted: Minted, reported: Instant) -> Duration {
    let mut longest = Duration::ZERO;
    while reported.elapsed() < WATCHED {
        let asked = reported.elapsed();
        if lets_in(&client, &minted).await {
            longest = asked;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    longest
}

/// One that is dead, hangs or cannot ask its database lets nobody in.
async fn lets_in(client: &Client, minted: &Minted) -> bool {
    let asked = tokio::time::timeout(Duration::from_secs(1), client.auth(minted)).await;
    matches!(asked, Ok(Ok(200)))
}

/// Every leaked token is refused by every gateway. Returns what is not.
pub(crate) async fn all_refused(clients: &[Client], leaked: &[Minted]) -> Vec<String> {
    let mut violations = Vec::new();
    for minted in leaked {
        for (number, client) in clients.iter().enumerate() {
            let mut answer = client.auth(minted).await;
            // A connection that was kept may be closed just when it is used again: that is no answer.
            for _ in 0..3 {
                if answer.is_err() {
                    answer = client.auth(minted).await;
                }
            }
            match answer {
                Ok(401) => {}
                other => violations.push(format!(
                    "gateway {} answers {other:?} to a leaked token in the end",
                    number + 1
                )),
            }
        }
    }
    violations
}
