//! What verifiers read.

use portcullis_test_support::SigningKey;
use reqwest::Method;
use reqwest::header::{HOST, IF_NONE_MATCH};
use serde_json::{Value, json};

use super::{World, section, url, write_keys};
use crate::oidc::Issuer;
use crate::support::broker::{broker_toml, gitlab};
use crate::support::{Database, TestGateway, send};
use crate::tls;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/.well-known/jwks.json";

pub(crate) async fn the_discovery_document_has_six_members(database: Database) {
    let names = [("RS256", "r"), ("ES256", "e"), ("EdDSA", "o")];
    let ours = names.map(|(algorithm, kid)| SigningKey::generate(algorithm, kid)).to_vec();
    let rest = "signing_algs = [\"RS256\", \"EdDSA\", \"ES256\"]\ndefault_signing_alg = \"RS256\"\n\
                clone_upstream_claims = [\"sub\", \"groups\", \"email\"]";
    let world = World::with(&database, ours, Issuer::start("RS256"), rest).await;
    let answer = world.gateway.get(DISCOVERY).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let issuer = url(&world.gateway);
    let wanted = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}{KEYS}"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "EdDSA", "RS256"],
        "claims_supported": ["aud", "email", "exp", "groups", "iat", "iss", "nbf", "sub"],
    });
    assert_eq!(answer.json(), wanted);
    world.gateway.stop().await;
}

pub(crate) async fn public_halves_are_published_and_nothing_else(database: Database) {
    let all = ["RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"];
    let ours = all.map(|algorithm| SigningKey::generate(algorithm, algorithm)).to_vec();
    let rest = "signing_key_ids = { ES256 = \"ES256\" }";
    let world = World::with(&database, ours, Issuer::start("RS256"), rest).await;
    let answer = world.gateway.get(KEYS).await;
    let kind = answer.header("content-type");
    assert_eq!((answer.status, kind), (200, Some("application/jwk-set+json")));
    // Every key of the file, in its order, those that do not sign too.
    let published: Vec<Value> = world.ours.iter().map(SigningKey::jwk).collect();
    assert_eq!(answer.json(), json!({"keys": published}));
    for key in &world.ours {
        let whole = key.private_jwk();
        for name in ["d", "p", "q", "dp", "dq", "qi"] {
            let Some(secret) = whole[name].as_str() else { continue };
            assert!(!answer.text.contains(secret), "{name}");
        }
    }
    world.gateway.stop().await;
}

pub(crate) async fn documents_can_be_kept(database: Database) {
    let world = World::start(&database, "cache_max_age = \"2m\"").await;
    for path in [DISCOVERY, KEYS] {
        let ask = |method, known: Option<&str>| {
            let request = world.gateway.request(method, path);
            send(match known {
                Some(known) => request.header(IF_NONE_MATCH, known),
                None => request,
            })
        };
        let whole = ask(Method::GET, None).await;
        assert_eq!(whole.header("cache-control"), Some("public, max-age=120"));
        let tag = whole.header("etag").unwrap();
        assert_eq!(ask(Method::GET, None).await.header("etag"), Some(tag));
        for known in [tag, "*", &format!("\"other\", W/{tag}")] {
            let same = ask(Method::GET, Some(known)).await;
            assert_eq!((same.status, same.text.as_str()), (304, ""), "{known}");
            assert_eq!(same.header("etag"), Some(tag));
            assert_eq!(same.header("cache-control"), Some("public, max-age=120"));
        }
        for unknown in ["\"other\"", "", "nonsense"] {
            assert_eq!(ask(Method::GET, Some(unknown)).await.text, whole.text, "{unknown:?}");
        }
        let head = ask(Method::HEAD, None).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        for name in ["etag", "cache-control", "content-type", "content-length"] {
            assert_eq!(head.header(name), whole.header(name), "{name}");
        }
        assert_eq!(ask(Method::POST, None).await.header("allow"), Some("GET, HEAD"));
    }
    world.gateway.stop().await;
}

pub(crate) async fn the_issuer_is_fixed_or_follows_the_host(database: Database) {
    let world = World::start(&database, "").await;
    let host = |name: &str| {
        let request = world.gateway.request(Method::GET, DISCOVERY);
        send(request.header(HOST, name))
    };
    assert_eq!(host("localhost:1").await.json()["issuer"], "http://localhost:1");
    for bad in ["a b", "a/b", "a@b", "a\"b"] {
        let answer = host(bad).await;
        assert_eq!(answer.status, 400, "{bad}: {answer:?}");
    }
    world.gateway.stop().await;

    let upstream = Issuer::start("RS256");
    let file = write_keys(database.folder(), [&SigningKey::generate("ES256", "k")]);
    let rest = format!(
        "issuer = \"https://oidc.example.com/x\"\nmount = \"/below\"\n\
         upstream_issuer = \"{}\"\nsigning_algs = [\"ES256\"]",
        upstream.site.url(),
    );
    let gateway = TestGateway::start(&database, &section(&file, &rest)).await;
    let request = gateway.request(Method::GET, &format!("/below{DISCOVERY}"));
    let document = send(request.header(HOST, "evil.example")).await.json();
    assert_eq!(document["issuer"], "https://oidc.example.com/x");
    assert_eq!(document["jwks_uri"], format!("https://oidc.example.com/x{KEYS}"));
    assert_eq!(gateway.get(DISCOVERY).await.status, 404);
    let token = upstream.key.sign(&super::claims(&upstream, &json!({})));
    let request = gateway.request(Method::POST, "/below/token").header(HOST, "evil.example");
    let answer = send(request.body(json!({"token": token}).to_string())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let issuers = portcullis_jwt_verify::claimed_issuers(&answer.text);
    assert_eq!(issuers, ["https://oidc.example.com/x"]);
    gateway.stop().await;
}

pub(crate) async fn the_issuer_follows_the_host_by_tls_too(database: Database) {
    let upstream = Issuer::start("RS256");
    let file = write_keys(database.folder(), [&SigningKey::generate("ES256", "k")]);
    let rest = format!("upstream_issuer = \"{}\"\nsigning_algs = [\"ES256\"]", upstream.site.url());
    let world = tls::World::new(&database);
    let gateway = world.start(&database, false, &section(&file, &rest)).await;
    let base = format!("https://localhost:{}", gateway.address().port());
    let document = send(world.http().get(format!("{base}{DISCOVERY}"))).await.json();
    assert_eq!(document["issuer"], base);
    gateway.stop().await;
}

/// `GET /token` is the broker's, `POST /token` the re-signer's.
pub(crate) async fn both_surfaces_share_their_path(database: Database) {
    let (lender, upstream) = (gitlab(), Issuer::start("RS256"));
    let file = write_keys(database.folder(), [&SigningKey::generate("ES256", "k")]);
    let rest = format!("upstream_issuer = \"{}\"\nsigning_algs = [\"ES256\"]", upstream.site.url());
    let rest = section(&file, &rest) + &broker_toml(&lender, "");
    let gateway = TestGateway::start(&database, &rest).await;
    assert_eq!(gateway.get("/token").await.status, 401);
    let token = upstream.key.sign(&super::claims(&upstream, &json!({})));
    let answer = super::post(&gateway, &json!({"token": token}).to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for method in [Method::HEAD, Method::PUT, Method::OPTIONS] {
        let answer = send(gateway.request(method, "/token")).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("DELETE, GET, POST")));
    }
    gateway.stop().await;
}
