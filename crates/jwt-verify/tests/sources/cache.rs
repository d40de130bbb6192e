//! How long keys are kept, and who waits for the next ones.

use std::sync::Arc;
use std::time::Duration;

use portcullis_jwt_verify::Error;
use portcullis_jwt_verify::sources::{KeySource as _, RemoteOptions};
use portcullis_test_support::{Reply, SigningKey};

use crate::world::{
    DAY, HOUR, MINUTE, SECOND, TICK, World, eventually, just_before, key, set, verdict, verifier,
};

fn aged(cache_control: &str, age: &str) -> Reply {
    set(&[&key("a")]).header("Cache-Control", cache_control).header("Age", age)
}

#[tokio::test]
async fn keys_live_as_long_as_the_answer_says_between_floor_and_ceiling() {
    let none: fn(RemoteOptions) -> RemoteOptions = |options| options;
    let own: fn(RemoteOptions) -> RemoteOptions = |options| RemoteOptions {
        floor: 5 * SECOND,
        deadline: 2 * SECOND,
        ceiling: HOUR,
        default_life: Some(7 * MINUTE),
        ..options
    };
    let slow: fn(RemoteOptions) -> RemoteOptions =
        |options| RemoteOptions { deadline: MINUTE, ..options };
    for (reply, change, life) in [
        (aged("max-age=600", "0"), none, 10 * MINUTE),
        (aged("max-age=600", "100"), none, 500 * SECOND),
        (aged("max-age=600", "7000"), none, MINUTE),
        (aged("max-age=1", "0"), none, MINUTE),
        (aged("max-age=0, private, must-revalidate", "0"), none, MINUTE),
        (aged("max-age=600, no-store", "0"), none, MINUTE),
        (aged("max-age=86399", "0"), none, Duration::from_secs(86_399)),
        (aged("max-age=31536000", "0"), none, DAY),
        (aged("max-age=99999999999999999999999", "0"), none, DAY),
        (set(&[&key("a")]), none, 5 * MINUTE),
        (aged("max-age=soon", "0"), none, 5 * MINUTE),
        (aged("max-age=1", "0"), own, 5 * SECOND),
        (aged("max-age=1", "0"), slow, 2 * MINUTE),
        (aged("max-age=86400", "0"), own, HOUR),
        (set(&[&key("a")]), own, 7 * MINUTE),
    ] {
        let world = World::start();
        world.site.set("/keys", reply.clone());
        let source = world.source_with(change(world.options()));
        source.find(None).await.unwrap();
        // Nobody asks before the life is over: nothing is fetched ahead.
        world.clock.advance(life);
        assert!(source.known().is_none(), "{life:?} of {reply:?}");
        source.find(None).await.unwrap();
        world.clock.advance(just_before(life));
        assert!(source.known().is_some(), "{life:?} of {reply:?}");
    }
}

#[tokio::test]
async fn the_next_keys_are_fetched_ahead_and_nobody_waits() {
    let world = World::publishing(&[&key("a")], 1000);
    let source = world.source();
    source.find(None).await.unwrap();
    assert!(world.ask_after(just_before(800 * SECOND), &source, 1).await);
    let delay = 2 * SECOND;
    let next = set(&[&key("b")]).header("Cache-Control", "max-age=1000");
    world.site.set("/keys", Reply { delay, ..next });
    world.clock.advance(TICK);
    for _ in 0..100 {
        assert!(source.known().unwrap().has(Some("a")));
    }
    eventually(|| world.fetches() == 2).await;
    // While it is under way the old life may well end.
    world.clock.advance(9 * SECOND);
    assert!(source.known().unwrap().has(Some("a")));
    eventually(|| source.known().unwrap().has(Some("b"))).await;
    assert_eq!(world.fetches(), 2);
    // The new life counts from the moment at which they were asked for.
    assert!(world.ask_after(just_before(791 * SECOND), &source, 2).await);
    assert!(world.ask_after(TICK, &source, 3).await);
}

#[tokio::test]
async fn keys_that_run_out_while_they_are_renewed_serve_until_the_deadline() {
    let world = World::publishing(&[&key("a")], 1000);
    let source = world.source();
    source.find(None).await.unwrap();
    world.site.set("/keys", Reply { delay: 20 * SECOND, ..Reply::status(500) });
    world.clock.advance(just_before(1000 * SECOND));
    assert!(source.known().is_some());
    world.clock.advance(just_before(10 * SECOND));
    assert!(source.known().is_some());
    world.clock.advance(TICK);
    assert!(source.known().is_none());
}

#[tokio::test]
async fn a_hundred_callers_share_one_fetch() {
    let good = key("good");
    let world = World::start();
    let delay = Duration::from_millis(300);
    world.site.set("/keys", Reply { delay, ..set(&[&good]) });
    let verifier = verifier(world.source(), 0);
    let mut callers = tokio::task::JoinSet::new();
    let verifier = Arc::new(verifier);
    for _ in 0..100 {
        let (verifier, good) = (Arc::clone(&verifier), good.clone());
        callers.spawn(async move { verdict(&verifier, &good).await });
    }
    while let Some(verdict) = callers.join_next().await {
        assert_eq!(verdict.unwrap(), Ok(()));
    }
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn a_fetch_outlives_the_caller_who_began_it() {
    let good = key("good");
    let world = World::start();
    let delay = 2 * SECOND;
    world.site.set("/keys", Reply { delay, ..set(&[&good]) });
    let source = world.source();
    let impatient = tokio::time::timeout(Duration::from_millis(50), source.find(None)).await;
    assert!(impatient.is_err());
    assert_eq!(verdict(&verifier(source, 0), &good).await, Ok(()));
    assert_eq!(world.fetches(), 1);
}

/// Its task is there, and nobody runs it: whoever else needs the keys must not wait for that.
#[test]
fn a_fetch_of_a_runtime_that_rests_holds_nobody_up() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let good = key("good");
    let world = World::publishing(&[&good], 3600);
    let options = RemoteOptions { deadline: 2 * SECOND, ..world.options() };
    let verifier = verifier(world.source_with(options), 0);
    let resting = runtime();
    assert_eq!(resting.block_on(verdict(&verifier, &good)), Ok(()));
    world.clock.advance(50 * MINUTE);
    // A refresh begins, and goes on when this runtime does.
    assert_eq!(resting.block_on(verdict(&verifier, &good)), Ok(()));
    world.clock.advance(DAY);
    let other = runtime();
    let asked = || {
        other.block_on(async { tokio::time::timeout(20 * SECOND, verdict(&verifier, &good)).await })
    };
    assert_eq!(asked(), Ok(Ok(())));
    let fetches = world.fetches();
    world.clock.advance(DAY);
    assert_eq!(asked(), Ok(Ok(())));
    assert_eq!(world.fetches(), fetches + 1);
}

#[tokio::test]
async fn ten_thousand_unknown_keys_are_one_fetch_a_minute() {
    let (good, stranger) = (key("good"), key("stranger"));
    let world = World::publishing(&[&good], 86_400);
    let source = world.source();
    let verifier = verifier(source.clone(), 0);
    verifier.warm_up().await.unwrap();
    // 100 s, 100 tokens in each: the first minute belongs to the warm-up.
    for second in 0..100 {
        for n in 0..100 {
            let id = format!("{second}-{n}");
            let random = SigningKey::new(stranger.pkey().clone(), "EdDSA", &id);
            assert_eq!(verdict(&verifier, &random).await, Err(Error::KeyUnknown));
        }
        assert_eq!(world.fetches(), if second < 60 { 1 } else { 2 }, "after {second} s");
        world.clock.advance(SECOND);
    }
    assert_eq!(verdict(&verifier, &good).await, Ok(()));
    assert_eq!(source.health().keys, 1);
}

#[tokio::test]
async fn unknown_keys_all_at_once_are_one_fetch_and_tokens_without_a_kid_no_more() {
    let (good, stranger) = (key("good"), key("stranger"));
    let world = World::publishing(&[&good], 86_400);
    let source = world.source();
    let verifier = Arc::new(verifier(source.clone(), 0));
    verifier.warm_up().await.unwrap();
    let nameless = stranger.clone().without_id();
    assert_eq!(verdict(&verifier, &nameless).await, Err(Error::Signature));
    assert_eq!(world.fetches(), 1);
    world.clock.advance(MINUTE);
    let delay = Duration::from_millis(200);
    world.site.set("/keys", Reply { delay, ..set(&[&good]) });
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..100 {
        let caller = if n % 2 == 0 { nameless.clone() } else { stranger.clone() };
        let verifier = Arc::clone(&verifier);
        callers.spawn(async move { verdict(&verifier, &caller).await });
    }
    while let Some(verdict) = callers.join_next().await {
        assert!(matches!(verdict.unwrap(), Err(Error::Signature | Error::KeyUnknown)));
    }
    assert_eq!(world.fetches(), 2);
    assert_eq!(verdict(&verifier, &good.without_id()).await, Ok(()));
    assert_eq!(world.fetches(), 2);
}
