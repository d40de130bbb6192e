//! Bodies that do not come, or do not end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Good, Wire, start, status};
use crate::raw::{chunk, raw};
use crate::support::{Database, PAT_TYPE, PATIENCE, REPORTING, eventually};

/// Connections without a request stand as long as ever: good clients have theirs kept.
const SHORT: &str = "[server.limits]\nbody_timeout = \"1s\"\n";

fn head(length: usize) -> String {
    format!(
        "POST /v1/revoke_tokens HTTP/1.1\r\nHost: a\r\nAuthorization: {REPORTING}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

fn problem(answer: &str) -> Value {
    assert!(answer.contains("application/problem+json"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// What came before it is taken, as always.
pub(crate) async fn a_body_that_drips_or_stands_still_ends(database: Database) {
    let gateway = start(&database, "", SHORT).await;
    let good = Good::of(&gateway).await;
    let leaked = gateway.mint().await.token;
    let item = json!({"type": PAT_TYPE, "token": leaked});
    for (drip, begin) in [(" ", format!("[{item},")), ("", "[".to_owned()), ("", String::new())] {
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(head(64 << 20) + &begin).await;
        let answer = wire.end(drip).await;
        let problem = problem(&answer);
        assert_eq!((status(&answer), &problem["code"]), ("408", &json!("body_timeout")));
        assert_eq!(problem["accepted"], u8::from(begin.len() > 1), "{answer}");
        good.is_served().await;
    }
    assert_eq!(gateway.auth(&leaked).await.status, 401, "its report was committed");
    gateway.stop().await;
}

/// It takes three times as long as a part of it may.
pub(crate) async fn a_slow_body_that_goes_on_is_taken(database: Database) {
    let gateway = start(&database, "", SHORT).await;
    let items = json!([{"type": PAT_TYPE, "token": gateway.mint().await.token}]).to_string();
    let body = " ".repeat(120_000 - items.len()) + &items;
    for _ in 0..5 {
        let mut wire = Wire::open(gateway.address()).await;
        let (mut sent, mut late, mut last) = (true, false, Instant::now());
        wire.send(head(body.len())).await;
        for part in body.as_bytes().chunks(4000) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            sent &= wire.send(part).await;
            late |= last.elapsed() > Duration::from_millis(700);
            last = Instant::now();
        }
        // The machine stood still, and what came of that says nothing.
        if late {
            continue;
        }
        assert!(sent);
        let (_, answer) = wire.read(|text| text.contains("\r\n\r\n")).await;
        assert_eq!(status(&answer), "204");
        gateway.stop().await;
        return;
    }
    panic!("the machine stood still each time");
}

pub(crate) async fn a_body_without_end_is_refused(database: Database) {
    let rest = "[revocation_api]\nmax_body = \"1MiB\"\n";
    let gateway = start(&database, "", rest).await;
    let good = Good::of(&gateway).await;
    for (credential, code) in [(REPORTING, "413"), ("nobody", "401")] {
        let authorization = format!("Authorization: {credential}");
        let head =
            ["POST /v1/revoke_tokens HTTP/1.1", &authorization, "Transfer-Encoding: chunked"];
        let endless =
            std::iter::once(chunk(b"[")).chain(std::iter::repeat_with(|| chunk(&[b' '; 8192])));
        let (answered, text) = raw(gateway.address(), &head, endless).await;
        assert_eq!(answered.to_string(), code, "{text}");
        good.is_served().await;
    }
    gateway.stop().await;
}

/// They hold their places without saying more; whoever comes then hears it before he has sent his body.
pub(crate) async fn large_reports_are_taken_a_few_at_a_time(database: Database) {
    let gateway = start(&database, "", "").await;
    let good = Good::of(&gateway).await;
    let begin = async || {
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(head(64 << 20) + "[").await;
        wire
    };
    let mut large = Vec::new();
    for _ in 0..8 {
        large.push(begin().await);
    }
    let mut refused = None;
    while refused.is_none() {
        assert!(large.len() < 20, "nobody is refused");
        let mut wire = begin().await;
        refused = tokio::time::timeout(Duration::from_millis(300), wire.answer()).await.ok();
        large.push(wire);
    }
    let refused = refused.unwrap();
    assert_eq!((status(&refused), &problem(&refused)["code"]), ("503", &json!("unavailable")));
    assert!(refused.contains("retry-after: "), "{refused}");

    let leaked = gateway.mint().await.token;
    let item = json!({"type": PAT_TYPE, "token": leaked}).to_string();
    let unannounced = [
        "POST /v1/revoke_tokens HTTP/1.1",
        &format!("Authorization: {REPORTING}"),
        "Transfer-Encoding: chunked",
    ];
    let spaces = || chunk(&vec![b' '; 64 << 10]);
    let pieces = [chunk(format!("[{item}").as_bytes())].into_iter();
    let pieces = pieces.chain(std::iter::repeat_with(spaces).take(100));
    let (status_of, answer) = raw(gateway.address(), &unannounced, pieces).await;
    assert_eq!((status_of, &problem(&answer)["accepted"]), (503, &json!(1)), "{answer}");
    assert_eq!(gateway.auth(&leaked).await.status, 401, "it was committed");
    assert_eq!(gateway.report(&json!([])).await.status, 204, "a small one needs no place");
    good.is_served().await;

    drop(large);
    let body = format!("[{}]", " ".repeat(2 << 20));
    eventually(PATIENCE, async || {
        (gateway.report_as(REPORTING, body.clone()).await.status == 204).then_some(())
    })
    .await;
    gateway.stop().await;
}
