//! An issuer that is down.

use portcullis_jwt_verify::Error;
use portcullis_jwt_verify::sources::{KeyError, KeySource as _, RemoteOptions};
use portcullis_test_support::Reply;

use crate::world::{
    DAY, HOUR, MINUTE, SECOND, TICK, World, found, just_before, key, last_error, verdict, verifier,
};

#[tokio::test]
async fn known_keys_work_for_exactly_the_configured_time_past_their_life() {
    let good = key("good");
    let world = World::publishing(&[&good], 3600);
    let source = world.source_with(RemoteOptions { stale_for: 2 * HOUR, ..world.options() });
    let verifier = verifier(source.clone(), 10);
    verifier.warm_up().await.unwrap();
    world.site.set("/keys", Reply::status(503));
    let down = Err(Error::KeysUnavailable(KeyError::Status(503)));
    for _ in 0..179 {
        world.clock.advance(MINUTE);
        assert_eq!(verdict(&verifier, &good).await, Ok(()));
    }
    assert_eq!(last_error(&source), Some(KeyError::Status(503)));
    assert_eq!(verdict(&verifier, &key("other")).await, down);
    world.clock.advance(just_before(MINUTE));
    assert_eq!(verdict(&verifier, &good).await, Ok(()));
    assert_eq!(source.health().keys, 1);
    world.clock.advance(TICK);
    assert!(source.known().is_none());
    assert_eq!(verdict(&verifier, &good).await, down);
    assert_eq!((source.health().keys, source.health().fetched_at), (0, None));
    world.publish(&[&good], 3600);
    world.clock.advance(MINUTE);
    assert_eq!(verdict(&verifier, &good).await, Ok(()));
    assert_eq!(last_error(&source), None);
}

#[tokio::test]
async fn keys_past_their_life_are_not_used_before_a_fetch_was_tried() {
    let (old, new) = (key("old"), key("new"));
    let world = World::publishing(&[&old], 3600);
    let source = world.source();
    let verifier = verifier(source.clone(), 10);
    assert_eq!(verdict(&verifier, &old).await, Ok(()));
    world.publish(&[&new], 3600);
    world.clock.advance(HOUR);
    // It was withdrawn while nobody asked.
    assert_eq!(verdict(&verifier, &old).await, Err(Error::KeyUnknown));
    assert_eq!(verdict(&verifier, &new).await, Ok(()));
    // An outage is found out in the same way, and then nobody waits.
    world.site.set("/keys", Reply::status(500));
    world.clock.advance(HOUR);
    assert!(source.known().is_none());
    assert_eq!(verdict(&verifier, &new).await, Ok(()));
    assert!(source.known().is_some());
    assert_eq!(world.fetches(), 3);
    // An outage of long ago says nothing of now.
    world.clock.advance(HOUR);
    world.settle(3).await;
    assert!(!world.ask_after(HOUR, &source, 4).await);
}

/// A failure that was made good says nothing for the keys that came then.
#[tokio::test]
async fn an_outage_that_is_over_keeps_no_key_alive() {
    let (old, new) = (key("old"), key("new"));
    let world = World::start();
    let source = world.source();
    let verifier = verifier(source.clone(), 0);
    assert!(verdict(&verifier, &old).await.is_err());
    world.publish(&[&old], 60);
    world.clock.advance(5 * SECOND);
    assert_eq!(verdict(&verifier, &old).await, Ok(()));
    world.publish(&[&new], 60);
    world.clock.advance(MINUTE);
    assert!(source.known().is_none());
    assert_eq!(verdict(&verifier, &old).await, Err(Error::KeyUnknown));
}

#[tokio::test]
async fn a_failed_fetch_is_tried_again_after_growing_waits() {
    let world = World::start();
    let source = world.source();
    let down = Err(KeyError::Status(404));
    for (n, wait) in [5, 10, 20, 40, 60, 60, 60].into_iter().enumerate() {
        assert_eq!(found(&source, Some("a")).await, down);
        assert_eq!(world.fetches(), n + 1);
        world.clock.advance(just_before(wait * SECOND));
        // The last error, at once.
        for kid in [None, Some("a"), Some("b")] {
            assert_eq!(found(&source, kid).await, down);
        }
        assert_eq!(world.fetches(), n + 1, "before {wait} s are over");
        world.clock.advance(TICK);
    }
    world.publish(&[&key("a")], 600);
    assert_eq!(found(&source, Some("a")).await.unwrap(), ["a"]);
    assert_eq!(last_error(&source), None);
    world.site.set("/keys", Reply::status(404));
    // With keys, it starts anew from 5 s, in the background.
    assert!(world.ask_after(480 * SECOND, &source, 9).await);
    assert!(world.ask_after(just_before(5 * SECOND), &source, 9).await);
    assert!(world.ask_after(TICK, &source, 10).await);
}

#[tokio::test]
async fn unknown_keys_do_not_hurry_a_source_that_fails() {
    let world = World::publishing(&[&key("good")], 86_400);
    let source = world.source();
    source.find(None).await.unwrap();
    world.site.set("/keys", Reply::status(500));
    for second in 0..300 {
        let _ = found(&source, Some("unknown")).await;
        assert_eq!(world.fetches(), 1 + second / 60, "after {second} s");
        world.clock.advance(SECOND);
    }
    assert!(source.known().is_some());
    world.clock.advance(2 * DAY);
    assert_eq!(found(&source, Some("good")).await, Err(KeyError::Status(500)));
}
