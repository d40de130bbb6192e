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
