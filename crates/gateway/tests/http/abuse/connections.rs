//! Connections that stand, and connections without number.

use std::time::{Duration, Instant};

use portcullis_base::SystemRandomness;
use portcullis_gateway::config::{self, Environment, Sources};
use portcullis_gateway::data_dir::DataDir;

use super::{Good, SHORT, Wire, start, status};
use crate::support::{ADMIN, Database, PATIENCE, REPORTING, TestGateway, eventually};

const REQUEST: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

/// Nothing, a head that never ends, the same once a request was answered, and a body that never ends and
/// that nobody reads.
pub(crate) async fn what_only_stands_is_closed(database: Database) {
    // Long enough that no head is late by chance.
    let limits = SHORT.replace("request_timeout = \"1s\"", "request_timeout = \"3s\"");
    let gateway = start(&database, "", &limits).await;
    let good = Good::of(&gateway).await;
    let unread = "POST /auth HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let announced = "POST /auth HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    let second = format!("{REQUEST}GET /health HTTP/1.1\r\n");
    let ends = [
        ("", "", vec!["408"]),
        ("GET /health HTTP/1.1\r\n", "X-A: a\r\n", vec!["408"]),
        (REQUEST, "", vec!["200"]),
        (&second, "X-A: a\r\n", vec!["200"]),
        (unread, "1\r\nx\r\n", vec!["401"]),
        (announced, "x", vec!["401"]),
    ];
    let ends = ends.map(|(begin, drip, expected)| {
        let (begin, to) = (begin.to_owned(), gateway.address());
        async move {
            let mut wire = Wire::open(to).await;
            wire.send(&begin).await;
            let text = wire.end(drip).await;
            let answers: Vec<_> = text.match_indices("HTTP/1.1 ").collect();
            let answers: Vec<_> = answers.iter().map(|(at, _)| &text[at + 9..at + 12]).collect();
            assert_eq!(answers, expected, "{begin:?} {drip:?}");
        }
    });
    tokio::join!(futures_util::future::join_all(ends), good.is_served());
    good.is_served().await;
    gateway.stop().await;
}

pub(crate) async fn idle_connections_hold_nobody_up(database: Database) {
    let gateway =
        start(&database, "", "[server.limits]\nmax_connections_per_address = 600\n").await;
    let good = Good::of(&gateway).await;
    let mut idle = Vec::new();
    for n in 0..500 {
        let mut wire = Wire::open(gateway.address()).await;
        // A fifth of them has begun a request, a fifth has had an answer.
        match n % 5 {
            0 => assert!(wire.send("GET /auth HTTP/1.1\r\n").await),
            1 => {
                wire.send(REQUEST).await;
                assert_eq!(status(&wire.answer().await), "200");
            }
            _ => {}
        }
        idle.push(wire);
    }
    for _ in 0..20 {
        good.is_served().await;
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(REQUEST).await;
        assert_eq!(status(&wire.answer().await), "200");
    }
    drop(idle);
    gateway.stop().await;
}

pub(crate) async fn too_many_connections_wait_and_are_served_later(database: Database) {
    let gateway = start(&database, "", &format!("{SHORT}max_connections = 4\n")).await;
    let opened = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(Wire::open(gateway.address()).await);
    }
    let mut late = Wire::open(gateway.address()).await;
    late.send(REQUEST).await;
    let first = tokio::time::timeout(Duration::from_millis(300), late.answer()).await;
    // The server's clock may be half a second behind.
    let passed = opened.elapsed() > Duration::from_millis(500);
    assert!(first.is_err() || passed, "nobody is closed yet, so it waits: {first:?}");
    let answer = if let Ok(answer) = first { answer } else { late.answer().await };
    assert_eq!(status(&answer), "200", "those before it had their time");
    for mut wire in silent {
        assert!(matches!(wire.end("").await.get(9..12), Some("408")));
    }
    eventually(PATIENCE, async || {
        let mut after = Wire::open(gateway.address()).await;
        after.send(REQUEST).await;
        (status(&after.answer().await) == "200").then_some(())
    })
    .await;
    gateway.stop().await;
}

pub(crate) async fn an_address_has_so_many_and_a_trusted_proxy_more(database: Database) {
    let server = "trusted_proxies = [\"127.0.0.9\"]";
    let limits = "[server.limits]\nmax_connections_per_address = 3\n";
    let gateway = start(&database, server, limits).await;
    let to = gateway.address();
    let served = async |last| {
        let mut wire = Wire::open_from(last, to).await;
        wire.send(REQUEST).await;
        let answer = wire.answer().await;
        assert!(answer.is_empty() || status(&answer) == "200", "{answer}");
        (!answer.is_empty()).then_some(wire)
    };
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(served(2).await.expect("the first three"));
    }
    assert!(served(2).await.is_none(), "closed without an answer");
    assert!(served(3).await.is_some(), "another address");
    let mut of_the_proxy = Vec::new();
    for _ in 0..10 {
        of_the_proxy.push(served(9).await.expect("each is somebody else's"));
    }
    kept.pop();
    eventually(PATIENCE, async || served(2).await).await;
    gateway.stop().await;
}

/// A gateway that gives what is under way so long at its end; `rest` is more TOML.
pub(crate) async fn start_with_grace(database: &Database, grace: &str, rest: &str) -> TestGateway {
    let file = database.configuration((0, 0), rest);
    let text = std::fs::read_to_string(&file).unwrap();
    let usual = text.lines().find(|line| line.starts_with("shutdown_grace")).unwrap();
    let grace = format!("shutdown_grace = \"{grace}\"");
    std::fs::write(&file, text.replacen(usual, &grace, 1)).unwrap();
    let sources = Sources {
        file: Some(file),
        data_dir: DataDir::at(database.folder().join("data")),
        environment: Environment::default(),
    };
    TestGateway::of(&config::load(&sources, &SystemRandomness).unwrap()).await
}

/// One request at each listener that never ends.
pub(crate) async fn both_listeners_have_one_grace(database: Database) {
    let gateway = start_with_grace(&database, "6s", "").await;
    let mut wires = Vec::new();
    for (to, path, token) in [
        (gateway.address(), "/v1/revoke_tokens", REPORTING.to_owned()),
        (gateway.admin_address(), "/v1/revocations", format!("Bearer {ADMIN}")),
    ] {
        let mut wire = Wire::open(to).await;
        wire.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n\
             Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
        ))
        .await;
        let (_, text) = wire.read(|text| text.ends_with("\r\n\r\n")).await;
        assert_eq!(status(&text), "100", "it is under way");
        wires.push(wire);
    }
    let begun = Instant::now();
    gateway.stop().await;
    let took = begun.elapsed().as_secs_f64();
    assert!((5.5..11.5).contains(&took), "{took}");
}
