//! Whose tokens come in, and where their keys come from.

use std::net::TcpListener;
use std::time::Duration;

use portcullis_test_support::{Reply, SigningKey, Site, jwks};
use serde_json::json;

use super::{World, post, section, write_keys};
use crate::oidc::Issuer;
use crate::support::{Database, PATIENCE, TestGateway, eventually};

const OURS: &str = "signing_algs = [\"ES256\"]";

async fn gateway(database: &Database, rest: &str) -> TestGateway {
    let file = write_keys(database.folder(), [&SigningKey::generate("ES256", "ours")]);
    TestGateway::start(database, &section(&file, &format!("{OURS}\n{rest}"))).await
}

fn token(issuer: &Issuer, name: &str) -> String {
    let token = issuer.key.sign(&super::claims(issuer, &json!({"iss": name})));
    json!({"token": token}).to_string()
}

pub(crate) async fn an_upstream_that_is_away_or_slow_is_said(database: Database) {
    let issuer = Issuer::start("RS256");
    let keys = jwks([&issuer.key]);
    let slow = Reply { delay: Duration::from_secs(20), ..Reply::json(&keys) };
    issuer.site.set("/slow", slow);
    issuer.site.set("/broken", Reply::status(500));
    let page = Reply::status(200).header("Content-Type", "text/html");
    let page = Reply { body: keys.to_string().into_bytes(), ..page };
    issuer.site.set("/html", page);
    issuer.site.set("/empty", Reply::json(r#"{"keys":[]}"#));
    issuer.site.set("/elsewhere", Reply::status(302).header("Location", "/keys"));
    let at = |path: &str| format!("{}{path}", issuer.site.url());
    let unavailable = "upstream_unavailable";
    let cases = [
        ("http://127.0.0.1:1/keys".to_owned(), 502, unavailable),
        (at("/broken"), 502, unavailable),
        (at("/html"), 502, unavailable),
        (at("/empty"), 502, unavailable),
        (at("/elsewhere"), 502, unavailable),
        (at("/missing"), 502, unavailable),
        (at("/slow"), 504, "upstream_timeout"),
    ];
    let entry = |(i, (uri, ..)): (usize, &(String, u16, &str))| {
        let timeout = if uri.ends_with("/slow") { 1 } else { 15 };
        let of = format!("issuer = \"i{i}\"\njwks_uri = \"{uri}\"\ntimeout = {timeout}\n");
        format!("[[oidc_proxy.upstreams]]\n{of}")
    };
    let rest: String = cases.iter().enumerate().map(entry).collect();
    let gateway = gateway(&database, &rest).await;
    for (i, (uri, status, code)) in cases.iter().enumerate() {
        // The second time too, when nobody is asked again so soon.
        for _ in 0..2 {
            let answer = post(&gateway, &token(&issuer, &format!("i{i}"))).await;
            assert_eq!((answer.status, answer.code().as_str()), (*status, *code), "{uri}");
        }
    }
    gateway.stop().await;
}

pub(crate) async fn a_slow_upstream_delays_nobody_else(database: Database) {
    // Takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = format!("http://{}", silent.local_addr().unwrap());
    let issuer = Issuer::start("RS256");
    let rest = format!(
        "upstream_issuer = \"{}\"\n[[oidc_proxy.upstreams]]\nissuer = \"{hanging}\"\ntimeout = 25",
        issuer.site.url(),
    );
    let gateway = gateway(&database, &rest).await;
    let waiting = token(&issuer, &hanging);
    let request = gateway.request(reqwest::Method::POST, "/token").body(waiting);
    let waiting = tokio::spawn(async move { request.send().await });
    let good = token(&issuer, issuer.site.url());
    for _ in 0..10 {
        assert_eq!(post(&gateway, &good).await.status, 200);
    }
    assert!(!waiting.is_finished(), "nobody answers there");
    waiting.abort();
    assert_eq!(issuer.site.count("/keys"), 1);
    gateway.stop().await;
}

pub(crate) async fn keys_come_from_file_address_or_discovery(database: Database) {
    let (issuer, site) = (Issuer::start("ES384"), Site::start());
    site.set("/certs", Reply::json(jwks([&issuer.key])));
    let file = database.folder().join("theirs.json");
    std::fs::write(&file, jwks([&issuer.key]).to_string()).unwrap();
    let rest = format!(
        // The file wins over the address, and nobody asks there.
        "upstream_issuer = \"by-file\"\nupstream_jwks_file = \"{2}\"\nupstream_jwks_uri = \"{0}/no\"\n\
         [[oidc_proxy.upstreams]]\nissuer = \"by-uri\"\njwks_uri = \"{0}/certs\"\n\
         [[oidc_proxy.upstreams]]\nissuer = \"bare\"\nauthority = \"{1}\"\n\
         [[oidc_proxy.upstreams]]\nissuer = \"{1}\"\n",
        site.url(),
        issuer.site.url(),
        file.display(),
    );
    let gateway = gateway(&database, &rest).await;
    for name in ["by-file", "by-uri", "bare", issuer.site.url()] {
        let answer = post(&gateway, &token(&issuer, name)).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        super::verified(&gateway, &answer.text).await;
    }
    assert_eq!(site.count("/no"), 0);
    let ready = crate::support::send(gateway.admin_request(reqwest::Method::GET, "/ready")).await;
    let ready = ready.json();
    let names: Vec<_> = ready["issuers"].as_array().unwrap().iter().map(|i| &i["issuer"]).collect();
    assert_eq!(names, ["by-file", "by-uri", "bare", issuer.site.url()]);
    assert_eq!(ready["signing_keys"]["sign"], json!({"ES256": "ours"}));
    gateway.stop().await;
}

pub(crate) async fn headers_go_where_the_configuration_says(database: Database) {
    let direct = Issuer::start("RS256");
    let secret = database.folder().join("header");
    std::fs::write(&secret, "from-a-file\n").unwrap();
    let world = World::start(
        &database,
        &format!(
            "extra_request_headers = {{ X-One = \"of-the-first\", x-two_file = \"{}\" }}\n\
             [[oidc_proxy.upstreams]]\nissuer = \"direct\"\njwks_uri = \"{}/keys\"",
            secret.display(),
            direct.site.url(),
        ),
    )
    .await;
    let asked = async |issuer: &Issuer| {
        let head = async || issuer.site.heads("/keys").into_iter().next();
        eventually(PATIENCE, head).await.to_lowercase()
    };
    let head = asked(&world.upstream).await;
    assert!(head.contains("x-one: of-the-first\r\n") && head.contains("x-two: from-a-file\r\n"));
    let document = &world.upstream.site.heads("/.well-known/openid-configuration")[0];
    assert!(document.to_lowercase().contains("x-one: of-the-first\r\n"));
    assert!(!asked(&direct).await.contains("x-one"));
    world.resigned(json!({})).await;
    world.gateway.stop().await;
}
