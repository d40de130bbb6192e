//! Our keys, replaced while the gateway runs.

use portcullis_test_support::{SigningKey, private_jwks};
use reqwest::Method;
use serde_json::{Value, json};

use super::{World, verified, write_file, write_keys};
use crate::oidc::Issuer;
use crate::support::{Database, PATIENCE, eventually, send};

async fn own_keys(world: &World) -> Value {
    send(world.gateway.admin_request(Method::GET, "/ready")).await.json()["signing_keys"].clone()
}

async fn until(world: &World, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(PATIENCE, async || Some(own_keys(world).await).filter(&holds)).await
}

async fn published(world: &World) -> Vec<String> {
    let keys = world.gateway.get("/.well-known/jwks.json").await.json();
    let kids = keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap());
    kids.map(str::to_owned).collect()
}

pub(crate) async fn keys_are_replaced_while_it_runs(database: Database) {
    let old = SigningKey::generate("ES256", "old");
    let rest = "signing_algs = [\"ES256\"]";
    let world = World::with(&database, vec![old.clone()], Issuer::start("RS256"), rest).await;
    let before = world.post(json!({"token": world.token(json!({}))})).await.text;
    let ready = own_keys(&world).await;
    assert_eq!(ready["file"], world.file.display().to_string());
    assert_eq!((&ready["sign"], &ready["fault"]), (&json!({"ES256": "old"}), &json!(null)));
    let tag = world.gateway.get("/.well-known/jwks.json").await.headers["etag"].clone();

    // A new one that is published, and does not sign yet.
    let new = SigningKey::generate("ES256", "new");
    let mut both = private_jwks([&old, &new]);
    both["keys"][1]["nbf"] = json!(4_000_000_000_i64);
    write_file(database.folder(), &both.to_string());
    eventually(PATIENCE, async || (published(&world).await == ["old", "new"]).then_some(())).await;
    assert_ne!(world.gateway.get("/.well-known/jwks.json").await.headers["etag"], tag);
    assert_eq!(world.resigned(json!({})).await.header().key_id(), Some("old"));

    // Now it signs, and what the old one signed still verifies.
    write_keys(database.folder(), [&old, &new]);
    until(&world, |keys| keys["sign"] == json!({"ES256": "new"})).await;
    assert_eq!(world.resigned(json!({})).await.header().key_id(), Some("new"));
    verified(&world.gateway, &before).await;

    // What is broken leaves what was there.
    let stranger = private_jwks([&SigningKey::generate("RS256", "r")]).to_string();
    for broken in ["", "{", r#"{"keys":[]}"#, &stranger] {
        write_file(database.folder(), broken);
        until(&world, |keys| keys["fault"].is_string()).await;
        assert_eq!(published(&world).await, ["old", "new"]);
        assert_eq!(world.resigned(json!({})).await.header().key_id(), Some("new"));
        write_keys(database.folder(), [&old, &new]);
        until(&world, |keys| keys["fault"].is_null()).await;
    }
    std::fs::remove_file(&world.file).unwrap();
    until(&world, |keys| keys["fault"].is_string()).await;
    assert_eq!(world.resigned(json!({})).await.header().key_id(), Some("new"));
    world.gateway.stop().await;
}
