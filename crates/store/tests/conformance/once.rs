use std::time::Duration;

use portcullis_store::issuances::Once;

use super::support::Database;

const HOUR: Duration = Duration::from_hours(1);

fn once(digest: u8, keep: Duration) -> Once {
    Once { digest: [digest; 32], keep }
}

pub(crate) async fn a_token_is_used_once_until_it_has_expired(db: Database) {
    assert!(db.store.use_once(&once(1, HOUR), "a").await.unwrap());
    assert!(!db.store.use_once(&once(1, HOUR), "b").await.unwrap());
    assert!(db.store.use_once(&once(2, HOUR), "a").await.unwrap());
    let db = db.reopened().await;
    assert!(!db.store.use_once(&once(1, HOUR), "a").await.unwrap());
    db.execute("UPDATE used_tokens SET valid_until = 1").await;
    assert!(db.store.use_once(&once(1, HOUR), "a").await.unwrap());
    assert!(!db.store.use_once(&once(1, HOUR), "a").await.unwrap());
}

pub(crate) async fn of_many_at_once_one_uses_it(db: Database) {
    let all = (0..16).map(|_| {
        let store = db.store.clone();
        tokio::spawn(async move { store.use_once(&once(1, HOUR), "a").await.unwrap() })
    });
    let mut fresh = 0;
    for one in all.collect::<Vec<_>>() {
        fresh += usize::from(one.await.unwrap());
    }
    assert_eq!(fresh, 1);
}

pub(crate) async fn what_has_expired_is_forgotten(db: Database) {
    for digest in 0..25 {
        assert!(db.store.use_once(&once(digest, HOUR), "a").await.unwrap());
    }
    db.execute("UPDATE used_tokens SET valid_until = 1").await;
    // Each that comes takes some of the others with it.
    for digest in 100..103 {
        assert!(db.store.use_once(&once(digest, HOUR), "a").await.unwrap());
    }
    assert_eq!(db.count("SELECT count(*) FROM used_tokens").await, 3);
}

/// What is told to have leaked: the first byte of each digest, and the hours that are left, rounded.
async fn leaked(db: &Database) -> Vec<(u8, u64)> {
    let all = db.store.leaked().await.unwrap();
    let mut all: Vec<_> =
        all.iter().map(|once| (once.digest[0], (once.keep.as_secs() + 1800) / 3600)).collect();
    all.sort_unstable();
    all
}

pub(crate) async fn what_leaked_is_told_until_it_has_expired(db: Database) {
    assert_eq!(leaked(&db).await, []);
    db.store.leak(&[]).await.unwrap();
    db.store.leak(&[once(2, HOUR), once(1, 3 * HOUR)]).await.unwrap();
    // Again, and for longer or less long: the longer time counts.
    db.store.leak(&[once(1, HOUR), once(2, 2 * HOUR), once(2, HOUR)]).await.unwrap();
    assert_eq!(leaked(&db).await, [(1, 3), (2, 2)]);
    let db = db.reopened().await;
    assert_eq!(leaked(&db).await, [(1, 3), (2, 2)]);
    db.execute(
        "UPDATE used_tokens SET valid_until = 1 WHERE valid_until IN \
                (SELECT max(valid_until) FROM used_tokens)",
    )
    .await;
    assert_eq!(leaked(&db).await, [(2, 2)]);
}

pub(crate) async fn what_was_used_and_what_leaked_are_refused_alike(db: Database) {
    assert!(db.store.use_once(&once(1, 2 * HOUR), "oidc_proxy").await.unwrap());
    assert_eq!(leaked(&db).await, [], "used, and not leaked");
    db.store.leak(&[once(1, HOUR), once(2, HOUR)]).await.unwrap();
    assert_eq!(leaked(&db).await, [(1, 2), (2, 1)]);
    for digest in [1, 2] {
        assert!(!db.store.use_once(&once(digest, 5 * HOUR), "oidc_proxy").await.unwrap());
    }
    assert_eq!(leaked(&db).await, [(1, 2), (2, 1)], "an attempt to use them changes nothing");
}

pub(crate) async fn leaks_in_opposite_order_do_not_stand_in_each_others_way(db: Database) {
    for round in 0..5 {
        let all: Vec<_> = (0..200).map(|n| Once { keep: HOUR, digest: [n ^ round; 32] }).collect();
        let back: Vec<_> = all.iter().rev().copied().collect();
        let both = [all, back].map(|all| {
            let store = db.store.clone();
            tokio::spawn(async move { store.leak(&all).await.unwrap() })
        });
        for one in both {
            one.await.unwrap();
        }
    }
}
