//! Token exchange (RFC 8693).

use reqwest::Method;
use serde_json::json;

use super::{World, verified};
use crate::support::{Answer, Database, send};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

async fn exchange(world: &World, form: &[(&str, &str)]) -> Answer {
    send(world.gateway.request(Method::POST, "/token").form(form)).await
}

fn good<'a>(token: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [("grant_type", GRANT), ("subject_token", token), ("subject_token_type", ID_TOKEN)];
    usual.into_iter().chain(more.iter().copied()).collect()
}

pub(crate) async fn a_token_is_exchanged(database: Database) {
    let world = World::start(&database, "audiences = [\"a\", \"b\"]").await;
    let token = world.token(json!({"aud": ["a", "b"]}));
    for (more, kind, aud) in [
        (&[][..], ID_TOKEN, json!(["a", "b"])),
        (&[("audience", "b"), ("scope", "openid"), ("x", "y")], ID_TOKEN, json!("b")),
        (&[("requested_token_type", JWT)], JWT, json!(["a", "b"])),
        (&[("audience", ""), ("actor_token", ""), ("resource", "")], ID_TOKEN, json!(["a", "b"])),
        (&[("requested_token_type", ID_TOKEN)], ID_TOKEN, json!(["a", "b"])),
    ] {
        let answer = exchange(&world, &good(&token, more)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let said = answer.json();
        assert_eq!(said.as_object().unwrap().len(), 4);
        assert_eq!(
            (&said["issued_token_type"], &said["token_type"]),
            (&json!(kind), &json!("N_A"))
        );
        assert!((1..=600).contains(&said["expires_in"].as_i64().unwrap()));
        let claims = verified(&world.gateway, said["access_token"].as_str().unwrap()).await;
        assert_eq!(claims.get("aud"), Some(&aud));
    }
    // A media type is written in any case.
    let form = format!(
        "grant_type={GRANT}&subject_token={token}&subject_token_type={JWT}",
        GRANT = GRANT.replace(':', "%3A"),
    );
    let request = world.gateway.request(Method::POST, "/token");
    let request =
        request.header("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=utf-8");
    assert_eq!(send(request.body(form)).await.status, 200);
    world.gateway.stop().await;
}

pub(crate) async fn an_exchange_that_fails_is_told_as_oauth_tells_it(database: Database) {
    let world = World::start(&database, "audiences = [\"a\", \"b\"]\nsubject = \"{ref}\"").await;
    let over = json!({"aud": ["a", "b"], "ref": "main"});
    let token = world.token(over.clone());
    let (stranger, nameless) =
        (world.token(json!({"aud": "c", "ref": "main"})), json!({"aud": "a"}));
    let (nameless, invalid) = (world.token(nameless), "invalid_request");
    let without = |name: &str| {
        let mut form = good(&token, &[]);
        form.retain(|(key, _)| *key != name);
        form
    };
    let instead = |name: &'static str, value: &'static str| {
        let mut form = without(name);
        form.push((name, value));
        form
    };
    for (form, error) in [
        (instead("grant_type", "client_credentials"), "unsupported_grant_type"),
        (instead("grant_type", ""), "unsupported_grant_type"),
        (without("subject_token"), invalid),
        (instead("subject_token", ""), invalid),
        (instead("subject_token", "a.b.c"), invalid),
        (without("subject_token_type"), invalid),
        (instead("subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), invalid),
        (good(&token, &[("requested_token_type", "urn:x")]), invalid),
        (good(&token, &[("subject_token", "again")]), invalid),
        (good(&token, &[("grant_type", GRANT)]), invalid),
        (good(&token, &[("subject_token_type", ID_TOKEN)]), invalid),
        (good(&token, &[("requested_token_type", JWT), ("requested_token_type", JWT)]), invalid),
        (good(&token, &[("actor_token", "x")]), invalid),
        (good(&token, &[("resource", "https://a.example")]), invalid),
        (good(&token, &[("audience", "a"), ("audience", "b")]), "invalid_target"),
        (good(&token, &[("audience", "c")]), "invalid_target"),
        (good(&stranger, &[]), "invalid_target"),
        (good(&nameless, &[]), invalid),
    ] {
        let answer = exchange(&world, &form).await;
        assert_eq!(answer.status, 400, "{form:?}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let said = answer.json();
        assert_eq!(said["error"], error, "{:?}: {said}", form.last());
        assert!(said["error_description"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(said.as_object().unwrap().len(), 2);
    }
    assert_eq!(exchange(&world, &good(&token, &[])).await.status, 200);
    world.gateway.stop().await;
}
