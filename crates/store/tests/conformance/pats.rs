use std::time::Duration;

use portcullis_store::events::Event;
use portcullis_store::pats::{NewPat, Pat, PatChange, Regenerated};
use portcullis_store::report::NewRevocation;

use super::queue::wait_until_listening;
use super::support::{Database, fp, item};

async fn insert(db: &Database, id: &str, owner: &str, digest: &str) -> Pat {
    let pat = NewPat {
        id,
        owner,
        name: "laptop",
        description: "",
        scopes: r#"["api"]"#,
        digest,
        expires_at: 4_000_000_000_000,
    };
    db.store.insert_pat(&pat).await.unwrap()
}

pub(crate) async fn a_pat_is_kept_found_listed_and_changed(db: Database) {
    let one = insert(&db, "id-1", "user:ann", "d1").await;
    insert(&db, "id-2", "user:bob", "d2").await;
    assert_eq!(db.store.pat("id-1").await.unwrap().unwrap(), one);
    assert_eq!(db.store.pat_by_digest("d1").await.unwrap().unwrap(), one);
    assert_eq!(db.store.pat("id-9").await.unwrap(), None);
    assert_eq!(db.store.pat_by_digest("d9").await.unwrap(), None);
    assert_eq!(db.store.pats(None, None, 10).await.unwrap().len(), 2);
    assert_eq!(
        db.store.pats(Some("user:ann"), None, 10).await.unwrap(),
        std::slice::from_ref(&one)
    );
    assert_eq!(db.store.pats(None, Some("id-1"), 10).await.unwrap()[0].id, "id-2");
    let change = PatChange { name: Some("desk"), scopes: Some("[]"), ..PatChange::default() };
    let changed = db.store.change_pat("id-1", &change).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.scopes.as_str()), ("desk", "[]"));
    assert_eq!(changed.description, one.description);
    assert!(db.store.change_pat("id-9", &change).await.unwrap().is_none());
    let db = db.reopened().await;
    assert_eq!(db.store.pat("id-1").await.unwrap().unwrap(), changed);
}

pub(crate) async fn a_reported_pat_dies_in_the_reporting_transaction(db: Database) {
    insert(&db, "id-1", "user:ann", "d1").await;
    let report = |digest: &str| NewRevocation { pat_digest: Some(digest.into()), ..item(1) };
    let reported = db.store.report(&[report("d1")]).await.unwrap();
    assert_eq!(reported.tombstoned, ["d1"]);
    let pat = db.store.pat_by_digest("d1").await.unwrap().unwrap();
    assert_eq!(pat.revoked_reason.as_deref(), Some("reported"));
    let again = db.store.report(&[report("d1")]).await.unwrap();
    assert!(again.tombstoned.is_empty(), "it was dead already");
    let unknown = db.store.report(&[report("nobody's")]).await.unwrap();
    assert!(unknown.tombstoned.is_empty());
    assert_eq!(db.store.revocation(&fp(1)).await.unwrap().unwrap().revocation.sightings, 3);
}

pub(crate) async fn a_regenerated_pat_leaves_a_tombstone(db: Database) {
    insert(&db, "id-1", "user:ann", "d1").await;
    let renewed = db.store.regenerate_pat("id-1", "d2", 4_100_000_000_000).await.unwrap();
    let Regenerated::Done(pat) = renewed else { panic!("{renewed:?}") };
    assert_eq!((pat.digest.as_str(), pat.expires_at), ("d2", 4_100_000_000_000));
    assert_eq!(pat.revoked_at, None);
    let old = db.store.pat_by_digest("d1").await.unwrap().unwrap();
    assert_eq!((old.id.as_str(), old.revoked_reason.as_deref()), ("id-1", Some("regenerated")));
    assert_eq!(db.store.pats(None, None, 10).await.unwrap().len(), 1);
    assert_eq!(db.store.regenerate_pat("id-9", "d3", 0).await.unwrap(), Regenerated::Missing);
    // A leak of the former token does not touch the present one.
    let report = NewRevocation { pat_digest: Some("d1".into()), ..item(1) };
    assert!(db.store.report(&[report]).await.unwrap().tombstoned.is_empty());
    assert_eq!(db.store.pat("id-1").await.unwrap().unwrap().revoked_at, None);
}

pub(crate) async fn of_many_regenerations_at_once_one_token_works(db: Database) {
    for round in 0..10 {
        let id = format!("id-{round}");
        insert(&db, &id, "user:ann", &format!("{id}-first")).await;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..4 {
            let (store, id) = (db.store.clone(), id.clone());
            tasks.spawn(async move {
                let digest = format!("{id}-{n}");
                store.regenerate_pat(&id, &digest, 4_100_000_000_000).await.unwrap();
                digest
            });
        }
        let mut digests = tasks.join_all().await;
        digests.push(format!("{id}-first"));
        let mut working = Vec::new();
        for digest in &digests {
            let pat = db.store.pat_by_digest(digest).await.unwrap().unwrap();
            working.extend(pat.revoked_at.is_none().then_some(digest));
        }
        assert_eq!(working.len(), 1, "{working:?}");
        db.store.revoke_pat(&id).await.unwrap();
        for digest in &digests {
            assert!(db.store.pat_by_digest(digest).await.unwrap().unwrap().revoked_at.is_some());
        }
        let late = db.store.regenerate_pat(&id, "too-late", 4_100_000_000_000).await.unwrap();
        assert_eq!(late, Regenerated::Deleted);
    }
}

pub(crate) async fn a_deleted_pat_stays_in_the_list(db: Database) {
    insert(&db, "id-1", "user:ann", "d1").await;
    let dead = db.store.revoke_pat("id-1").await.unwrap().unwrap();
    assert_eq!(dead.revoked_reason.as_deref(), Some("deleted"));
    let again = db.store.revoke_pat("id-1").await.unwrap().unwrap();
    assert_eq!(again.revoked_at, dead.revoked_at);
    db.store.tombstone_reported("d1").await.unwrap();
    assert_eq!(db.store.pat("id-1").await.unwrap().unwrap(), dead, "a tombstone never changes");
    assert!(db.store.revoke_pat("id-9").await.unwrap().is_none());
    assert_eq!(db.store.pats(None, None, 10).await.unwrap(), [dead]);
}

pub(crate) async fn use_is_remembered_to_the_minute(db: Database) {
    let pat = insert(&db, "id-1", "user:ann", "d1").await;
    assert_eq!(pat.last_used_at, None);
    db.store.touch_pat("id-1").await.unwrap();
    let first = db.store.pat("id-1").await.unwrap().unwrap().last_used_at.unwrap();
    assert!(first >= pat.created_at);
    tokio::time::sleep(Duration::from_millis(5)).await;
    db.store.touch_pat("id-1").await.unwrap();
    let second = db.store.pat("id-1").await.unwrap().unwrap().last_used_at.unwrap();
    assert_eq!(first, second);
}

pub(crate) async fn changes_are_told(db: Database) {
    insert(&db, "id-1", "user:ann", "d1").await;
    wait_until_listening(&db).await;
    let mut events = db.store.events().subscribe();
    db.store.revoke_pat("id-1").await.unwrap();
    let report = NewRevocation { pat_digest: Some("d2".into()), ..item(1) };
    insert(&db, "id-2", "user:ann", "d2").await;
    db.report(&[report]).await;
    for digest in ["d1", "d2"] {
        loop {
            let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await;
            if event.expect("an event comes").unwrap() == Event::PatChanged(digest.into()) {
                break;
            }
        }
    }
}
