//! Tokens of the re-signer, verified by libraries that others wrote, as their users do: from the issuer's
//! name alone, over HTTP. `make test-interop` installs them and runs this; `make test` does neither.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "interop/client.rs"]
mod client;
#[path = "interop/document.rs"]
mod document;
#[expect(dead_code, reason = "these tests need a part of it")]
mod support;
#[path = "interop/world.rs"]
mod world;

use portcullis_base::{Clock as _, SystemClock};
use portcullis_test_support::SigningKey;
use serde_json::{Value, json};

use client::{Client, Fault, Verdict};
use world::{AUDIENCE, CLONED, SIGNING, SILENT, World, payload, with_payload};

/// Each test for each client: the output counts them as `pyjwt::…`, `jwcrypto::…` and `jose::…`.
macro_rules! with_every_client {
    ($tests:tt) => {
        with_client!(pyjwt, PyJwt, $tests);
        with_client!(jwcrypto, JwCrypto, $tests);
        with_client!(jose, Jose, $tests);
    };
}

macro_rules! with_client {
    ($module:ident, $client:ident, [$($test:ident),* $(,)?]) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::Client::$client).await;
            })*
        }
    };
}

with_every_client!([
    our_tokens_verify_by_every_algorithm,
    what_is_not_from_us_is_refused,
    what_is_meant_for_others_is_refused,
]);

async fn our_tokens_verify_by_every_algorithm(client: Client) {
    let world = World::start().await;
    for algorithm in SIGNING {
        let job = world.job();
        let before = SystemClock.now_ms() / 1000;
        let token = world.resigned(&job, algorithm).await;
        let verdict = client.ask(&world.issuer(), AUDIENCE, &token).await;
        let Verdict::Claims(claims) = verdict else { panic!("{algorithm}: {verdict:?}") };

        let job = payload(&job);
        let made = claims["iat"].as_i64().unwrap();
        assert!((before..=before + 60).contains(&made), "{algorithm}: {claims}");
        let mut wanted = json!({
            "iss": world.issuer(), "aud": AUDIENCE, "iat": made, "nbf": made, "exp": job["exp"],
        });
        for name in CLONED {
            assert_ne!(job[name], Value::Null, "{name}");
            wanted[name] = job[name].clone();
        }
        assert_eq!(claims, wanted, "{algorithm}");
    }
    world.gateway.stop().await;
}

async fn what_is_not_from_us_is_refused(client: Client) {
    let world = World::start().await;
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = world.resigned(&world.job(), algorithm).await;
        let mut claims = payload(&token);
        let stranger = SigningKey::generate(algorithm, algorithm).sign(&claims);
        let unknown = SigningKey::generate(algorithm, "nobody's").sign(&claims);
        claims["project_path"] = json!("another/project");
        for (what, token, fault) in [
            ("another project", with_payload(&token, &claims), Fault::Signature),
            ("another's key", stranger, Fault::Signature),
            ("an unknown key", unknown, Fault::Key),
        ] {
            let verdict = client.ask(&world.issuer(), AUDIENCE, &token).await;
            client.assert_refused(&verdict, fault, &format!("{algorithm}, {what}"));
        }
    }
    world.gateway.stop().await;
}

async fn what_is_meant_for_others_is_refused(client: Client) {
    let world = World::start().await;
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = world.resigned(&world.job(), algorithm).await;
        let verdict = client.ask(&world.issuer(), "https://other.example.com", &token).await;
        client.assert_refused(&verdict, Fault::Audience, algorithm);

        let other = world.resigned_at("other.example.com", &world.job(), algorithm).await;
        assert_eq!(payload(&other)["iss"], "http://other.example.com");
        let verdict = client.ask(&world.issuer(), AUDIENCE, &other).await;
        client.assert_refused(&verdict, Fault::Issuer, algorithm);
    }
    // A key that is published and that the discovery document does not announce.
    let token = world.key(SILENT).sign(&payload(&world.resigned(&world.job(), "RS256").await));
    let verdict = client.ask(&world.issuer(), AUDIENCE, &token).await;
    client.assert_refused(&verdict, Fault::Algorithm, SILENT);
    world.gateway.stop().await;
}
