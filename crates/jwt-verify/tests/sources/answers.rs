//! What may be an answer, and what never takes the place of good keys.

use std::cell::Cell;
use std::time::Duration;

use portcullis_jwt_verify::sources::{KeyError, KeySource as _, RemoteKeys, RemoteOptions};
use portcullis_jwt_verify::{Error, Key};
use portcullis_test_support::{Reply, SigningKey, Site, jwks};
use serde_json::{Value, json};

use crate::world::{MINUTE, World, eventually, found, key, last_error, set, verdict, verifier};

fn typed(kind: &str, body: &str) -> Reply {
    let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
    Reply { headers, body: body.into(), ..Reply::status(200) }
}

/// So many keys that differ in their `kid` alone.
fn many(key: &SigningKey, count: usize) -> Value {
    let mut jwk = key.jwk();
    let keys: Vec<Value> = (0..count)
        .map(|id| {
            jwk["kid"] = json!(id.to_string());
            jwk.clone()
        })
        .collect();
    json!({"keys": keys})
}

fn bad_answers() -> Vec<(Reply, KeyError)> {
    let (ec, rsa) = (key("other"), SigningKey::generate("RS256", "other"));
    let good = jwks([&ec]).to_string();
    let malformed = |why| KeyError::Malformed(why);
    let no_set = malformed("is not a set of keys");
    let mut symmetric = ec.jwk();
    symmetric["kty"] = json!("oct");
    let ten_thousand = many(&rsa, 10_000);
    assert!(ten_thousand.to_string().len() > 2 * 1024 * 1024);
    vec![
        (
            typed("text/html; charset=utf-8", "<html>log in"),
            malformed("is a page for people, not JSON"),
        ),
        (typed("Text/HTML", &good), malformed("is a page for people, not JSON")),
        (typed("application/json", "<html>log in"), no_set.clone()),
        (Reply::json(""), no_set.clone()),
        (Reply::json("null"), no_set.clone()),
        (Reply::json("[]"), no_set.clone()),
        (Reply::json("{}"), no_set.clone()),
        (Reply::json(r#"{"keys":null}"#), no_set.clone()),
        (Reply::json(r#"{"keys":{}}"#), no_set.clone()),
        (Reply::json(r#"{"error":"down for maintenance"}"#), no_set.clone()),
        (Reply::json(&good[..good.len() - 1]), no_set.clone()),
        (Reply::json(format!("{good}{good}")), no_set),
        (Reply::json(r#"{"keys":[]}"#), KeyError::NoKeys),
        (Reply::json(json!({"keys": [symmetric, {"kty": "?"}, 7]})), KeyError::NoKeys),
        (Reply::json(ten_thousand), KeyError::TooLarge(1024 * 1024)),
        (Reply::json(many(&ec, 1001)), malformed("has more than 1000 keys")),
        (Reply::json(" ".repeat(2 * 1024 * 1024) + &good), KeyError::TooLarge(1024 * 1024)),
        (Reply { status: 201, ..set(&[&ec]) }, KeyError::Status(201)),
        (Reply { status: 404, ..set(&[&ec]) }, KeyError::Status(404)),
        (Reply { status: 500, ..set(&[&ec]) }, KeyError::Status(500)),
    ]
}

#[tokio::test]
async fn a_bad_answer_never_takes_the_place_of_good_keys() {
    let good = key("good");
    let world = World::publishing(&[&good], 86_400);
    let source = world.source();
    let verifier = verifier(source.clone(), 0);
    verifier.warm_up().await.unwrap();
    let fetched_at = source.health().fetched_at;
    assert!(fetched_at.is_some());
    for (reply, wanted) in bad_answers() {
        world.site.set("/keys", reply.clone());
        world.clock.advance(MINUTE);
        let unknown = verdict(&verifier, &key("other")).await;
        assert_eq!(unknown, Err(Error::KeysUnavailable(wanted.clone())), "{reply:?}");
        assert_eq!(verdict(&verifier, &good).await, Ok(()));
        let health = source.health();
        assert_eq!((health.keys, health.fetched_at), (1, fetched_at));
        assert_eq!(last_error(&source), Some(wanted.clone()));
        // The same answer is none where there are no keys yet.
        assert_eq!(found(&world.source(), None).await, Err(wanted));
    }
    world.publish(&[&good], 300);
    world.clock.advance(MINUTE);
    assert_eq!(verdict(&verifier, &key("other")).await, Err(Error::KeyUnknown));
    assert_eq!(last_error(&source), None);
}

#[tokio::test]
async fn a_thousand_keys_are_taken_whatever_the_type_says_they_are() {
    let world = World::start();
    let signer = key("any");
    world.site.set("/keys", typed("text/plain", &many(&signer, 1000).to_string()));
    let source = world.source();
    assert_eq!(found(&source, Some("999")).await.unwrap().len(), 1000);
    assert_eq!(source.health().keys, 1000);
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_skipped_and_told() {
    let world = World::start();
    let mut small = SigningKey::new(
        openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(1024).unwrap()).unwrap(),
        "RS256",
        "small",
    )
    .jwk();
    small["x5c"] = json!(["whatever"]);
    let keys = json!({"keys": [small, key("good").jwk(), {"kty": "new", "kid": "odd"}]});
    world.site.set("/keys", Reply::json(keys));
    let source = world.source();
    assert_eq!(found(&source, None).await.unwrap(), ["good"]);
    let skipped = [(Some("small".to_owned()), "weak_rsa"), (Some("odd".to_owned()), "unsupported")];
    assert_eq!(source.health().skipped, skipped);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (good, elsewhere) = (key("good"), Site::start());
    elsewhere.set("/keys", set(&[&good]));
    for status in [301, 302, 303, 307, 308] {
        let world = World::start();
        let target = format!("{}/keys", elsewhere.url());
        world.site.set("/keys", Reply::status(status).header("Location", &target));
        let source = world.source();
        assert_eq!(found(&source, None).await, Err(KeyError::Status(status)));
        assert_eq!(last_error(&source), Some(KeyError::Status(status)));
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

/// Whatever the client does: the keys of whoever is at the end of a redirect are not the issuer's.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the client of somebody who did not know")]
async fn a_client_that_follows_redirects_brings_no_keys() {
    let good = key("good");
    let (elsewhere, world) = (World::publishing(&[&good], 300), World::start());
    let http = reqwest::Client::new();
    world.site.set("/keys", Reply::status(302).header("Location", &elsewhere.at("/keys")));
    let source = world.source_with(RemoteOptions { http: http.clone(), ..world.options() });
    assert_eq!(found(&source, None).await, Err(KeyError::Redirected));
    let with_user = elsewhere.at("/keys?a=b").replace("http://", "http://user:password@");
    elsewhere.site.set("/keys?a=b", set(&[&good]));
    let source = RemoteKeys::jwks(&with_user, RemoteOptions { http, ..world.options() }).unwrap();
    assert!(found(&source, None).await.is_ok());
}

#[tokio::test]
async fn a_slow_drip_meets_the_deadline_and_nobody_with_a_known_key_waits() {
    let good = key("good");
    let world = World::publishing(&[&good], 300);
    let deadline = Duration::from_secs(3);
    let source = world.source_with(RemoteOptions { deadline, ..world.options() });
    let verifier = verifier(source.clone(), 0);
    verifier.warm_up().await.unwrap();
    let drip = Duration::from_millis(100);
    world.site.set("/keys", Reply { drip, ..set(&[&good]) });
    world.clock.advance(MINUTE);
    let other = key("other");
    let over = Cell::new(false);
    let unknown = async {
        let unknown = verdict(&verifier, &other).await;
        over.set(true);
        unknown
    };
    let known = async {
        eventually(|| world.fetches() == 2).await;
        for _ in 0..100 {
            assert_eq!(verdict(&verifier, &good).await, Ok(()));
        }
        assert!(!over.get(), "known keys waited for the drip");
    };
    let (unknown, ()) = tokio::join!(unknown, known);
    assert_eq!(unknown, Err(Error::KeysUnavailable(KeyError::Timeout)));
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let world = World::start();
    let port = portcullis_test_support::free_port();
    let source =
        RemoteKeys::jwks(&format!("http://127.0.0.1:{port}/keys"), world.options()).unwrap();
    assert_eq!(found(&source, None).await, Err(KeyError::Unreachable));
    let health = source.health();
    assert_eq!((health.keys, health.fetched_at), (0, None));
    assert!(source.known().is_none());
}

#[tokio::test]
async fn googles_certificates_are_keys_by_their_names() {
    let world = World::start();
    let account = "gerrit@x.iam.gserviceaccount.com";
    let (signer, other) =
        (SigningKey::generate("RS256", "1f"), SigningKey::generate("RS256", "2e"));
    let certs = json!({"1f": certificate(&signer), "2e": certificate(&other), "3d": "not PEM"});
    world.site.set("/x509/gerrit@x.iam.gserviceaccount.com", Reply::json(certs));
    let source = RemoteKeys::google(&world.at("/x509/"), account, world.options()).unwrap();
    let verifier = verifier(source.clone(), 0);
    assert_eq!(verdict(&verifier, &signer).await, Ok(()));
    let stolen = SigningKey::new(signer.pkey().clone(), "RS256", "2e");
    assert_eq!(verdict(&verifier, &stolen).await, Err(Error::Signature));
    assert_eq!(source.health().skipped, [(Some("3d".to_owned()), "malformed")]);
    // Nothing was said of their life: an hour.
    world.clock.advance(MINUTE * 60);
    assert!(source.known().is_none());
}

fn certificate(key: &SigningKey) -> String {
    use openssl::asn1::Asn1Time;
    let mut builder = openssl::x509::X509::builder().unwrap();
    builder.set_pubkey(key.pkey()).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(key.pkey(), openssl::hash::MessageDigest::sha256()).unwrap();
    let pem = builder.build().to_pem().unwrap();
    assert!(Key::from_certificate(None, &pem).is_ok());
    String::from_utf8(pem).unwrap()
}
