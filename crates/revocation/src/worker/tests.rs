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

async fn shared(store: &Store, options: Options) -> Arc<Shared> {
    let master = MasterKey::from_base64url(&"A".repeat(43)).unwrap();
    let vault = Vault::open(store, &master, &SystemRandomness).await.unwrap();
    let random = Arc::new(SystemRandomness);
    Arc::new(Shared { store: store.clone(), vault, random, options })
}

async fn line(store: &Store) -> Line {
    Line::new(shared(store, Options::default()).await, Arc::new(Unasked))
}

/// Counts what has lost its provider.
#[derive(Debug, Default)]
struct Orphans(std::sync::atomic::AtomicU64);

impl crate::observer::Observer for Orphans {
    fn orphaned(&self, count: u64) {
        self.0.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
    }

    fn called(&self, _: &crate::observer::Called<'_>) {}
    fn told(&self, _: &str, _: crate::observer::Told, _: usize) {}
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_round_of_housekeeping_gives_up_all_that_has_no_provider() {
    let folder = portcullis_test_support::scratch_dir();
    let url = format!("sqlite://{}/p.db", folder.path().display());
    let options = ConnectOptions { url: url.into(), max_connections: 2 };
    let store = Store::connect(&options).await.unwrap();
    let row = |n: u16| {
        let mut fingerprint = [0; 32];
        fingerprint[..2].copy_from_slice(&n.to_be_bytes());
        NewRevocation { fingerprint, ..item(1) }
    };
    store.report(&(0..2100).map(row).collect::<Vec<_>>()).await.unwrap();
    let orphans = Arc::new(Orphans::default());
    let observer = Arc::clone(&orphans) as Arc<dyn crate::observer::Observer>;
    let options = Options { give_up_after: Duration::ZERO, observer, ..Options::default() };
    let (stop, stopped) = watch::channel(false);
    let names = vec!["another".to_owned()];
    let longest = options.longest();
    let round = housekeeping::run(shared(&store, options).await, names, longest, stopped);
    let round = tokio::spawn(round);
    let begun = Instant::now();
    // Well before the next round.
    while store.waiting(10).await.unwrap() > 0 && begun.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.send_replace(true);
    round.await.unwrap();
    assert_eq!(store.waiting(10).await.unwrap(), 0);
    assert_eq!(orphans.0.load(std::sync::atomic::Ordering::Relaxed), 2100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn housekeeping_brings_back_what_a_wrong_clock_had_planned() {
    let folder = portcullis_test_support::scratch_dir();
    let url = format!("sqlite://{}/p.db", folder.path().display());
    let options = ConnectOptions { url: url.into(), max_connections: 2 };
    let store = Store::connect(&options).await.unwrap();
    store.report(&[item(1)]).await.unwrap();
    // No lease of a worker is as long, so it is of a clock that was ahead.
    let ahead = Duration::from_hours(2);
    assert_eq!(store.claim("unasked", 1, ahead).await.unwrap().len(), 1);
    let providers: Vec<Arc<dyn Provider>> = vec![Arc::new(Unasked)];
    let random = Arc::new(SystemRandomness);
    let master = MasterKey::from_base64url(&"A".repeat(43)).unwrap();
    let vault = Vault::open(&store, &master, &SystemRandomness).await.unwrap();
    let options = Options::default();
    let longest = options.longest();
    let worker = Worker::start(store.clone(), vault, providers, options, random);
    let begun = Instant::now();
    let wait = async || store.next_run("unasked").await.unwrap().unwrap();
    while wait().await > longest && begun.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.stop().await;
    let wait = wait().await;
    assert!(wait <= longest && wait > longest / 2, "{wait:?}");
}
