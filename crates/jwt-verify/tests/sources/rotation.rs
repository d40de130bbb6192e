//! Keys that come and go while tokens keep coming.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use portcullis_jwt_verify::sources::KeySource as _;
use portcullis_jwt_verify::{Error, Verifier};
use portcullis_test_support::SigningKey;

use crate::world::{HOUR, MINUTE, World, eventually, key, token, verdict, verifier};

/// What one task counted: tokens that were taken, whose key was unknown, that failed otherwise.
type Counts = Arc<[AtomicUsize; 3]>;

/// Tasks that verify the same token for as long as they are told to.
struct Load([Counts; 2]);

impl Load {
    fn start(verifier: &Arc<Verifier>, key: &SigningKey, ended: &Arc<AtomicBool>) -> Self {
        let load = Self(Default::default());
        for counts in load.0.clone() {
            let (verifier, ended, token) = (Arc::clone(verifier), Arc::clone(ended), token(key));
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
        load
    }

    /// What is counted from here on: whether any token was taken, whether a key was unknown, and how
    /// many failed otherwise since the start.
    async fn next(&self) -> (bool, bool, usize) {
        self.pass().await;
        let (good, unknown) = (self.count(0), self.count(1));
        self.pass().await;
        (self.count(0) > good, self.count(1) > unknown, self.count(2))
    }

    /// Waits until each task is past whatever it had begun before.
    async fn pass(&self) {
        let done = |counts: &Counts| -> usize {
            counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
        };
        let before = self.0.each_ref().map(done);
        eventually(|| self.0.iter().zip(before).all(|(counts, before)| done(counts) > before + 10))
            .await;
    }

    fn count(&self, which: usize) -> usize {
        self.0.iter().map(|counts| counts[which].load(Ordering::Relaxed)).sum()
    }

    fn unknown(&self) -> usize {
        self.count(1)
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

/// Without a name there is no telling whether the key is among the known ones.
#[tokio::test]
async fn a_new_key_is_found_by_tokens_without_kid() {
    let (old, new) = (key("old"), key("new"));
    let world = World::publishing(&[&old], 3600);
    let verifier = verifier(world.source(), 0);
    assert_eq!(verdict(&verifier, &old).await, Ok(()));
    world.publish(&[&old, &new], 3600);
    let new = new.without_id();
    assert_eq!(verdict(&verifier, &new).await, Err(Error::Signature));
    world.clock.advance(MINUTE);
    assert_eq!(verdict(&verifier, &new).await, Ok(()));
    assert_eq!(world.fetches(), 2);
}

/// Or anybody could have the issuer asked, and wait for it.
#[tokio::test]
async fn a_bad_signature_under_a_known_kid_fetches_nothing() {
    let good = key("good");
    let world = World::publishing(&[&good], 3600);
    let verifier = verifier(world.source(), 0);
    assert_eq!(verdict(&verifier, &good).await, Ok(()));
    let forged = key("good");
    world.clock.advance(2 * MINUTE);
    assert_eq!(verdict(&verifier, &forged).await, Err(Error::Signature));
    world.settle(1).await;
}

#[tokio::test]
async fn a_remembered_token_is_forgotten_with_its_key_and_kept_with_it() {
    let (old, new) = (key("a"), key("a"));
    let world = World::publishing(&[&old], 3600);
    let source = world.source();
    let verifier = verifier(source.clone(), 10);
    assert_eq!(verdict(&verifier, &old).await, Ok(()));
    let first = source.known().unwrap();
    // The same key, fetched again, in another company: what it proved stays proved.
    world.publish(&[&key("b"), &old], 3600);
    world.clock.advance(HOUR);
    assert_eq!(verdict(&verifier, &old).await, Ok(()));
    let second = source.known().unwrap();
    let kept = second.iter().find(|key| key.id() == Some("a")).unwrap();
    assert!(std::ptr::eq(kept, first.iter().next().unwrap()));
    // Another key under the same name.
    world.publish(&[&new], 3600);
    world.clock.advance(HOUR);
    assert_eq!(verdict(&verifier, &old).await, Err(Error::Signature));
    assert_eq!(verdict(&verifier, &new).await, Ok(()));
    assert_eq!(world.fetches(), 3);
}
