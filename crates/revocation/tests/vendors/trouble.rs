//! Vendors who have no time, are not there, or say what cannot be.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use portcullis_revocation::provider::Finding;
use portcullis_test_support::{Act, Reply, Vendor};

use crate::support::{again, ask, ask_within, at_rate, provider, say};
use crate::table::{Row, rows};

#[tokio::test]
async fn a_vendor_that_wants_a_pause_has_it() {
    for row in rows() {
        let busy = Reply::status(429).header("Retry-After", "3600");
        let vendor = Vendor::start(move |_| Act::Say(busy.clone()));
        let provider = provider(row.preset, vendor.url());
        let verdict = ask(&provider, row.token_type, &row.secret).await;
        assert_eq!((verdict.finding, verdict.code), (again(Some(3600), false), "rate_limited"));
        let verdict = ask(&provider, row.token_type, &row.secret).await;
        let Finding::Retry { after: Some(wait), uncertain: false } = verdict.finding else {
            panic!("{}: {verdict:?}", row.preset)
        };
        assert_eq!(verdict.code, "paced", "{}", row.preset);
        assert!(wait > Duration::from_secs(3500) && wait <= Duration::from_hours(1), "{wait:?}");
        assert_eq!(vendor.asked().len(), 1, "{}: nothing goes out in the meantime", row.preset);
    }
}

/// What began later would be cut off in the midst of it.
#[tokio::test]
async fn nothing_is_begun_for_which_too_little_time_is_left() {
    for preset in ["slack", "github"] {
        let rows = rows();
        let row = rows.iter().find(|row| row.preset == preset).unwrap();
        let (status, body) = row.success[0];
        let vendor = Vendor::start(move |_| say(status, body));
        let provider = at_rate(preset, vendor.url(), 1, 9);
        assert_eq!(ask(&provider, row.token_type, &row.secret).await.finding, row.end);
        let before = Instant::now();
        let verdict = ask(&provider, row.token_type, &row.secret).await;
        let waits = matches!(verdict.finding, Finding::Retry { after: Some(_), uncertain: false });
        assert!(waits && verdict.code == "paced", "{verdict:?}");
        assert!(before.elapsed() < Duration::from_secs(5), "of an attempt that may take ten");
        assert_eq!(vendor.asked().len(), 1);
    }
}

/// Whoever does not answer is heard of before the worker loses patience, or nobody would know that it was asked.
#[tokio::test]
async fn a_vendor_that_hangs_is_uncertain_in_time() {
    let hangs = Reply { delay: Duration::from_secs(30), ..Reply::status(204) };
    for row in rows().iter().filter(|row| ["slack", "github"].contains(&row.preset)) {
        let hangs = hangs.clone();
        let vendor = Vendor::start(move |_| Act::Say(hangs.clone()));
        let provider = provider(row.preset, vendor.url());
        let budget = Duration::from_secs(2);
        let asked = ask_within(budget, &provider, row.token_type, &row.secret);
        let verdict = tokio::time::timeout(budget, asked).await.expect("a verdict in time");
        assert_eq!((verdict.finding, verdict.code), (again(None, true), "timeout"));
    }
}

#[tokio::test]
async fn a_vendor_that_is_down_is_asked_again() {
    join_all(rows().iter().map(is_asked_again)).await;
}

async fn is_asked_again(row: &Row) {
    // Nobody is ever there, also while others look for a port to be at.
    let away = provider(row.preset, "http://127.0.0.1:1");
    for _ in 0..2 {
        let verdict = ask(&away, row.token_type, &row.secret).await;
        let shown = format!("{}: {verdict:?}", row.preset);
        assert_eq!((verdict.finding, verdict.code), (again(None, false), "unreachable"), "{shown}");
    }
    let told = Instant::now();
    let more = ask(&away, row.token_type, &row.secret);
    let soon = tokio::time::timeout(Duration::from_millis(500), more).await;
    // Of a pause of 2 s.
    let overslept = told.elapsed() > Duration::from_millis(1500);
    assert!(soon.is_err() || overslept, "{}: it is left alone: {soon:?}", row.preset);

    let vendor = Vendor::start(|_| Act::Cut);
    let provider = provider(row.preset, vendor.url());
    let mut expected = Vec::new();
    for (act, code) in [
        (Act::Cut, "lost"),
        (say(500, r#"{"message":"Internal Error"}"#), "server_error"),
        (say(503, ""), "server_error"),
        (say(502, "<html>bad gateway</html>"), "server_error"),
    ] {
        vendor.set(act.clone());
        let verdict = ask(&provider, row.token_type, &row.secret).await;
        let shown = format!("{} {act:?}: {verdict:?}", row.preset);
        assert_eq!((verdict.finding, verdict.code), (again(None, true), code), "{shown}");
        expected.push(row.target.clone());
    }
    let asked: Vec<String> = vendor.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(asked, expected, "{}: once each", row.preset);
}

/// A short outage must not spend what a vendor takes in an hour.
#[tokio::test]
async fn a_vendor_that_is_not_there_is_left_alone_for_a_moment() {
    for row in rows().iter().filter(|row| ["slack", "github"].contains(&row.preset)) {
        for away in [say(503, ""), say(429, "")] {
            let mut left_alone = false;
            for _ in 0..10 {
                left_alone = is_left_alone(row, &away).await;
                if left_alone {
                    break;
                }
            }
            assert!(left_alone, "{} {away:?}: the pause was overslept each time", row.preset);
        }
    }
}

/// `false` where a machine that stood still leaves nothing to be said.
async fn is_left_alone(row: &Row, away: &Act) -> bool {
    let vendor = Vendor::start(|_| Act::Cut);
    vendor.set(away.clone());
    let provider = at_rate(row.preset, vendor.url(), 2, 3600);
    let began = Instant::now();
    let first = ask(&provider, row.token_type, &row.secret).await;
    assert!(matches!(first.finding, Finding::Retry { after: None, .. }), "{first:?}");
    for _ in 0..5 {
        let more = ask(&provider, row.token_type, &row.secret);
        let soon = tokio::time::timeout(Duration::from_millis(50), more).await;
        // Of a pause of 1 s.
        if began.elapsed() > Duration::from_millis(900) {
            return false;
        }
        assert!(soon.is_err(), "{} {away:?}: {soon:?}", row.preset);
    }
    let (status, body) = row.success[0];
    vendor.set(say(status, body));
    assert_eq!(ask(&provider, row.token_type, &row.secret).await.finding, row.end);
    assert_eq!(vendor.asked().len(), 2);
    true
}

/// Answers with the status of a success that are none. A 204 has no body that could say anything, and Discord's
/// says all the same that it was HTML.
fn lies() -> Vec<Reply> {
    let page = |status, kind: &str, body: &str| Reply {
        status,
        headers: vec![("Content-Type".to_owned(), kind.to_owned())],
        ..Reply::json(body)
    };
    let mut lies =
        vec![page(205, "text/html; charset=utf-8", ""), Reply { status: 205, ..Reply::json("{}") }];
    for status in [200, 201, 202, 401, 403] {
        lies.push(page(status, "TEXT/HTML", "<html>please log in</html>"));
        lies.push(page(status, "text/plain", "\r\n<!DOCTYPE html><title>blocked</title>"));
    }
    for status in [200, 201, 202] {
        for body in [
            r#"{"ok":false,"error":"nothing_was_done"}"#,
            r#"{"error":{"code":7}}"#,
            r#"{"errors":["nothing was done"]}"#,
            r#"{"success":false}"#,
            r#"{"ok":true,"revoked":false}"#,
        ] {
            lies.push(Reply { status, ..Reply::json(body) });
        }
        let long = format!(r#"{{"padding":"{}","ok":false,"error":"no"}}"#, "x".repeat(70_000));
        lies.push(Reply { status, ..Reply::json(long) });
        let packed = Reply { status, ..Reply::json("what nobody here unpacks") };
        lies.push(packed.header("Content-Encoding", "gzip"));
    }
    lies
}

#[tokio::test]
async fn a_vendor_that_lies_is_not_believed() {
    for row in rows() {
        let vendor = Vendor::start(|_| Act::Cut);
        let provider = provider(row.preset, vendor.url());
        for lie in lies() {
            vendor.set(Act::Say(lie.clone()));
            let verdict = ask(&provider, row.token_type, &row.secret).await;
            let open = matches!(verdict.finding, Finding::Retry { after: None, .. });
            assert!(open, "{} {lie:?}: {verdict:?}", row.preset);
        }
    }
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let elsewhere = Vendor::start(|_| say(200, r#"{"ok":true,"revoked":true}"#));
    for row in rows() {
        let vendor = Vendor::start(|_| Act::Cut);
        let provider = provider(row.preset, vendor.url());
        for status in [300, 301, 302, 303, 307, 308] {
            for to in [elsewhere.url().to_owned(), format!("{}/again", vendor.url())] {
                vendor.set(Act::Say(Reply::status(status).header("Location", &to)));
                let verdict = ask(&provider, row.token_type, &row.secret).await;
                let shown = format!("{} {status}: {verdict:?}", row.preset);
                assert_eq!(
                    (verdict.finding, verdict.code),
                    (again(None, false), "redirect"),
                    "{shown}"
                );
            }
        }
        assert!(vendor.asked().iter().all(|asked| asked.target == row.target), "{}", row.preset);
        assert_eq!(vendor.asked().len(), 12, "{}", row.preset);
    }
    assert_eq!(elsewhere.asked(), []);
}
