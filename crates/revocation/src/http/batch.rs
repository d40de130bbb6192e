//! Secrets that go to the vendor together: whoever comes first takes along all who wait.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portcullis_base::secret::SecretString;
use tokio::sync::oneshot;

use crate::provider::{Finding, Verdict};

/// How long the first one waits for others.
const GATHER: Duration = Duration::from_millis(25);

/// One secret on its way, and where its verdict goes.
pub(crate) type Waiting<T = SecretString> = (T, oneshot::Sender<Verdict>);

/// The secrets that wait for a request.
#[derive(Debug)]
pub(crate) struct Batcher<T = SecretString> {
    waiting: Mutex<Vec<Waiting<T>>>,
    /// Held by whoever sends for all.
    turn: tokio::sync::Mutex<()>,
}

impl<T> Default for Batcher<T> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<T> Batcher<T> {
    /// Adds a secret, and gives its verdict. `send` is called by one of all who wait, with at most `most`
    /// secrets, and must answer each of them.
    pub(crate) async fn join<F: Future<Output = ()>>(
        &self,
        secret: T,
        most: usize,
        send: impl Fn(Vec<Waiting<T>>) -> F,
    ) -> Verdict {
        let (answer, mut verdict) = oneshot::channel();
        self.lock().push((secret, answer));
        loop {
            tokio::select! {
                biased;
                heard = &mut verdict => return heard.unwrap_or_else(|_| lost()),
                _turn = self.turn.lock() => {
                    tokio::time::sleep(GATHER).await;
                    let batch = self.take(most);
                    if !batch.is_empty() {
                        send(batch).await;
                    }
                }
            }
        }
    }

    /// Those of whom nobody listens any more were given back to the queue: they come again.
    fn take(&self, most: usize) -> Vec<Waiting<T>> {
        let mut waiting = self.lock();
        waiting.retain(|(_, answer)| !answer.is_closed());
        let rest = waiting.len().min(most);
        waiting.drain(..rest).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting<T>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever sent for it ran out of time under way.
fn lost() -> Verdict {
    Verdict::new(Finding::Retry { after: None, uncertain: true }, "deadline")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn all_who_wait_go_together_and_each_hears_once() {
        let batcher = Arc::new(Batcher::default());
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let calls = (0..7).map(|i| {
            let (batcher, sizes) = (Arc::clone(&batcher), Arc::clone(&sizes));
            tokio::spawn(async move {
                let send = |batch: Vec<Waiting>| {
                    sizes.lock().unwrap().push(batch.len());
                    async {
                        for (_, answer) in batch {
                            answer.send(Verdict::new(Finding::Submitted, "sent")).unwrap();
                        }
                    }
                };
                batcher.join(SecretString::from(format!("secret {i}")), 4, send).await
            })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap().finding, Finding::Submitted);
        }
        assert_eq!(*sizes.lock().unwrap(), [4, 3]);
    }

    #[tokio::test]
    async fn where_the_sender_dies_the_others_go_on() {
        let batcher = Arc::new(Batcher::default());
        let first = tokio::spawn({
            let batcher = Arc::clone(&batcher);
            async move {
                let never = |batch| async move {
                    let _kept: Vec<Waiting> = batch;
                    std::future::pending::<()>().await;
                };
                batcher.join(SecretString::from("first"), 1, never).await
            }
        });
        tokio::time::sleep(3 * GATHER).await;
        let second = tokio::spawn({
            let batcher = Arc::clone(&batcher);
            async move {
                let send = |batch: Vec<Waiting>| async {
                    for (_, answer) in batch {
                        drop(answer.send(Verdict::new(Finding::Submitted, "sent")));
                    }
                };
                batcher.join(SecretString::from("second"), 1, send).await
            }
        });
        first.abort();
        assert_eq!(second.await.unwrap().finding, Finding::Submitted);
    }
}
