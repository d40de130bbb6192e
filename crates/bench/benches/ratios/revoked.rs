//! From the report of one secret to its death: over HTTP, the provider answering at once, nothing
//! else in the queue.

use std::time::{Duration, Instant};

use portcullis_fake_gitlab::{FakeGitlab, TokenState};

use crate::database::Database;
use crate::measure::{median, millis, percentile, worst};
use crate::process::Gateway;
use crate::queue::token;
use crate::row::Row;

const SAMPLES: usize = 300;
const BETWEEN: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn rows() -> Vec<Row> {
    vec![row(&Database::sqlite()).await, row(&Database::postgres().await).await]
}

async fn row(database: &Database) -> Row {
    let gitlab = FakeGitlab::start();
    let tokens: Vec<String> = (0..=SAMPLES).map(token).collect();
    gitlab.add_tokens(tokens.iter().map(String::as_str));
    let (gateway, _) = Gateway::start(&database.url(), Some(gitlab.url())).await;
    let (mut last, mut times) = (None, Vec::new());
    for token in tokens {
        let begun = Instant::now();
        gateway.report(std::slice::from_ref(&token)).await;
        wait(begun, async || (gitlab.state(&token) == Some(TokenState::Revoked)).then_some(()))
            .await;
        last = Some(wait(begun, || gateway.revoked_after(last.as_deref())).await);
        times.push(millis(begun.elapsed()));
        tokio::time::sleep(BETWEEN).await;
    }
    // The first one opened every connection.
    times.remove(0);
    let what = format!("report to revoked on {}, p99 of {SAMPLES}", database.name());
    let note =
        format!("the worst is {:.0} ms, the median {:.1} ms", worst(&times), median(times.clone()));
    Row::bound(what, "ms", percentile(times, 99), 250.0).noting(note)
}

/// Asks every half millisecond.
async fn wait<T>(begun: Instant, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "it is never revoked");
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
}
