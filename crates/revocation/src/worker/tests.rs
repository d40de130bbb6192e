use portcullis_base::SystemRandomness;
use portcullis_base::seal::MasterKey;
use portcullis_store::ConnectOptions;
use portcullis_store::report::{Entry, NewRevocation, Sighting};

use super::*;
use crate::provider::Verdict;

/// Nobody may ask it anything.
struct Unasked;

#[async_trait::async_trait]
impl Provider for Unasked {
    fn name(&self) -> &'static str {
        "unasked"
    }

    async fn revoke(&self, _: &Attempt<'_>) -> Verdict {
        panic!("it was asked")
    }
}

async fn line(store: &Store) -> Line {
    let master = MasterKey::from_base64url(&"A".repeat(43)).unwrap();
    let vault = Vault::open(store, &master, &SystemRandomness).await.unwrap();
    let (random, options) = (Arc::new(SystemRandomness), Options::default());
    let shared = Shared { store: store.clone(), vault, random, options };
    Line::new(Arc::new(shared), Arc::new(Unasked))
}

fn item(n: u8) -> NewRevocation {
    NewRevocation {
        fingerprint: [n; 32],
        token_type: "type_a".into(),
        provider: "unasked".into(),
        mode: "revoke",
        entry: Entry::Pending,
        code: None,
        reason: None,
        sealed: Some(vec![n; 40]),
        key_version: 1,
        pat_digest: None,
        sightings: vec![Sighting {
            digest: [n; 16],
            token_type: "type_a".into(),
            reporter: "gitlab".into(),
            location: None,
            times: 1,
        }],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_claimed_while_it_was_told_to_stop_is_handed_back() {
    let folder = portcullis_test_support::scratch_dir();
    let url = format!("sqlite://{}/p.db", folder.path().display());
    let options = ConnectOptions { url: url.into(), max_connections: 2 };
    let store = Store::connect(&options).await.unwrap();
    store.report(&[item(1), item(2)]).await.unwrap();
    let (told, stopped) = watch::channel(true);
    let line = line(&store).await;
    let mut calls = JoinSet::new();
    let next = line.claim(&mut calls, false, &stopped).await.unwrap();
    assert!(matches!(next, Next::HandedBack));
    assert!(calls.is_empty());
    line.run(stopped).await;
    drop(told);
    // At once, by anybody, and without a doubt whether somebody was asked.
    let claimed = store.claim("unasked", 10, Duration::from_secs(40)).await.unwrap();
    assert_eq!(claimed.len(), 2);
    assert!(claimed.iter().all(|row| !row.uncertain && row.attempts == 2), "{claimed:?}");
    let row = store.revocation(&[1; 32]).await.unwrap().unwrap();
    assert_eq!(row.attempts[0].code.as_deref(), Some("handed_back"));
}
