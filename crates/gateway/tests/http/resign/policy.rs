//! Whose tokens are signed anew, and what ours say.

use portcullis_base::{Clock as _, SystemClock};
use serde_json::json;

use super::World;
use crate::support::Database;

pub(crate) async fn subjects_never_collide(database: Database) {
    let subject = "subject = \"project:{project_path}:ref:{ref}\"";
    let world = World::start(&database, subject).await;
    let claims = world.resigned(json!({"project_path": "a/b", "ref": "main"})).await;
    assert_eq!(claims.subject(), Some("project:a/b:ref:main"));
    for over in [
        json!({"project_path": "a/b:ref:main", "ref": "x"}),
        json!({"project_path": "a/b", "ref": "main:ref:x"}),
        json!({"project_path": "a/b", "ref": ""}),
        json!({"project_path": "a/b", "ref": 7}),
        json!({"project_path": "a/b", "ref": ["main"]}),
        json!({"project_path": "a/b", "ref": "main\n"}),
        json!({"project_path": "a/b"}),
    ] {
        assert_eq!(world.refused(over.clone()).await, "subject", "{over}");
    }
    let document = world.gateway.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["claims_supported"], json!(["aud", "exp", "iat", "iss", "nbf", "sub"]));
    world.gateway.stop().await;
}

pub(crate) async fn rules_and_audiences_let_in(database: Database) {
    let rest = "audiences = [\"sts\", \"vault\"]\n\
                [[oidc_proxy.rules]]\nclaims = { project_path = \"infra/**\", protected = true }\n\
                [[oidc_proxy.rules]]\nclaims = { sub = [\"root\"] }";
    let world = World::start(&database, rest).await;
    let infra = |aud: serde_json::Value| json!({"aud": aud, "project_path": "infra/a/b", "protected": true});
    for aud in [json!("sts"), json!(["vault"]), json!(["vault", "sts"])] {
        world.resigned(infra(aud)).await;
    }
    world.resigned(json!({"aud": "sts", "sub": "root"})).await;
    for aud in [json!("other"), json!(["sts", "other"]), json!("STS")] {
        assert_eq!(world.refused(infra(aud)).await, "audience");
    }
    for over in [
        json!({"aud": "sts"}),
        json!({"aud": "sts", "project_path": "infra/a", "protected": "true"}),
        json!({"aud": "sts", "project_path": "other/a", "protected": true}),
    ] {
        assert_eq!(world.refused(over.clone()).await, "no_rule", "{over}");
    }
    world.gateway.stop().await;
}

pub(crate) async fn a_life_is_capped_and_an_id_given(database: Database) {
    let world = World::start(&database, "max_lifetime = \"5m\"\ntoken_id = true").await;
    let now = SystemClock.now_ms() / 1000;
    let long = world.resigned(json!({"exp": now + 3600, "jti": "theirs"})).await;
    let lives = |claims: &portcullis_jwt_verify::VerifiedClaims| {
        (claims.expires_at().unwrap() - claims.issued_at().unwrap()).whole_seconds()
    };
    assert_eq!(lives(&long), 300);
    let short = world.resigned(json!({"exp": now + 100})).await;
    assert_eq!(short.get("exp"), Some(&json!(now + 100)));
    let (one, other) = (long.id().unwrap(), short.id().unwrap());
    assert!(
        one.len() == 75 && other.len() == 32 && one != other && one != "theirs",
        "{one} {other}"
    );
    world.gateway.stop().await;
}

pub(crate) async fn an_upstream_token_may_be_good_once(database: Database) {
    let rest = "once = true\nmax_lifetime = \"1s\"";
    let world = World::start(&database, rest).await;
    let (token, other) = (world.token(json!({"jti": "1"})), world.token(json!({"jti": "2"})));
    let nameless = world.token(json!({}));
    let statuses =
        async |world: &World, token: &str| world.post(json!({"token": token})).await.status;
    // Of many at once one is given a token.
    let all = futures_util::future::join_all((0..8).map(|_| statuses(&world, &token))).await;
    assert_eq!(all.iter().filter(|status| **status == 200).count(), 1, "{all:?}");
    assert_eq!(world.post(json!({"token": token})).await.code(), "used");
    assert_eq!(statuses(&world, &other).await, 200);
    assert_eq!(world.post(json!({"token": nameless})).await.code(), "claim_missing");
    let World { upstream, ours, gateway, .. } = world;
    gateway.stop().await;
    // What was used stays used, after the end of what came of it too.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let rest = format!("signing_algs = [\"ES256\"]\n{rest}");
    let world = World::with(&database, ours, upstream, &rest).await;
    assert_eq!(world.post(json!({"token": token})).await.code(), "used");
    world.gateway.stop().await;
}
