//! Discovery, and addresses that are not asked.

use portcullis_jwt_verify::sources::{KeyError, KeySource as _, RemoteKeys};
use portcullis_test_support::{Reply, Site};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::world::{MINUTE, World, found, key, last_error, options, set};

const DOCUMENT: &str = "/.well-known/openid-configuration";

fn document(issuer: &str, jwks_uri: &str) -> Value {
    json!({"issuer": issuer, "jwks_uri": jwks_uri, "response_types_supported": ["id_token"]})
}

#[tokio::test]
async fn keys_are_where_the_document_says() {
    let world = World::start();
    world.site.set("/realm/.well-known/openid-configuration", {
        Reply::json(document(&world.at("/realm"), &world.at("/keys")))
            .header("Cache-Control", "max-age=86400")
    });
    world.site.set("/keys", set(&[&key("a")]).header("Cache-Control", "max-age=600"));
    let source = RemoteKeys::discover(&world.at("/realm"), world.options()).unwrap();
    assert_eq!(found(&source, None).await.unwrap(), ["a"]);
    let health = source.health();
    assert_eq!((health.keys, health.last_error), (1, None));
    assert_eq!(world.site.requests(), ["/realm/.well-known/openid-configuration", "/keys"]);
    // The life is the keys', not the document's.
    world.clock.advance(10 * MINUTE);
    assert!(source.known().is_none());
    assert_eq!(found(&source, Some("a")).await.unwrap(), ["a"]);
    assert_eq!(world.site.requests().len(), 4);
}

#[tokio::test]
async fn the_document_of_another_issuer_is_refused() {
    let world = World::start();
    world.site.set("/keys", set(&[&key("a")]));
    let url = world.site.url();
    for issuer in ["https://gitlab.com", &format!("{url}/"), &url.replace("http:", "https:"), ""] {
        world.site.set(DOCUMENT, Reply::json(document(issuer, &world.at("/keys"))));
        let source = RemoteKeys::discover(url, world.options()).unwrap();
        assert_eq!(found(&source, None).await, Err(KeyError::OtherIssuer), "{issuer}");
        assert_eq!(last_error(&source), Some(KeyError::OtherIssuer));
    }
    assert_eq!(world.fetches(), 0);
    // With its slash it is another authority, whose document is at the same place.
    world.site.set(DOCUMENT, Reply::json(document(&format!("{url}/"), &world.at("/keys"))));
    let source = RemoteKeys::discover(&format!("{url}/"), world.options()).unwrap();
    assert_eq!(found(&source, None).await.unwrap(), ["a"]);
}

#[tokio::test]
async fn the_document_leads_to_no_insecure_place() {
    let (world, other) = (World::start(), Site::start());
    other.set("/keys", set(&[&key("a")]));
    let elsewhere = format!("{}/keys", other.url());
    for uri in [&elsewhere, "http://169.254.169.254/", "http://example.com/keys", "file:///keys"] {
        world.site.set(DOCUMENT, Reply::json(document(world.site.url(), uri)));
        let source = RemoteKeys::discover(world.site.url(), world.options()).unwrap();
        assert_eq!(found(&source, None).await, Err(KeyError::Insecure), "{uri}");
    }
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_broken_document_leaves_the_keys() {
    let world = World::start();
    world.site.set(DOCUMENT, Reply::json(document(world.site.url(), &world.at("/keys"))));
    world.site.set("/keys", set(&[&key("a")]).header("Cache-Control", "max-age=86400"));
    let source = RemoteKeys::discover(world.site.url(), world.options()).unwrap();
    found(&source, None).await.unwrap();
    for reply in [Reply::json("{}"), Reply::json("<html>"), Reply::status(302), Reply::status(503)]
    {
        world.site.set(DOCUMENT, reply);
        world.clock.advance(MINUTE);
        assert!(found(&source, Some("b")).await.is_err());
        assert_eq!(found(&source, Some("a")).await.unwrap(), ["a"]);
    }
    assert_eq!(world.fetches(), 1);
}

#[test]
fn insecure_and_senseless_addresses_are_refused_before_anything_is_asked() {
    for (address, wanted) in [
        ("http://gitlab.example.com", KeyError::Insecure),
        ("http://192.168.0.1:8080", KeyError::Insecure),
        ("http://localhost.example.com", KeyError::Insecure),
        ("ftp://localhost", KeyError::Insecure),
        ("gitlab.example.com", KeyError::Address),
        ("", KeyError::Address),
    ] {
        let refused = |source: Result<RemoteKeys, KeyError>| source.map(drop).unwrap_err();
        assert_eq!(refused(RemoteKeys::discover(address, options())), wanted, "{address}");
        assert_eq!(refused(RemoteKeys::jwks(address, options())), wanted, "{address}");
        assert_eq!(refused(RemoteKeys::google(address, "a@b", options())), wanted, "{address}");
    }
    assert!(RemoteKeys::jwks("http://[::1]:1/keys", options()).is_ok());
    let secret = RemoteKeys::jwks("https://user:hidden@example.com/keys?key=hidden", options());
    assert_eq!(format!("{:?}", secret.unwrap()), "RemoteKeys(https://example.com/keys)");
}

#[tokio::test]
async fn headers_of_the_callers_own_are_sent_and_credentials_not_shown() {
    let world = World::start();
    world.site.set(DOCUMENT, Reply::json(document(world.site.url(), &world.at("/keys"))));
    world.site.set("/keys", set(&[&key("a")]));
    let mut options = world.options();
    let mut value = HeaderValue::from_static("a-credential");
    value.set_sensitive(true);
    options.headers.insert("x-key", value);
    assert!(!format!("{options:?}").contains("a-credential"));
    let source = RemoteKeys::discover(world.site.url(), options).unwrap();
    assert_eq!(found(&source, None).await.unwrap(), ["a"]);
    for path in [DOCUMENT, "/keys"] {
        assert!(world.site.heads(path)[0].contains("x-key: a-credential\r\n"), "{path}");
    }
}
