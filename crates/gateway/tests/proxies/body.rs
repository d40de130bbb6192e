//! Bodies are for the service, and the question is short.

use crate::proxy::{Kind, Proxy};
use crate::raw::{chunk, raw};
use crate::service::Service;
use crate::world::{World, ann, told};

fn lengths() -> [usize; 4] {
    [0, 1, 20_000, 900_000]
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|n| b'a' + u8::try_from(n % 23).unwrap()).collect()
}

pub(crate) async fn a_body_arrives_whole_and_is_not_asked_about(kind: Kind) {
    let world = World::start(kind).await;
    for length in lengths() {
        for method in ["POST", "PUT", "PATCH", "DELETE", "GET"] {
            let line = format!("{method} /upload HTTP/1.1");
            let announced = format!("Content-Length: {length}");
            let head = [line.as_str(), &world.ann, &announced];
            let request = world.send(&head, vec![body(length)]).await.served();
            assert!(request.line.starts_with(&format!("{method} /upload HTTP/1.")), "{method}");
            assert!(request.body == body(length), "{method} {length}");
            assert_eq!(told(&request), ann());
        }
        let head = ["POST /upload HTTP/1.1", &world.ann, "Transfer-Encoding: chunked"];
        let pieces = match length {
            0 => vec![chunk(b"")],
            _ => vec![chunk(&body(length)), chunk(b"")],
        };
        let request = world.send(&head, pieces).await.served();
        assert!(request.body == body(length), "chunked {length}");
    }
    world.stop().await;
    the_question(kind).await;
}

/// What gets to the gateway.
async fn the_question(kind: Kind) {
    let (gateway, service) = (Service::start("200 OK", ""), Service::start("200 OK", ""));
    let proxy = Proxy::start(kind, gateway.address(), service.address()).await;
    for (path, asked) in [
        ("/page?x", if kind == Kind::Nginx { "/auth" } else { "/auth/anyone?x" }),
        ("/deploy/x", "/auth/as/deploy"),
    ] {
        let line = format!("POST {path} HTTP/1.1");
        let brought = ["Authorization: Bearer a.b", "X-Gerrit-Auth: c.d", "Content-Length: 20000"];
        let head = [line.as_str(), brought[0], brought[1], brought[2]];
        let (status, _) = raw(proxy.address(), &head, vec![body(20_000)]).await;
        assert_eq!(status, 200);
        let [question] = &gateway.taken()[..] else { panic!("one question each") };
        assert_eq!(question.line, format!("GET {asked} HTTP/1.1"));
        assert!(question.body.is_empty(), "{question:?}");
        assert_eq!(question.all("authorization"), ["Bearer a.b"]);
        assert_eq!(question.all("x-gerrit-auth"), ["c.d"]);
        let [request] = &service.taken()[..] else { panic!("one request each") };
        assert!(request.all("authorization").is_empty(), "the service need not see it");
        assert!(request.all("x-gerrit-auth").is_empty(), "the service need not see it");
        assert!(request.body == body(20_000));
    }
}
