//! An instance that answers nobody must not take all places of the others.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Calls in a row that nobody answered in time, after which an instance is taken to hang.
const ENOUGH: u32 = 3;

/// Calls at a time that find out whether a hanging instance answers again.
const PROBES: usize = 2;

/// How one instance has answered of late.
#[derive(Debug)]
pub(super) struct Patience {
    unanswered: AtomicU32,
    probes: Semaphore,
}

/// Leave to make a call; given back when dropped.
#[derive(Debug)]
pub(super) struct Leave<'a>(Option<SemaphorePermit<'a>>);

impl Patience {
    pub(super) fn new() -> Self {
        Self { unanswered: AtomicU32::new(0), probes: Semaphore::new(PROBES) }
    }

    /// Leave to make a call; `None` where the instance hangs and is being probed already.
    pub(super) fn leave(&self) -> Option<Leave<'_>> {
        if self.unanswered.load(Ordering::Relaxed) < ENOUGH {
            return Some(Leave(None));
        }
        self.probes.try_acquire().ok().map(|probe| Leave(Some(probe)))
    }

    /// Takes note of whether a call was answered in time, and tells the log of a change.
    pub(super) fn note(&self, leave: &Leave<'_>, gitlab: &str, answered: bool) {
        if !answered {
            if self.unanswered.fetch_add(1, Ordering::Relaxed) + 1 == ENOUGH {
                tracing::warn!(
                    revocation.gitlab = gitlab,
                    "this GitLab does not answer in time; until it does, few calls are made to it"
                );
            }
            return;
        }
        self.unanswered.store(0, Ordering::Relaxed);
        if leave.is_probe() {
            tracing::info!(revocation.gitlab = gitlab, "this GitLab answers again");
        }
    }
}

impl Leave<'_> {
    fn is_probe(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hanging_instance_is_only_probed_until_it_answers() {
        let patience = Patience::new();
        for _ in 0..ENOUGH {
            let leave = patience.leave().unwrap();
            assert!(!leave.is_probe());
            patience.note(&leave, "fake", false);
        }
        let probes: Vec<_> = (0..PROBES).map(|_| patience.leave().unwrap()).collect();
        assert!(probes.iter().all(Leave::is_probe));
        assert!(patience.leave().is_none(), "nobody else waits for it");
        drop(probes);
        let probe = patience.leave().unwrap();
        assert!(probe.is_probe());
        patience.note(&probe, "fake", true);
        assert!(!patience.leave().unwrap().is_probe());
    }
}
