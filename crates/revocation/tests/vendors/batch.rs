//! A vendor who takes many at a time.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use portcullis_revocation::http::HttpProvider;
use portcullis_revocation::provider::{Finding, Provider as _, Verdict};
use portcullis_revocation::worker::Options;
use portcullis_test_support::{Act, Asked, Reply, Vendor};

use crate::support::{again, ask, in_batches, provider, say, with_unknown_as_404};

const PAT: &str = "gitleaks_rule_id_github_personal_access_token";

fn token(n: usize) -> String {
    format!("ghp_{n:036}")
}

async fn all_at_once(provider: &HttpProvider, count: usize) -> Vec<Verdict> {
    let tokens: Vec<String> = (0..count).map(token).collect();
    join_all(tokens.iter().map(|token| ask(provider, PAT, token))).await
}

fn listed(asked: &Asked) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    let members = body.as_object().unwrap();
    assert_eq!(members.keys().collect::<Vec<_>>(), ["credentials"]);
    serde_json::from_value(members["credentials"].clone()).unwrap()
}

#[tokio::test]
async fn a_thousand_at_once_are_one_request() {
    let vendor = Vendor::start(|_| say(202, "{}"));
    let verdicts = all_at_once(&provider("github", vendor.url()), 1000).await;
    assert!(verdicts.iter().all(|verdict| verdict.finding == Finding::Submitted));
    let asked = vendor.take();
    assert_eq!(asked.len(), 1);
    assert_eq!(listed(&asked[0]), (0..1000).map(token).collect::<Vec<_>>());
    assert_eq!(asked[0].header("authorization"), None);

    all_at_once(&provider("github", vendor.url()), 1250).await;
    let mut sizes: Vec<usize> = vendor.take().iter().map(|asked| listed(asked).len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [250, 1000], "no more than it takes");
}

#[test]
fn the_worker_works_for_a_vendor_as_wide_as_a_request_of_it_is() {
    let concurrency = |preset: &str, configured| {
        let options = Options { concurrency: configured, ..Options::default() };
        provider(preset, "http://127.0.0.1:1").adjust(&options).concurrency
    };
    assert_eq!((concurrency("github", 16), concurrency("slack", 16)), (1000, 16));
    assert_eq!((concurrency("github", 2000), concurrency("slack", 1)), (2000, 1));
    let wide = in_batches("github", "http://127.0.0.1:1", 10_000);
    assert_eq!(wide.adjust(&Options::default()).concurrency, 1000, "and no wider");
}

#[tokio::test]
async fn one_that_the_vendor_takes_exception_to_keeps_no_other_alive() {
    // GitHub tells its limit with every answer.
    let limit = |reply: Reply| {
        let reply = reply.header("Date", "Wed, 17 Jun 2026 08:42:30 GMT");
        reply.header("X-RateLimit-Remaining", "42").header("X-RateLimit-Reset", "1781689000")
    };
    let vendor = Vendor::start(move |asked| {
        let bad = asked.text().contains(&token(23));
        Act::Say(limit(Reply::status(if bad { 422 } else { 202 })))
    });
    let provider = provider("github", vendor.url());
    for (n, verdict) in all_at_once(&provider, 64).await.into_iter().enumerate() {
        let expected = if n == 23 { again(None, false) } else { Finding::Submitted };
        assert_eq!(verdict.finding, expected, "{n}: {verdict:?}");
    }
    let asked = vendor.asked();
    assert!(asked.len() <= 1 + 2 * 6, "in halves: {}", asked.len());
    let last: BTreeSet<String> = asked.iter().flat_map(listed).collect();
    assert_eq!(last.len(), 64);
}

/// An answer that one of many was unknown calls the others neither dead nor unknown.
#[tokio::test]
async fn one_that_the_vendor_does_not_know_keeps_no_other_alive() {
    let vendor = Vendor::start(move |asked| {
        let unknown = asked.text().contains(&token(23));
        say(if unknown { 404 } else { 202 }, "{}")
    });
    let provider = with_unknown_as_404("github", vendor.url());
    for (n, verdict) in all_at_once(&provider, 64).await.into_iter().enumerate() {
        let expected =
            if n == 23 { Finding::Inactive { confirmed: true } } else { Finding::Submitted };
        assert_eq!(verdict.finding, expected, "{n}: {verdict:?}");
    }
    assert!(vendor.asked().len() <= 1 + 2 * 6, "in halves");
}

#[tokio::test]
async fn what_is_no_fault_of_a_secret_is_not_looked_for_among_them() {
    for (act, code, finding) in [
        (say(403, r#"{"message":"Forbidden"}"#), "unauthorized", again(None, false)),
        (say(401, ""), "unauthorized", again(None, false)),
        (say(500, ""), "server_error", again(None, true)),
        (say(202, r#"{"errors":["none taken"]}"#), "unexpected_answer", again(None, true)),
        (Act::Say(Reply::status(302).header("Location", "/")), "redirect", again(None, false)),
        (Act::Cut, "lost", again(None, true)),
    ] {
        for preset in ["github", "github-enterprise"] {
            let vendor = Vendor::start(|_| Act::Cut);
            vendor.set(act.clone());
            let verdicts = all_at_once(&provider(preset, vendor.url()), 64).await;
            let same = verdicts.iter().all(|v| (v.code, v.finding) == (code, finding));
            assert!(same, "{preset} {act:?}: {:?}", verdicts[0]);
            assert_eq!(vendor.asked().len(), 1, "{preset} {act:?}");
        }
    }
}

#[tokio::test]
async fn a_pause_is_one_for_all() {
    let busy = Reply::status(429).header("Retry-After", "600");
    let vendor = Vendor::start(move |_| Act::Say(busy.clone()));
    let provider = provider("github", vendor.url());
    let verdicts = all_at_once(&provider, 64).await;
    assert!(verdicts.iter().all(|verdict| verdict.finding == again(Some(600), false)));
    let verdicts = all_at_once(&provider, 64).await;
    assert!(verdicts.iter().all(|verdict| verdict.code == "paced"));
    assert_eq!(vendor.asked().len(), 1);
}

#[tokio::test]
async fn no_more_requests_than_the_vendor_takes() {
    let vendor = Vendor::start(|_| say(202, ""));
    let provider = provider("github", vendor.url());
    for n in 0..60 {
        assert_eq!(ask(&provider, PAT, &token(n)).await.finding, Finding::Submitted, "{n}");
    }
    let verdict = ask(&provider, PAT, &token(60)).await;
    assert_eq!(verdict.code, "paced", "{verdict:?}");
    assert_eq!(vendor.asked().len(), 60);
}
