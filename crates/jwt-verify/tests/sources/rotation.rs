//! Keys that come and go while tokens keep coming.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_jwt_verify::sources::KeySource as _;
use portcullis_jwt_verify::{Error, Verifier};
use portcullis_test_support::SigningKey;

use crate::world::{HOUR, MINUTE, World, eventually, key, token, verdict, verifier};

/// Verifies the same token for as long as it is told to, and counts each verdict.
struct Load {
    good: Arc<AtomicUsize>,
    unknown: Arc<AtomicUsize>,
    wrong: Arc<AtomicUsize>,
}

impl Load {
    fn start(verifier: &Arc<Verifier>, key: &SigningKey, ended: &Arc<AtomicBool>) -> Self {
        let counts: [Arc<AtomicUsize>; 3] = Default::default();
        for _ in 0..2 {
            let (verifier, ended, counts) =
                (Arc::clone(verifier), Arc::clone(ended), counts.clone());
            let token = token(key);
            tokio::spawn(async move {
                while !ended.load(Ordering::Relaxed) {
                    let count = match verifier.verify(&token).await {
                        Ok(_) => &counts[0],
                        Err(Error::KeyUnknown) => &counts[1],
                        Err(_) => &counts[2],
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            });
        }
        let [good, unknown, wrong] = counts;
        Self { good, unknown, wrong }
    }

    /// What was counted from here on, once there is enough of it.
    async fn next(&self) -> (bool, bool, usize) {
        // What is under way was begun before: each of the two tasks gets past it.
        self.pass().await;
        let (good, unknown) = (self.good(), self.unknown());
        self.pass().await;
        (self.good() > good, self.unknown() > unknown, self.wrong.load(Ordering::Relaxed))
    }

    async fn pass(&self) {
        let seen = self.good() + self.unknown();
        eventually(|| self.good() + self.unknown() > seen + 20).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    fn good(&self) -> usize {
        self.good.load(Ordering::Relaxed)
    }

    fn unknown(&self) -> usize {
        self.unknown.load(Ordering::Relaxed)
    }
}

const ACCEPTED: (bool, bool, usize) = (true, false, 0);
const UNKNOWN: (bool, bool, usize) = (false, true, 0);

async fn rotate_under_load(remember: u64) {
    let (old, new) = (key("old"), key("new"));
    let world = World::publishing(&[&old], 3600);
    let source = world.source();
    let verifier = Arc::new(verifier(source.clone(), remember));
    verifier.warm_up().await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let olds = Load::start(&verifier, &old, &ended);
    let news = Load::start(&verifier, &new, &ended);
    assert_eq!((olds.next().await, news.next().await), (ACCEPTED, UNKNOWN));

    // Published: taken after one fetch, as soon as the minute allows it.
    world.publish(&[&old, &new], 3600);
    assert_eq!((olds.next().await, news.next().await), (ACCEPTED, UNKNOWN));
    assert_eq!(world.fetches(), 1);
    world.clock.advance(MINUTE);
    eventually(|| source.known().is_some_and(|keys| keys.len() == 2)).await;
    assert_eq!((olds.next().await, news.next().await), (ACCEPTED, ACCEPTED));
    assert_eq!((world.fetches(), olds.unknown()), (2, 0));

    // Withdrawn: refused from the next fetch on, and not before.
    world.publish(&[&new], 3600);
    assert_eq!((olds.next().await, news.next().await), (ACCEPTED, ACCEPTED));
    world.clock.advance(HOUR * 4 / 5);
    let seen = news.unknown();
    eventually(|| source.known().is_some_and(|keys| keys.len() == 1)).await;
    assert_eq!((olds.next().await, news.next().await), (UNKNOWN, ACCEPTED));
    assert_eq!((world.fetches(), news.unknown()), (3, seen));
    ended.store(true, Ordering::Relaxed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_verdict_is_wrong_while_keys_rotate() {
    rotate_under_load(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_verdict_is_wrong_while_keys_rotate_and_tokens_are_remembered() {
    rotate_under_load(1000).await;
}

#[tokio::test]
async fn a_remembered_token_is_forgotten_with_its_key_and_kept_with_it() {
    let (old, new) = (key("a"), key("a"));
    let world = World::publishing(&[&old], 3600);
    let verifier = verifier(world.source(), 10);
    assert_eq!(verdict(&verifier, &old).await, Ok(()));
    // The same key, fetched again, in another company.
    world.publish(&[&key("b"), &old], 3600);
    world.clock.advance(HOUR);
    assert_eq!(verdict(&verifier, &old).await, Ok(()));
    // Another key under the same name.
    world.publish(&[&new], 3600);
    world.clock.advance(HOUR);
    assert_eq!(verdict(&verifier, &old).await, Err(Error::Signature));
    assert_eq!(verdict(&verifier, &new).await, Ok(()));
    assert_eq!(world.fetches(), 3);
}
