//! What a client says of itself.

use crate::proxy::{Kind, Proxy};
use crate::raw::{chunk, raw};
use crate::service::Service;
use crate::world::{FORGED, NAMES, World, ann, told};

/// The headers that a client might try, each a set of lines.
fn attempts(kind: Kind) -> Vec<String> {
    let line = |name: &str| format!("{name}: {FORGED}");
    let all =
        |spelled: &dyn Fn(&str) -> String| NAMES.map(|name| line(&spelled(name))).join("\r\n");
    let mut attempts: Vec<_> = NAMES.iter().map(|name| line(name)).collect();
    attempts.extend(NAMES.iter().map(|name| format!("{0}\r\n{0}", line(name))));
    attempts.extend([
        line("x-auth-email"),
        line("X-AUTH-SCOPES"),
        line("x-AuTh-iDeNtItY"),
        line("X-Auth_Identity"),
        line("X_Auth-Identity"),
        line("x_auth_identity"),
        line("X_AUTH_SCOPES"),
        line("X_Auth_Gerrit-Change"),
        line("X.Auth.Identity"),
        format!("{}, user:x", line("X-Auth-Identity")),
        format!("X-Auth-Identity:\r\n{}", line("X-Auth-Identity")),
        all(&str::to_owned),
        all(&str::to_lowercase),
        all(&|name| name.replace('-', "_")),
        all(&|name| name.replace('-', ".")),
        format!("{}\r\n{}", all(&str::to_owned), all(&|name| name.replace('-', "_"))),
    ]);
    if kind == Kind::Caddy {
        // nginx can delete no header whose whole name it is not told.
        attempts.push(line("X-Auth-Groups"));
    }
    attempts
}

pub(crate) async fn the_clients_own_names_never_arrive(kind: Kind) {
    let world = World::start(kind).await;
    for attempt in attempts(kind) {
        // Before the credential, behind it, and without one.
        for head in [[attempt.as_str(), &world.ann], [&world.ann, &attempt]] {
            let request = world.ask(&["GET / HTTP/1.1", head[0], head[1]]).await.served();
            assert_eq!(told(&request), ann(), "{attempt}");
        }
        assert_eq!(world.ask(&["GET / HTTP/1.1", &attempt]).await.refused(), 401, "{attempt}");
        let deploy = world.ask(&["GET /deploy/ HTTP/1.1", &attempt, &world.ann]).await;
        assert_eq!(deploy.refused(), 403, "{attempt}");
    }
    // Behind the body, announced and not.
    for announced in ["Trailer: X-Auth-Identity, X-Auth-Email", "X-None: none"] {
        let head = ["POST / HTTP/1.1", &world.ann, "Transfer-Encoding: chunked", announced];
        let end = format!("0\r\nX-Auth-Identity: {FORGED}\r\nX-Auth-Email: {FORGED}\r\n\r\n");
        let request = world.send(&head, vec![chunk(b"body"), end.into()]).await.served();
        assert_eq!((told(&request), request.body.as_slice()), (ann(), &b"body"[..]));
    }
    world.stop().await;
}

/// Also where none of the six is in the answer, which no gateway of ours says.
pub(crate) async fn they_are_deleted_whatever_is_answered(kind: Kind) {
    let service = Service::start("200 OK", "");
    let silent = Service::start("200 OK", "");
    let empty = NAMES.map(|name| format!("{name}:\r\n")).concat();
    let empty = Service::start("200 OK", &empty);
    for gateway in [&silent, &empty] {
        let proxy = Proxy::start(kind, gateway.address(), service.address()).await;
        for attempt in attempts(kind) {
            for line in ["GET / HTTP/1.1", "GET /deploy/ HTTP/1.1"] {
                let (status, text) = raw(proxy.address(), &[line, &attempt], []).await;
                assert_eq!(status, 200, "{attempt}: {text}");
                let arrived = service.taken();
                assert_eq!(arrived.len(), 1, "{attempt}");
                for (name, value) in NAMES.iter().zip(told(&arrived[0])) {
                    // Debian's Caddy tells the name of what it did not get.
                    let unfilled = format!("{{http.reverse_proxy.header.{name}}}");
                    assert!(value.is_empty() || value == unfilled, "{attempt}: {value}");
                }
            }
        }
    }
}

/// What `Connection` lists is for the proxy alone (RFC 9110, section 7.6.1): some strike out what they
/// had added themselves.
pub(crate) async fn no_name_of_ours_is_struck_out_by_the_client(kind: Kind) {
    let world = World::start(kind).await;
    for listed in [
        "X-Auth-Identity",
        "x-auth-method",
        "close, X-Auth-Scopes",
        "X-Auth-Identity,X-Auth-Email,X-Auth-Method,X-Auth-Scopes",
        "close\r\nConnection: x-auth-identity",
    ] {
        let connection = format!("Connection: {listed}");
        let outcome = world.ask(&["GET / HTTP/1.1", &connection, &world.ann]).await;
        match kind {
            Kind::Nginx | Kind::Front => {
                assert_eq!(told(&outcome.served()), ann(), "{listed}");
            }
            Kind::Caddy => assert_eq!(outcome.refused(), 400, "{listed}"),
        }
    }
    // The credential is either brought or not.
    let outcome = world.ask(&["GET / HTTP/1.1", "Connection: Authorization", &world.ann]).await;
    match outcome.status {
        200 => assert_eq!(told(&outcome.served()), ann()),
        _ => assert_eq!(outcome.refused(), 401),
    }
    world.stop().await;
}
