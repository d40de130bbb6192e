//! Who passes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::proxy::Kind;
use crate::world::{Outcome, World, ann, bob, told};

fn basic(authorization: &str) -> String {
    let token = authorization.rsplit(' ').next().unwrap();
    format!("Authorization: Basic {}", STANDARD.encode(format!("oauth2:{token}")))
}

pub(crate) async fn who_is_known_is_told(kind: Kind) {
    let world = World::start(kind).await;
    for (credential, whom) in [
        (world.ann.clone(), ann()),
        (world.bob.clone(), bob()),
        (basic(&world.ann), ann()),
        (world.bob.replace("Authorization", "AUTHORIZATION"), bob()),
    ] {
        let request = world.ask(&["GET /page?x=1 HTTP/1.1", &credential]).await.served();
        assert_eq!(told(&request), whom);
        assert!(request.line.starts_with("GET /page?x=1 HTTP/1."), "{request:?}");
        assert!(request.all("authorization").is_empty(), "{request:?}");
    }
    world.stop().await;
}

/// Every challenge that the proxy passes on; the first is what git and docker need to see.
#[track_caller]
fn assert_asked(outcome: &Outcome) {
    assert_eq!(outcome.refused(), 401, "{outcome:?}");
    let text = outcome.text.to_lowercase();
    let challenges: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("www-authenticate: ")).collect();
    assert_eq!(challenges.first(), Some(&"basic realm=\"portcullis\""), "{outcome:?}");
}

pub(crate) async fn who_is_not_known_is_asked_for_a_credential(kind: Kind) {
    let world = World::start(kind).await;
    let (signature, value) = world.ann.split_once('.').unwrap();
    let forged = format!("{signature}.{}", value.chars().rev().collect::<String>());
    let bare = world.ann.replace("Bearer ", "");
    for credential in [
        "X-None: none",
        "Authorization: ",
        "Authorization: Bearer",
        "Authorization: Basic !",
        &bare,
        &forged,
        &basic(&forged),
        "X-Gerrit-Auth: x",
        "Cookie: token=x",
    ] {
        for path in ["/", "/deploy/", "/deploy/x?y", "/auth", "/auth/as/deploy"] {
            let line = format!("GET {path} HTTP/1.1");
            assert_asked(&world.ask(&[&line, credential]).await);
        }
        for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
            let line = format!("{method} / HTTP/1.1");
            assert_asked(&world.ask(&[&line, credential, "Content-Length: 0"]).await);
        }
    }
    // A newer proxy may refuse two of them by itself.
    for second in [&world.ann, &world.bob, &basic(&world.ann)] {
        let outcome = world.ask(&["GET / HTTP/1.1", &world.ann, second]).await;
        assert!([400, 401].contains(&outcome.refused()), "{outcome:?}");
    }
    world.stop().await;
}
