//! Secrets that go to the vendor together: whoever comes first takes along all who wait.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_base::secret::SecretString;
use tokio::sync::oneshot;

use super::again;
use super::time::Time;
use crate::provider::Verdict;

/// How long the first one waits for others.
const GATHER: Duration = Duration::from_millis(25);

/// One secret on its way, and where its verdict goes.
pub(crate) type Waiting<T = SecretString> = (T, oneshot::Sender<Verdict>);

/// Who makes the request for many.
pub(crate) trait Carrier<T> {
    /// Sends all of them in one request, and says what came of it.
    fn carry(&self, all: &[Waiting<T>], time: Time) -> impl Future<Output = Verdict> + Send;

    /// Whether the vendor may have meant one of many.
    fn takes_exception(verdict: &Verdict) -> bool;
}

/// The secrets that wait for a request.
#[derive(Debug)]
pub(crate) struct Batcher<T = SecretString> {
    queue: Mutex<Queue<T>>,
    /// Held by whoever sends for all.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Queue<T> {
    next: u64,
    /// Each with its number, the oldest first.
    waiting: Vec<(u64, Waiting<T>)>,
}

impl<T> Default for Batcher<T> {
    fn default() -> Self {
        let queue = Queue { next: 0, waiting: Vec::new() };
        Self { queue: Mutex::new(queue), turn: tokio::sync::Mutex::default() }
    }
}

impl<T> Batcher<T> {
    /// Adds a secret, and gives its verdict. One of all who wait sends, at most `most` secrets at a time and
    /// within its own time: turns come in the order of coming, so that whoever is taken along has no less.
    pub(crate) async fn join(
        &self,
        secret: T,
        most: usize,
        time: Time,
        carrier: &impl Carrier<T>,
    ) -> Verdict {
        let (answer, mut verdict) = oneshot::channel();
        let number = self.add((secret, answer));
        loop {
            tokio::select! {
                biased;
                heard = &mut verdict => return heard.unwrap_or_else(|_| lost()),
                () = tokio::time::sleep_until(time.begin.into()) => break,
                _turn = self.turn.lock() => {
                    tokio::time::sleep(GATHER).await;
                    send(self.take(most), time, carrier).await;
                }
            }
        }
        if self.leave(number) { late() } else { verdict.await.unwrap_or_else(|_| lost()) }
    }

    fn add(&self, one: Waiting<T>) -> u64 {
        let mut queue = self.lock();
        queue.next += 1;
        let number = queue.next;
        queue.waiting.push((number, one));
        number
    }

    /// Those of whom nobody listens any more were given back to the queue: they come again.
    fn take(&self, most: usize) -> Vec<Waiting<T>> {
        let mut queue = self.lock();
        queue.waiting.retain(|(_, (_, answer))| !answer.is_closed());
        let first = queue.waiting.len().min(most);
        queue.waiting.drain(..first).map(|(_, one)| one).collect()
    }

    /// Whether it was waiting yet.
    fn leave(&self, number: u64) -> bool {
        let waiting = &mut self.lock().waiting;
        let found = waiting.iter().position(|(other, _)| *other == number);
        found.map(|i| waiting.remove(i)).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a batch and answers each of it. One that the vendor takes exception to is sent again in halves, so
/// that a single secret does not keep its neighbours alive.
async fn send<T, C: Carrier<T>>(batch: Vec<Waiting<T>>, time: Time, carrier: &C) {
    let mut open = vec![batch];
    while let Some(mut batch) = open.pop().filter(|batch| !batch.is_empty()) {
        let verdict = if time.is_late() { late() } else { carrier.carry(&batch, time).await };
        if batch.len() > 1 && C::takes_exception(&verdict) {
            open.push(batch.split_off(batch.len() / 2));
            open.push(batch);
            continue;
        }
        for (_, answer) in batch {
            // Whoever does not listen any more has given the row back.
            drop(answer.send(verdict.clone()));
        }
    }
}

/// Nobody has sent it.
fn late() -> Verdict {
    Verdict::new(again(None, false), "waited").because("others were in front of it for too long")
}

/// Whoever sent for it ran out of time under way.
fn lost() -> Verdict {
    Verdict::new(again(None, true), "deadline")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Finding;
    use std::sync::Arc;

    const SOON: Duration = Duration::from_secs(10);

    /// Takes `pause` for each request, and minds `bad`.
    #[derive(Default)]
    struct Cart {
        pause: Duration,
        bad: Option<usize>,
        sent: Mutex<Vec<usize>>,
    }

    impl Cart {
        fn sizes(&self) -> Vec<usize> {
            self.sent.lock().unwrap().clone()
        }

        async fn is_under_way(&self) {
            while self.sizes().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    impl Carrier<usize> for Cart {
        async fn carry(&self, all: &[Waiting<usize>], time: Time) -> Verdict {
            self.sent.lock().unwrap().push(all.len());
            assert!(!time.is_late());
            tokio::time::sleep(self.pause).await;
            match self.bad {
                Some(bad) if all.iter().any(|(n, _)| *n == bad) => {
                    Verdict::new(Finding::Refused, "bad")
                }
                _ => Verdict::new(Finding::Submitted, "sent"),
            }
        }

        fn takes_exception(verdict: &Verdict) -> bool {
            verdict.code == "bad"
        }
    }

    type Cargo = (Arc<Batcher<usize>>, Arc<Cart>);

    fn cargo(cart: Cart) -> Cargo {
        (Arc::default(), Arc::new(cart))
    }

    fn join(
        (batcher, cart): &Cargo,
        n: usize,
        most: usize,
        budget: Duration,
    ) -> tokio::task::JoinHandle<Verdict> {
        let (batcher, cart) = (Arc::clone(batcher), Arc::clone(cart));
        tokio::spawn(async move { batcher.join(n, most, Time::of(budget), cart.as_ref()).await })
    }

    #[tokio::test]
    async fn all_who_wait_go_together_and_each_hears_once() {
        let cargo = cargo(Cart::default());
        let calls: Vec<_> = (0..7).map(|n| join(&cargo, n, 4, SOON)).collect();
        for call in calls {
            assert_eq!(call.await.unwrap().finding, Finding::Submitted);
        }
        assert_eq!(cargo.1.sizes(), [4, 3]);
    }

    #[tokio::test]
    async fn one_that_is_minded_is_found_by_halves() {
        let cargo = cargo(Cart { bad: Some(6), ..Cart::default() });
        let calls: Vec<_> = (0..8).map(|n| join(&cargo, n, 8, SOON)).collect();
        for (n, call) in calls.into_iter().enumerate() {
            let code = if n == 6 { "bad" } else { "sent" };
            assert_eq!(call.await.unwrap().code, code, "{n}");
        }
        assert_eq!(cargo.1.sizes(), [8, 4, 4, 2, 2, 1, 1]);
    }

    #[tokio::test]
    async fn what_comes_too_late_to_be_sent_is_not_and_nobody_wonders_whether_it_was() {
        let (budget, pause) = (SOON / 5, SOON / 2);
        let cargo = cargo(Cart { pause, ..Cart::default() });
        let first = join(&cargo, 0, 1, SOON);
        cargo.1.is_under_way().await;
        // Its time, and that in which a machine may stand still.
        let second = tokio::time::timeout(2 * budget, join(&cargo, 1, 1, budget)).await;
        let second = second.expect("it does not wait for the one before").unwrap();
        assert_eq!((second.code, second.finding), ("waited", again(None, false)));
        assert_eq!(first.await.unwrap().finding, Finding::Submitted);
        assert_eq!(cargo.1.sizes(), [1], "it is not sent by anybody later");
        assert!(cargo.0.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn what_was_given_back_is_not_sent() {
        let cargo = cargo(Cart { pause: SOON / 100, ..Cart::default() });
        let first = join(&cargo, 0, 1, SOON);
        cargo.1.is_under_way().await;
        let given_back = join(&cargo, 1, 1, SOON);
        tokio::task::yield_now().await;
        given_back.abort();
        assert!(given_back.await.is_err());
        let third = join(&cargo, 2, 2, SOON);
        assert_eq!(first.await.unwrap().finding, Finding::Submitted);
        assert_eq!(third.await.unwrap().finding, Finding::Submitted);
        assert_eq!(cargo.1.sizes(), [1, 1]);
    }

    #[tokio::test]
    async fn whoever_is_taken_along_hears_it_however_long_it_takes() {
        let budget = SOON / 3;
        let cargo = cargo(Cart { pause: budget * 6 / 10, ..Cart::default() });
        let calls: Vec<_> = (0..3).map(|n| join(&cargo, n, 3, budget)).collect();
        for call in calls {
            assert_eq!(call.await.unwrap().code, "sent");
        }
    }

    #[tokio::test]
    async fn halves_for_which_no_time_is_left_are_not_sent() {
        let pause = SOON / 5;
        let cargo = cargo(Cart { pause, bad: Some(0), ..Cart::default() });
        let calls: Vec<_> = (0..4).map(|n| join(&cargo, n, 4, 2 * pause)).collect();
        for call in calls {
            assert_eq!(call.await.unwrap().code, "waited");
        }
        assert_eq!(cargo.1.sizes(), [4]);
    }

    #[tokio::test]
    async fn where_the_sender_dies_its_batch_is_uncertain_and_the_others_go_on() {
        let cargo = cargo(Cart { pause: SOON / 10, ..Cart::default() });
        let first = join(&cargo, 0, 2, SOON);
        let taken_along = join(&cargo, 1, 2, SOON);
        cargo.1.is_under_way().await;
        let other = join(&cargo, 2, 2, SOON);
        first.abort();
        let lost = taken_along.await.unwrap();
        assert_eq!((lost.code, lost.finding), ("deadline", again(None, true)));
        assert_eq!(other.await.unwrap().finding, Finding::Submitted);
        assert_eq!(cargo.1.sizes(), [2, 1]);
    }
}
