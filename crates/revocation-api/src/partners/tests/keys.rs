//! Keys are fetched when that may help, kept, and not given up lightly.

use std::time::{Duration, Instant};

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use portcullis_base::http::{ClientOptions, client};
use portcullis_test_support::{Reply, Site};
use serde_json::{Value, json};
use url::Url;

use super::super::keys::{Found, Keys};
use super::{OF_GITHUB, OF_PYPI, Sample, pem};

const PATH: &str = "/meta/public_keys";
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn entry(sample: &Sample, is_current: bool) -> Value {
    let key = pem(sample.key);
    json!({ "key_identifier": sample.identifier, "key": key, "is_current": is_current })
}

fn document(keys: &[Value]) -> Reply {
    Reply::json(json!({ "public_keys": keys, "more": null }))
}

/// As GitHub's own looked once: the older of the samples' keys signs no more.
fn published() -> Reply {
    document(&[entry(&OF_PYPI, false), entry(&OF_GITHUB, true)])
}

fn keys(site: &Site) -> Keys {
    let http = client(&ClientOptions::default()).unwrap();
    Keys::new(http, format!("{}{PATH}", site.url()).parse().unwrap()).unwrap()
}

fn site(reply: Reply) -> (Site, Keys) {
    let site = Site::start();
    site.set(PATH, reply);
    let keys = keys(&site);
    (site, keys)
}

fn letter(found: &Found) -> char {
    match found {
        Found::Current(_) => 'C',
        Found::Retired => 'R',
        Found::Unknown => '?',
        Found::Unavailable => '-',
    }
}

async fn ask(keys: &Keys, identifier: &str, at: Instant) -> char {
    letter(&keys.find_at(identifier, at).await)
}

#[tokio::test]
async fn a_key_is_found_and_checks_what_it_signed() {
    let (site, keys) = site(published());
    let Found::Current(key) = keys.find(OF_GITHUB.identifier).await else { panic!("not found") };
    assert!(key.made(OF_GITHUB.signature, OF_GITHUB.body.as_bytes()));
    assert_eq!(letter(&keys.find(OF_PYPI.identifier).await), 'R');
    assert_eq!(letter(&keys.find("another").await), '?');
    assert_eq!(letter(&keys.find(&OF_GITHUB.identifier.to_uppercase()).await), '?');
    assert_eq!(site.count(PATH), 1, "the first answer was a moment ago");
}

#[tokio::test]
async fn an_unknown_one_has_them_fetched_again_once_a_minute() {
    let (site, keys) = site(document(&[entry(&OF_PYPI, true)]));
    let start = Instant::now();
    assert_eq!(ask(&keys, OF_PYPI.identifier, start).await, 'C');
    site.set(PATH, published());
    for after in [1, 30, 59] {
        assert_eq!(ask(&keys, OF_GITHUB.identifier, start + after * SECOND).await, '?');
    }
    assert_eq!(
        (ask(&keys, OF_PYPI.identifier, start + 61 * SECOND).await, site.count(PATH)),
        ('C', 1)
    );
    assert_eq!(
        (ask(&keys, OF_GITHUB.identifier, start + 61 * SECOND).await, site.count(PATH)),
        ('C', 2)
    );
    assert_eq!(ask(&keys, OF_PYPI.identifier, start + 62 * SECOND).await, 'R');
    let long = "x".repeat(257);
    assert_eq!((ask(&keys, &long, start + HOUR).await, site.count(PATH)), ('?', 2));
    // One that signs no more may be one that does not sign yet.
    site.set(PATH, document(&[entry(&OF_PYPI, true)]));
    assert_eq!(
        (ask(&keys, OF_PYPI.identifier, start + 122 * SECOND).await, site.count(PATH)),
        ('C', 3)
    );
}

#[tokio::test]
async fn all_who_wait_share_one_fetch_also_when_its_first_caller_leaves() {
    let (site, keys) = site(Reply { delay: 2 * SECOND, ..published() });
    let start = Instant::now();
    let first = keys.find_at(OF_GITHUB.identifier, start);
    assert!(tokio::time::timeout(SECOND / 20, first).await.is_err(), "it has left");
    let all = (0..50).map(|_| {
        let keys = keys.clone();
        tokio::spawn(async move { ask(&keys, OF_GITHUB.identifier, start).await })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), 'C');
    }
    assert_eq!(site.count(PATH), 1);
}

#[tokio::test]
async fn they_are_renewed_and_a_withdrawn_key_is_gone() {
    let (site, keys) = site(published());
    let start = Instant::now();
    assert_eq!(ask(&keys, OF_GITHUB.identifier, start).await, 'C');
    site.set(PATH, document(&[entry(&OF_PYPI, true)]));
    assert_eq!(ask(&keys, OF_GITHUB.identifier, start + 14 * MINUTE).await, 'C');
    assert_eq!(ask(&keys, OF_GITHUB.identifier, start + 15 * MINUTE).await, '?');
    assert_eq!(site.count(PATH), 2);
}

#[tokio::test]
async fn a_source_that_is_down_costs_known_keys_after_a_day() {
    let (site, keys) = site(published());
    let start = Instant::now();
    assert_eq!(ask(&keys, OF_GITHUB.identifier, start).await, 'C');
    site.set(PATH, Reply::status(502));
    for after in [HOUR, 23 * HOUR] {
        assert_eq!(ask(&keys, OF_GITHUB.identifier, start + after).await, 'C', "{after:?}");
        assert_eq!(ask(&keys, "another", start + after + 6 * SECOND).await, '?', "{after:?}");
    }
    assert!(site.count(PATH) > 1, "it is asked");
    assert_eq!(ask(&keys, OF_GITHUB.identifier, start + 24 * HOUR).await, '-');
    site.set(PATH, published());
    assert_eq!(ask(&keys, OF_GITHUB.identifier, start + 24 * HOUR + SECOND).await, '-', "soon");
    assert_eq!(ask(&keys, OF_GITHUB.identifier, start + 24 * HOUR + 5 * SECOND).await, 'C');
}

#[tokio::test]
async fn nobody_waits_for_a_source_that_hangs_twice() {
    let (site, keys) = site(published());
    let start = Instant::now();
    assert_eq!(ask(&keys, OF_GITHUB.identifier, start).await, 'C');
    site.set(PATH, Reply::status(500));
    assert_eq!(ask(&keys, OF_GITHUB.identifier, start + HOUR).await, 'C');
    site.set(PATH, Reply { delay: 3 * SECOND, ..published() });
    let asked = ask(&keys, OF_GITHUB.identifier, start + HOUR + 5 * SECOND);
    assert_eq!(tokio::time::timeout(SECOND, asked).await, Ok('C'));
}

#[tokio::test]
async fn what_is_no_document_leaves_those_that_there_are() {
    let many = json!({ "public_keys": [entry(&OF_GITHUB, true)], "x": "x".repeat(256 * 1024) });
    let bad = [
        Reply::status(200),
        Reply::json("[]"),
        Reply::json("{}"),
        Reply::json(r#"{"public_keys":{}}"#),
        Reply::json(r#"{"public_keys":[]}"#),
        Reply::json(r#"{"public_keys":[1,null,[],{}]}"#),
        Reply::json("<html>"),
        Reply::json(many),
        Reply { status: 204, ..published() },
        Reply { status: 404, ..published() },
        Reply { status: 302, ..published() }.header("Location", "/elsewhere"),
    ];
    for (n, reply) in bad.into_iter().enumerate() {
        let (site, keys) = site(reply.clone());
        site.set("/elsewhere", published());
        let start = Instant::now();
        assert_eq!(ask(&keys, OF_GITHUB.identifier, start).await, '-', "case {n}");
        site.set(PATH, published());
        let mut now = start + 5 * SECOND;
        assert_eq!(ask(&keys, OF_GITHUB.identifier, now).await, 'C', "case {n}");
        site.set(PATH, reply);
        now += HOUR;
        assert_eq!(ask(&keys, OF_GITHUB.identifier, now).await, 'C', "case {n}");
        assert_eq!((site.count(PATH), site.count("/elsewhere")), (3, 0), "case {n}");
    }
}

#[tokio::test]
async fn one_odd_key_does_not_spoil_the_others() {
    let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
    let other = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let other = String::from_utf8(other.public_key_to_pem().unwrap()).unwrap();
    let good = pem(OF_GITHUB.key);
    let odd = json!([
        null,
        7,
        [],
        ["listed", good, true],
        {},
        { "key_identifier": "no key", "is_current": true },
        { "key_identifier": "P-384", "key": other, "is_current": true },
        { "key_identifier": "no PEM", "key": "x", "is_current": true },
        { "key_identifier": 7, "key": good, "is_current": true },
        { "key_identifier": "", "key": good, "is_current": true },
        { "key_identifier": "not said", "key": good },
        { "key_identifier": "said oddly", "key": good, "is_current": "true" },
    ]);
    let mut all = odd.as_array().unwrap().clone();
    all.push(entry(&OF_GITHUB, true));
    all.push(json!({ "key_identifier": OF_GITHUB.identifier, "key": pem(OF_PYPI.key), "is_current": true }));
    let (_site, keys) = site(document(&all));
    let Found::Current(key) = keys.find(OF_GITHUB.identifier).await else { panic!("not found") };
    assert!(key.made(OF_GITHUB.signature, OF_GITHUB.body.as_bytes()), "the first one counts");
    for identifier in ["listed", "no key", "P-384", "no PEM", "7", "not said", "said oddly"] {
        assert_eq!(letter(&keys.find(identifier).await), '?', "{identifier}");
    }
    let crowd: Vec<Value> = (0..101)
        .map(|n| json!({ "key_identifier": format!("k{n}"), "key": good, "is_current": true }))
        .collect();
    let (_site, keys) = site(document(&crowd));
    assert_eq!(letter(&keys.find("k99").await), 'C');
    assert_eq!(letter(&keys.find("k100").await), '?', "there is an end");
}

#[test]
fn plain_http_is_for_loopback_alone() {
    for (url, safe) in [
        ("https://a.example/keys", true),
        ("http://127.0.0.1:1/keys", true),
        ("http://[::1]/", true),
        ("http://localhost/", true),
        ("http://a.example/keys", false),
        ("http://127.0.0.1.example/", false),
        ("http://10.0.0.1/", false),
        ("ftp://localhost/", false),
    ] {
        let url: Url = url.parse().unwrap();
        let http = client(&ClientOptions::default()).unwrap();
        assert_eq!(Keys::new(http, url.clone()).is_ok(), safe, "{url}");
    }
}
