//! Vendors who are told by GitLab's partner protocol, and what they may do with it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use portcullis_base::SystemRandomness;
use portcullis_base::http::{ClientOptions, client};
use portcullis_base::seal::MasterKey;
use portcullis_base::secret::SecretString;
use portcullis_revocation::catalog::{Catalog, Handling, Mode};
use portcullis_revocation::formats::Format;
use portcullis_revocation::http::Rate;
use portcullis_revocation::intake::{Intake, Report};
use portcullis_revocation::own::NoOwnTokens;
use portcullis_revocation::partner::{Partner, PartnerProvider, SigningKey, document};
use portcullis_revocation::provider::{Attempt, Finding, Provider as _, Verdict};
use portcullis_revocation::vault::Vault;
use portcullis_revocation::worker::{Options, Worker};
use portcullis_store::ledger::Revocation;
use portcullis_store::{ConnectOptions, Store};
use portcullis_test_support::{Inbox, Post, Reply};
use serde_json::{Value, json};

const TYPE: &str = "acme_token";

/// A machine that stands still for a moment must not look like a vendor who hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A secret of the type, a different one for each number.
fn secret(n: usize) -> String {
    format!("acme_{n:08}")
}

fn key() -> SigningKey {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    SigningKey::from_pem(&EcKey::generate(&group).unwrap().private_key_to_pem().unwrap()).unwrap()
}

struct World {
    store: Store,
    vault: Vault,
    intake: Intake,
    provider: Arc<PartnerProvider>,
    keys: Value,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(url: &str, rate: Option<Rate>) -> Self {
        let folder = portcullis_test_support::scratch_dir();
        let url_of_store = format!("sqlite://{}/p.db", folder.path().display());
        let options = ConnectOptions { url: url_of_store.into(), max_connections: 4 };
        let store = Store::connect(&options).await.unwrap();
        let master = MasterKey::from_base64url(&"A".repeat(43)).unwrap();
        let vault = Vault::open(&store, &master, &SystemRandomness).await.unwrap();
        let format = Format::new("^acme_[0-9]{8}$").unwrap();
        let mut catalog = Catalog::default();
        let (provider, mode) = ("acme".to_owned(), Mode::Revoke);
        catalog.add(TYPE, Handling { provider, mode, format: format.clone() });
        let (own, random) = (Arc::new(NoOwnTokens), Arc::new(SystemRandomness));
        let intake = Intake::new(store.clone(), vault.clone(), catalog, own, random, 1000);
        let key = key();
        let keys = document([(key.public(), true)]);
        let partner = Partner {
            name: "acme".into(),
            url: format!("{url}/leaks").parse().unwrap(),
            key,
            formats: BTreeMap::from([(TYPE.to_owned(), format)]),
            rate,
        };
        let http = client(&ClientOptions::default()).unwrap();
        let provider = Arc::new(PartnerProvider::new(partner, http, store.clone()));
        let keys = serde_json::from_str(&keys).unwrap();
        Self { store, vault, intake, provider, keys, _folder: folder }
    }

    async fn report(&self, secret: &str, location: Option<&str>) {
        let report = Report {
            token_type: TYPE.into(),
            secret: secret.into(),
            location: location.map(str::to_owned),
        };
        self.intake.accept("gitlab", vec![report]).await.unwrap();
    }

    async fn attempt(&self, token_type: &str, secret: &str) -> Verdict {
        self.attempt_within(PATIENCE, token_type, secret).await
    }

    async fn attempt_within(&self, budget: Duration, token_type: &str, secret: &str) -> Verdict {
        let secret = SecretString::from(secret);
        let fingerprint = &self.vault.fingerprint(&secret);
        self.provider.revoke(&Attempt { token_type, secret: &secret, fingerprint, budget }).await
    }

    fn work(&self, options: Options) -> Worker {
        let (store, vault) = (self.store.clone(), self.vault.clone());
        let random = Arc::new(SystemRandomness);
        Worker::start(store, vault, vec![self.provider.clone()], options, random)
    }

    async fn end_of(&self, secret: &str) -> Revocation {
        let fingerprint = self.vault.fingerprint(&secret.into());
        for _ in 0..1000 {
            let row = self.store.revocation(&fingerprint).await.unwrap().unwrap().revocation;
            if row.ended_at.is_some() {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it never ended");
    }
}

fn always(status: u16) -> impl Fn(&Post) -> Option<Reply> {
    move |_| Some(Reply::status(status))
}

fn again(after: Option<u64>, uncertain: bool) -> Finding {
    Finding::Retry { after: after.map(Duration::from_secs), uncertain }
}

fn options() -> Options {
    Options {
        concurrency: 4,
        call_timeout: PATIENCE,
        lease_margin: Duration::from_secs(30),
        give_up_after: Duration::from_millis(400),
        retry_base: Duration::from_millis(20),
        retry_cap: Duration::from_millis(50),
        poll_interval: Duration::from_millis(100),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_vendor_is_told_what_leaked_and_where_it_was_seen_first() {
    let inbox = Inbox::start(always(202));
    let world = World::new(inbox.url(), None).await;
    world.report(&secret(1), None).await;
    world.report(&secret(1), Some("https://git.example/a \"b\"/ü#L1")).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    world.report(&secret(1), Some("https://git.example/later")).await;
    world.report(&secret(2), None).await;
    for n in [1, 2] {
        let verdict = world.attempt(TYPE, &secret(n)).await;
        assert_eq!((verdict.finding, verdict.code), (Finding::Submitted, "submitted"));
    }
    let [first, second] = inbox.posts().try_into().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&first.body),
        r#"[{"type":"acme_token","token":"acme_00000001","url":"https://git.example/a \"b\"/ü#L1"}]"#
    );
    assert_eq!(second.json(), json!([{ "type": TYPE, "token": secret(2), "url": "" }]));
    for post in [first, second] {
        assert_eq!(post.line, "POST /leaks");
        assert_eq!(post.headers["content-type"], "application/json");
        assert_eq!(post.signer(&world.keys).unwrap()["is_current"], true);
        let changed = Post { body: [post.body.as_slice(), b" "].concat(), ..post.clone() };
        assert_eq!(changed.signer(&world.keys), None, "over the very bytes");
    }
}

#[tokio::test]
async fn anything_but_2xx_is_told_again() {
    for (status, finding, code) in [
        (200, Finding::Submitted, "submitted"),
        (204, Finding::Submitted, "submitted"),
        (304, again(None, false), "redirect"),
        (400, again(None, false), "not_understood"),
        (401, again(None, false), "not_accepted"),
        (404, again(None, false), "not_accepted"),
        (413, again(None, false), "not_understood"),
        (429, again(None, false), "rate_limited"),
        (500, again(None, true), "server_error"),
        (503, again(None, true), "server_error"),
    ] {
        let inbox = Inbox::start(always(status));
        let world = World::new(inbox.url(), None).await;
        let verdict = world.attempt(TYPE, &secret(1)).await;
        assert_eq!((verdict.finding, verdict.code), (finding, code), "{status}");
        assert_eq!(verdict.reason, Some(format!("status {status}")));
        assert_eq!(inbox.posts().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_nowhere() {
    let elsewhere = Inbox::start(always(200));
    let to = elsewhere.url().to_owned();
    for status in [301, 302, 303, 307, 308] {
        let to = to.clone();
        let inbox = Inbox::start(move |_| Some(Reply::status(status).header("Location", &to)));
        let world = World::new(inbox.url(), None).await;
        assert_eq!(world.attempt(TYPE, &secret(1)).await.code, "redirect", "{status}");
        assert_eq!(inbox.posts().len(), 1);
    }
    assert!(elsewhere.posts().is_empty());
}

#[tokio::test]
async fn a_vendor_who_is_away_or_hangs_up_is_told_again() {
    let inbox = Inbox::start(|_| None);
    let world = World::new(inbox.url(), None).await;
    let verdict = world.attempt(TYPE, &secret(1)).await;
    assert_eq!((verdict.finding, verdict.code), (again(None, true), "lost"));
    let hangs = Inbox::start(|_| Some(Reply { delay: PATIENCE, ..Reply::status(200) }));
    let world = World::new(hangs.url(), None).await;
    let verdict = world.attempt_within(Duration::from_secs(4), TYPE, &secret(1)).await;
    assert_eq!((verdict.finding, verdict.code), (again(None, true), "timeout"));
    let port = portcullis_test_support::free_port();
    let world = World::new(&format!("http://127.0.0.1:{port}"), None).await;
    let verdict = world.attempt(TYPE, &secret(1)).await;
    assert_eq!((verdict.finding, verdict.code), (again(None, false), "unreachable"));
}

#[tokio::test]
async fn a_vendor_who_asks_for_a_pause_has_it() {
    for status in [429, 503, 403] {
        let inbox = Inbox::start(move |_| Some(Reply::status(status).header("Retry-After", "120")));
        let world = World::new(inbox.url(), None).await;
        let verdict = world.attempt(TYPE, &secret(1)).await;
        assert_eq!(verdict.finding, again(Some(120), status == 503), "{status}");
        assert_eq!(world.attempt(TYPE, &secret(2)).await.code, "paced");
        assert_eq!(inbox.posts().len(), 1, "{status}");
    }
    let inbox = Inbox::start(always(200));
    let world = World::new(inbox.url(), Some(Rate { requests: 1, seconds: 3600 })).await;
    assert_eq!(world.attempt(TYPE, &secret(1)).await.code, "submitted");
    assert_eq!(world.attempt(TYPE, &secret(2)).await.code, "paced");
    assert_eq!(inbox.posts().len(), 1);
}

#[tokio::test]
async fn what_is_not_the_vendors_is_not_sent() {
    let inbox = Inbox::start(always(200));
    let world = World::new(inbox.url(), None).await;
    for (token_type, secret, code) in [
        (TYPE, "glpat-0123456789abcdefghij", "format"),
        ("other", "acme_00000001", "unsupported_type"),
    ] {
        let verdict = world.attempt(token_type, secret).await;
        assert_eq!((verdict.finding, verdict.code), (Finding::Refused, code));
    }
    assert!(inbox.posts().is_empty());
}

/// The tokens of a request.
fn tokens(post: &Post) -> Vec<String> {
    let items = post.json();
    items.as_array().unwrap().iter().map(|i| i["token"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_told_in_few_requests_and_each_leak_once() {
    let inbox = Inbox::start(always(200));
    let world = World::new(inbox.url(), None).await;
    for n in 0..250 {
        world.report(&secret(n), None).await;
    }
    let worker = world.work(options());
    for n in 0..250 {
        let row = world.end_of(&secret(n)).await;
        assert_eq!((row.state.as_str(), row.code.as_deref()), ("submitted", Some("submitted")));
    }
    worker.stop().await;
    let told: Vec<String> = inbox.posts().iter().flat_map(tokens).collect();
    assert_eq!(told.len(), 250);
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>().len(), 250);
    assert!(inbox.posts().iter().all(|post| tokens(post).len() <= 100));
    assert!(inbox.posts().len() <= 25, "{}", inbox.posts().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leak_that_a_vendor_does_not_understand_keeps_no_other_alive() {
    let inbox = Inbox::start(|post| {
        let bad = tokens(post).contains(&secret(13));
        Some(Reply::status(if bad { 422 } else { 200 }))
    });
    let world = Arc::new(World::new(inbox.url(), None).await);
    let calls: Vec<_> = (0..40)
        .map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.attempt(TYPE, &secret(n)).await.code })
        })
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        let expected = if n == 13 { "not_understood" } else { "submitted" };
        assert_eq!(call.await.unwrap(), expected, "{n}");
    }
    assert!(inbox.posts().iter().all(|post| post.signer(&world.keys).is_some()));
}

#[tokio::test]
async fn what_a_vendor_never_takes_is_given_up_and_a_retry_in_time_is_taken() {
    let inbox = Inbox::start(always(500));
    let world = World::new(inbox.url(), None).await;
    world.report(&secret(1), None).await;
    let worker = world.work(options());
    let row = world.end_of(&secret(1)).await;
    assert_eq!((row.state.as_str(), row.code.as_deref()), ("failed", Some("server_error")));
    worker.stop().await;
    assert!(inbox.posts().len() >= 5);

    let calls = std::sync::atomic::AtomicUsize::new(0);
    let inbox = Inbox::start(move |_| {
        let n = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if n == 0 { None } else { Some(Reply::status(if n == 1 { 500 } else { 200 })) }
    });
    let world = World::new(inbox.url(), None).await;
    world.report(&secret(2), None).await;
    let worker = world.work(Options { give_up_after: Duration::from_mins(1), ..options() });
    assert_eq!(world.end_of(&secret(2)).await.state.as_str(), "submitted");
    worker.stop().await;
    let bodies: BTreeSet<Vec<u8>> = inbox.posts().into_iter().map(|post| post.body).collect();
    assert_eq!((inbox.posts().len(), bodies.len()), (3, 1));
}
