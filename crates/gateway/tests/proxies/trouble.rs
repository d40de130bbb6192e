//! A gateway that is away, and one that says more than usual.

use crate::proxy::{Kind, Proxy};
use crate::raw::raw;
use crate::service::Service;
use crate::world::{NAMES, World, told};

/// What is no 200, 401 or 403 of the gateway's, nginx calls a 500; Caddy passes it on.
pub(crate) async fn without_an_answer_nobody_passes(kind: Kind) {
    let World { gateway, service, proxy, bob, .. } = World::start(kind).await;
    gateway.stop().await;
    for line in ["GET / HTTP/1.1", "GET /deploy/ HTTP/1.1"] {
        let (status, text) = raw(proxy.address(), &[line, &bob], []).await;
        let expected = if kind == Kind::Nginx { 500 } else { 502 };
        assert_eq!(status, expected, "{text}");
        assert!(service.taken().is_empty());
    }
    for (answer, by_nginx) in [
        ("503 Service Unavailable", 500),
        ("500 Internal Server Error", 500),
        ("404 Not Found", 500),
        ("302 Found", 500),
        ("403 Forbidden", 403),
        ("401 Unauthorized", 401),
    ] {
        let gateway = Service::start(answer, "Retry-After: 1\r\n");
        let proxy = Proxy::start(kind, gateway.address(), service.address()).await;
        for line in ["GET / HTTP/1.1", "GET /deploy/ HTTP/1.1"] {
            let (status, text) = raw(proxy.address(), &[line, &bob], []).await;
            let as_it_is = answer[..3].parse().unwrap();
            assert_eq!(status, if kind == Kind::Nginx { by_nginx } else { as_it_is }, "{text}");
            assert!(service.taken().is_empty(), "{answer}");
        }
    }
}

/// Six values as long as the gateway ever tells them, and a token as long as it ever takes.
pub(crate) async fn long_values_pass(kind: Kind) {
    let long = "v".repeat(2048);
    let headers = NAMES.map(|name| format!("{name}: {long}\r\n")).concat();
    let (gateway, service) = (Service::start("200 OK", &headers), Service::start("200 OK", ""));
    let proxy = Proxy::start(kind, gateway.address(), service.address()).await;
    let token = format!("Authorization: Bearer {}", "t".repeat(16 << 10));
    let (status, text) = raw(proxy.address(), &["GET / HTTP/1.1", &token], []).await;
    assert_eq!(status, 200, "{text}");
    let [question] = &gateway.taken()[..] else { panic!("one question") };
    assert_eq!(question.all("authorization"), [&token["Authorization: ".len()..]]);
    assert_eq!(told(&service.taken()[0]), [long.as_str(); 6]);
}
