//! What is asked of a caller, by the path.

use crate::proxy::Kind;
use crate::world::{World, ann, bob, told};

pub(crate) async fn a_profile_holds_for_its_paths(kind: Kind) {
    let world = World::start(kind).await;
    for path in [
        "/deploy/",
        "/deploy/x",
        "/deploy/x/y?z",
        "//deploy/x",
        "/deploy//x",
        "/%64eploy/x",
        "/deploy%2Fx",
        "/x/../deploy/x",
        "/./deploy/x",
        "/x/%2e%2e/deploy/x",
    ] {
        let line = format!("GET {path} HTTP/1.1");
        assert_eq!(world.ask(&[&line, &world.ann]).await.refused(), 403, "{path}");
        let request = world.ask(&[&line, &world.bob]).await.served();
        assert_eq!(told(&request), bob(), "{path}");
    }
    for path in ["/", "/deployment", "/x/deploy/", "/auth/as/deploy", "/auth/as/none"] {
        let line = format!("GET {path} HTTP/1.1");
        for (credential, whom) in [(&world.ann, ann()), (&world.bob, bob())] {
            assert_eq!(told(&world.ask(&[&line, credential]).await.served()), whom, "{path}");
        }
    }
    // Without its slash it leads there, or is one of them.
    let bare = world.ask(&["GET /deploy HTTP/1.1", &world.ann]).await;
    assert_eq!(bare.refused(), if kind == Kind::Nginx { 301 } else { 403 });
    if kind == Kind::Nginx {
        for path in ["/_auth/anyone", "/_auth/deploy", "/_auth/", "/_auth/x"] {
            let line = format!("GET {path} HTTP/1.1");
            assert_eq!(world.ask(&[&line, &world.bob]).await.refused(), 404, "{path}");
        }
    }
    world.stop().await;
}

pub(crate) async fn the_callers_own_query_is_the_services_alone(kind: Kind) {
    let world = World::start(kind).await;
    for query in [
        "?scope=anything",
        "?scope=",
        "?scope",
        "?scope=deploy&scope=admin",
        "?%73cope=admin",
        "?a=b&scope=admin%20deploy",
        "?scope=%zz",
        "?",
    ] {
        for path in ["/", "/page", "/auth", "/auth/", "/authx", "/auth/as/none"] {
            let line = format!("GET {path}{query} HTTP/1.1");
            let request = world.ask(&[&line, &world.ann]).await.served();
            assert_eq!(told(&request), ann(), "{line}");
            assert!(request.line.starts_with(&format!("GET {path}{query}")), "{request:?}");
        }
        let line = format!("GET /deploy/{query} HTTP/1.1");
        assert_eq!(world.ask(&[&line, &world.ann]).await.refused(), 403, "{line}");
        assert_eq!(told(&world.ask(&[&line, &world.bob]).await.served()), bob(), "{line}");
    }
    world.stop().await;
}
