//! What a client may take, where it comes by TLS.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use super::World;
use super::wire::{Wire, ask};
use crate::support::{Database, PATIENCE, REPORTING, eventually};

async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(act).await.unwrap()
}

fn report(length: usize) -> String {
    format!(
        "POST /v1/revoke_tokens HTTP/1.1\r\nHost: localhost\r\nAuthorization: {REPORTING}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

pub(crate) async fn an_address_has_so_many_connections(database: Database) {
    let world = World::new(&database);
    let limits = "[server.limits]\nmax_connections_per_address = 3\n";
    let gateway = world.start(&database, false, limits).await;
    let (at, wire) = (gateway.address(), world.wire());
    let served = async || {
        let wire = wire.clone();
        blocking(move || {
            let mut connection = wire.connect(at).ok()?;
            (ask(&mut connection, "/health", "") == Ok(200)).then_some(connection)
        })
        .await
    };
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(served().await.expect("the first three"));
    }
    assert!(served().await.is_none(), "closed without an answer");
    kept.pop();
    eventually(PATIENCE, served).await;
    gateway.stop().await;
}

/// It stands for longer than four seconds; a request under way may take longer than that.
pub(crate) async fn a_connection_that_stands_is_closed(database: Database) {
    let world = World::new(&database);
    let limits = "[server.limits]\nrequest_timeout = \"3s\"\nkeep_alive = \"1s\"\n";
    let gateway = world.start(&database, false, limits).await;
    let (at, wire) = (gateway.address(), world.wire());
    let idle = wire.clone();
    let idle = blocking(move || {
        let mut connection = idle.connect(at).unwrap();
        assert_eq!(ask(&mut connection, "/health", ""), Ok(200));
        connection.write_all(b"GET /health HTTP/1.1\r\n").unwrap();
        let begun = Instant::now();
        // The other side may say goodbye or not.
        assert!(matches!(connection.read(&mut [0; 1]), Ok(0) | Err(_)));
        begun.elapsed()
    });
    let slow = blocking(move || {
        wire.call_in_two(at, (report(2) + "[").as_bytes(), b"]", || {
            std::thread::sleep(Duration::from_secs(7));
        })
    });
    let (stood, answer) = tokio::join!(idle, slow);
    assert!(stood < Duration::from_secs(20), "{stood:?}");
    assert_eq!(answer, Ok(204), "a request under way is waited for");
    gateway.stop().await;
}

pub(crate) async fn a_body_that_stands_still_ends(database: Database) {
    let world = World::new(&database);
    let limits = "[server.limits]\nbody_timeout = \"1s\"\n";
    let gateway = world.start(&database, false, limits).await;
    let (at, wire) = (gateway.address(), world.wire());
    let answer =
        blocking(move || wire.call_in_two(at, (report(64 << 20) + "[").as_bytes(), b" ", || {}));
    assert_eq!(answer.await, Ok(408));
    gateway.stop().await;
}

/// Nothing of it could be bounded.
pub(crate) async fn http_2_is_not_spoken(database: Database) {
    let world = World::new(&database);
    let gateway = world.start(&database, false, "").await;
    for at in [gateway.address(), gateway.admin_address()] {
        let both = Wire { alpn: b"\x02h2\x08http/1.1", ..world.wire() };
        assert_eq!(both.get(at, "/ready", "").await, Ok(200));
        let alone = Wire { alpn: b"\x02h2", ..world.wire() };
        let refused = alone.get(at, "/ready", "").await.unwrap_err();
        assert!(refused.contains("no application protocol"), "{refused}");
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let wire = world.wire();
        let answer = blocking(move || wire.call_in_two(at, preface, b"", || {}));
        assert_eq!(answer.await, Ok(400), "without ALPN");
    }
    gateway.stop().await;
}
