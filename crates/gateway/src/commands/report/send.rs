//! Sending, a thousand items at a time, with patience.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use portcullis_base::secret::ExposeSecret as _;
use serde_json::{Value, json};

use super::progress::Progress;
use super::tally::{Item, Tally};
use crate::commands::remote::{Again, Refusal, Rejected, Remote, RemoteError};

const BATCH: usize = 1000;

/// Between two tries where the gateway names no time; doubled up to a bound.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What was wrong with the delivery.
#[derive(Default)]
pub(super) struct Trouble {
    /// What the gateway did not take: how many of which type, by the gateway's code.
    pub(super) rejected: BTreeMap<(String, String), u64>,
    /// Why the delivery ended before its end.
    pub(super) ended: Option<RemoteError>,
}

/// Sends all items; counts are left in the tally.
pub(super) async fn all(
    remote: &Remote,
    tally: &mut Tally,
    patience: Duration,
    progress: &Progress,
) -> Trouble {
    let mut trouble = Trouble::default();
    let items = std::mem::take(&mut tally.items);
    // The next one is the last.
    let mut waiting = batches(items.len());
    while let Some(range) = waiting.pop() {
        let batch = &items[range.clone()];
        let sent = patiently(patience, progress, async || {
            remote.report(body(tally, batch)).await.and_then(|told| within(remote, batch, told))
        });
        match sent.await {
            Ok(rejected) => {
                settle(tally, batch, &rejected, &mut trouble);
                progress.advance(batch.len());
            }
            Err(Refusal { again: Again::Shorter, .. }) if batch.len() > 1 => {
                let middle = range.start + batch.len() / 2;
                waiting.extend([middle..range.end, range.start..middle]);
            }
            // One that is too large for the gateway by itself keeps no other one alive.
            Err(Refusal { again: Again::Shorter, .. }) => {
                let code = "too_large".to_owned();
                settle(tally, batch, &[Rejected { index: 0, code }], &mut trouble);
                progress.advance(batch.len());
            }
            Err(Refusal { error, .. }) => {
                trouble.ended = Some(error);
                waiting.push(range);
                break;
            }
        }
    }
    for item in waiting.into_iter().flat_map(|range| &items[range]) {
        tally.types[item.kind].1.undelivered += 1;
    }
    trouble
}

impl Trouble {
    pub(super) fn is_none(&self) -> bool {
        self.rejected.is_empty() && self.ended.is_none()
    }
}

/// Counts what would be sent.
pub(super) fn nothing(tally: &mut Tally) -> Trouble {
    for item in std::mem::take(&mut tally.items) {
        tally.types[item.kind].1.sent += 1;
    }
    Trouble::default()
}

/// Asks until there is an answer that will stay, or patience ends.
pub(super) async fn patiently<T>(
    patience: Duration,
    progress: &Progress,
    ask: impl AsyncFn() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let (began, mut pause) = (Instant::now(), PAUSE);
    loop {
        let refusal = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(refusal) => refusal,
        };
        let Again::Later(named) = refusal.again else { return Err(refusal) };
        // Whoever says "now" is not to be called all the time.
        let wait = named.unwrap_or(pause).max(PAUSE);
        if began.elapsed().saturating_add(wait) > patience {
            return Err(refusal);
        }
        progress.wait(wait, &refusal.error).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn batches(length: usize) -> Vec<Range<usize>> {
    let starts = (0..length).step_by(BATCH).rev();
    starts.map(|start| start..length.min(start + BATCH)).collect()
}

fn body(tally: &Tally, batch: &[Item]) -> Vec<u8> {
    let wire = |item: &Item| {
        // An item without a type would be none.
        let token_type = Some(&*tally.types[item.kind].0).filter(|name| !name.is_empty());
        json!({
            "type": token_type.unwrap_or("unknown"),
            "token": item.secret.expose_secret(),
            "location": item.location,
        })
    };
    let items: Value = batch.iter().map(wire).collect();
    items.to_string().into_bytes()
}

fn within(
    remote: &Remote,
    batch: &[Item],
    rejected: Vec<Rejected>,
) -> Result<Vec<Rejected>, Refusal> {
    if rejected.iter().all(|one| one.index < batch.len()) {
        return Ok(rejected);
    }
    let error = remote.not_ours(reqwest::StatusCode::BAD_REQUEST);
    Err(Refusal { error, again: Again::Never })
}

fn settle(tally: &mut Tally, batch: &[Item], rejected: &[Rejected], trouble: &mut Trouble) {
    let rejected: BTreeMap<usize, &str> =
        rejected.iter().map(|one| (one.index, one.code.as_str())).collect();
    for (index, item) in batch.iter().enumerate() {
        let (name, counts) = &mut tally.types[item.kind];
        match rejected.get(&index) {
            None => counts.sent += 1,
            // It might have been one of the gateway's own.
            Some(&"unsupported_type") if !item.offered => counts.not_offered += 1,
            Some(&code) => {
                counts.rejected += 1;
                *trouble.rejected.entry((name.clone(), code.to_owned())).or_default() += 1;
            }
        }
    }
}
