//! Heads that are too large, or none.

use super::{Good, Wire, start, status};
use crate::support::Database;

/// The server's own limits: 96 headers, and 128 KiB.
pub(crate) async fn a_huge_head_is_refused_and_the_next_client_served(database: Database) {
    let gateway = start(&database, "", "").await;
    let good = Good::of(&gateway).await;
    let line = |name: usize, length: usize| format!("X-{name}: {}\r\n", "h".repeat(length));
    let long = line(1, 200 << 10);
    let many: String = (0..97).map(|n| line(n, 1)).collect();
    let both: String = (0..90).map(|n| line(n, 2 << 10)).collect();
    let endless = format!("X-Endless: {}", "h".repeat(300 << 10));
    for (headers, refused) in [
        (line(1, 60 << 10), "401"),
        ((0..94).map(|n| line(n, 1)).collect(), "401"),
        (long, "431"),
        (many, "431"),
        (both, "431"),
        (endless, "431"),
    ] {
        let mut wire = Wire::open(gateway.address()).await;
        let head = format!("GET /auth HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        wire.send(head).await;
        let answer = wire.answer().await;
        assert_eq!(status(&answer), refused, "{headers:.20}: {answer}");
        if refused == "431" {
            assert!(answer.contains("content-length: 0"), "no body, and so no problem: {answer}");
            wire.end("").await;
        }
        good.is_served().await;
    }
    gateway.stop().await;
}

pub(crate) async fn garbage_in_a_pipeline_ends_it(database: Database) {
    let gateway = start(&database, "", "").await;
    let good = Good::of(&gateway).await;
    let request = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    for garbage in
        ["\0\u{1}\u{2}\r\n\r\n", "GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\r\n: x\r\n\r\n"]
    {
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(format!("{request}{garbage}{request}")).await;
        let text = wire.end("").await;
        let answers: Vec<&str> =
            text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
        assert_eq!(answers, ["200", "400"], "{garbage:?}: {text}");
        good.is_served().await;
    }
    // Many at once are answered, each in its turn, and no more are held than a few.
    let mut wire = Wire::open(gateway.address()).await;
    let many = format!(
        "{}GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        request.repeat(200)
    );
    wire.send(many).await;
    let text = wire.end("").await;
    assert_eq!(text.matches("HTTP/1.1 200").count(), 201);
    gateway.stop().await;
}
