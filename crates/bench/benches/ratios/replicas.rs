//! One gateway and three on one Postgres.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use portcullis_fake_gitlab::{FakeGitlab, Fault};

use crate::claims::workers_rate;
use crate::database::Database;
use crate::measure::{median, per_second};
use crate::process::Gateway;
use crate::queue::token;
use crate::row::Row;

const SECRETS: usize = 2_400;
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the provider takes for each of the two requests that a secret needs.
const ANSWER: Duration = Duration::from_millis(20);

const DELETE: (&str, &str) = ("DELETE", "/api/v4/personal_access_tokens/self");

pub(crate) async fn rows() -> Vec<Row> {
    let (one, three) = (slow_provider(1).await, slow_provider(3).await);
    let mut rates = [(1, Vec::new()), (3, Vec::new())];
    for _ in 0..3 {
        for (workers, rates) in &mut rates {
            rates.push(workers_rate(*workers).await);
        }
    }
    let [one_at_once, three_at_once] = rates.map(|(_, rates)| median(rates));
    vec![
        Row::ratio(
            "three replicas against one, a provider that takes 20 ms",
            "revoked a second",
            three.rate,
            one.rate,
            2.5,
        ),
        Row::ratio(
            "three workers against one, a provider that answers at once",
            "rows a second",
            three_at_once,
            one_at_once,
            0.9,
        ),
        Row::bound("secrets that three replicas revoked twice", "secrets", three.twice, 0.0),
    ]
}

struct Seen {
    rate: f64,
    /// Secrets whose deletion was asked for more than once.
    twice: f64,
}

/// Real processes: what a replica adds is places for calls that wait.
async fn slow_provider(replicas: usize) -> Seen {
    let (database, gitlab) = (Database::postgres().await, FakeGitlab::start());
    let tokens: Vec<String> = (0..SECRETS).map(token).collect();
    gitlab.add_tokens(tokens.iter().map(String::as_str));
    gitlab.fault_always(Some(Fault::Delay(ANSWER)));
    let mut gateways = Vec::new();
    for _ in 0..replicas {
        gateways.push(Gateway::start(&database.url(), Some(gitlab.url())).await.0);
    }
    let begun = Instant::now();
    gateways[0].report(&tokens).await;
    while gitlab.count(DELETE.0, DELETE.1) < SECRETS {
        assert!(begun.elapsed() < PATIENCE, "not all were revoked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Time for a second call to come, if one does.
    tokio::time::sleep(Duration::from_secs(1)).await;
    seen(&gitlab)
}

fn seen(gitlab: &FakeGitlab) -> Seen {
    let mut deletions = gitlab.requests();
    deletions.retain(|request| request.method == DELETE.0);
    let (first, last) = (deletions[0].at, deletions[deletions.len() - 1].at);
    let mut times: HashMap<Option<String>, u32> = HashMap::new();
    for deletion in &deletions {
        *times.entry(deletion.private_token.clone()).or_default() += 1;
    }
    assert_eq!(times.len(), SECRETS, "each was asked for");
    let twice = times.values().filter(|times| **times > 1).count();
    Seen {
        rate: per_second(deletions.len() - 1, last - first),
        twice: f64::from(u32::try_from(twice).expect("it fits")),
    }
}
