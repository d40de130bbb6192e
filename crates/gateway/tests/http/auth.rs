//! `/auth`, as a reverse proxy meets it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_base::{Randomness as _, SystemRandomness};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::raw::raw;
use crate::support::{Answer, Database, PATIENCE, TestGateway, eventually, in_future, send};

const HOUR: Duration = Duration::from_hours(1);

async fn with(gateway: &TestGateway, values: &[String]) -> Answer {
    let request = gateway.request(Method::GET, "/auth");
    send(values.iter().fold(request, |request, value| request.header(AUTHORIZATION, value))).await
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The token with another value under the same signature.
pub(crate) fn forged(token: &str) -> String {
    let (signature, value) = token.split_once('.').unwrap();
    format!("{signature}.{}", value.chars().rev().collect::<String>())
}

pub(crate) fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{what}");
    let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    let wanted = ["Basic realm=\"portcullis\"", "Bearer realm=\"portcullis\""];
    assert_eq!(challenges, wanted, "{what}");
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("x-auth-")), "{what}");
}

pub(crate) async fn only_a_good_pat_passes(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let pat = gateway.mint().await.token;
    for good in
        [format!("Bearer {pat}"), format!("bearer   {pat}"), basic("oauth2", &pat), basic("", &pat)]
    {
        assert_eq!(with(&gateway, std::slice::from_ref(&good)).await.status, 200, "{good}");
    }
    let bearer = format!("Bearer {pat}");
    for bad in [
        vec![],
        vec![String::new()],
        vec!["Bearer".to_owned()],
        vec![pat.clone()],
        vec![format!("Token {pat}")],
        vec![format!("Digest {pat}")],
        vec![format!("Bearer x{pat}")],
        vec![format!("Bearer {} {}", &pat[..20], &pat[20..])],
        vec![format!("Bearer {}", pat.strip_prefix("gitpod_pat_").unwrap())],
        vec![format!("Bearer {}", forged(&pat))],
        vec![format!("Bearer {pat}x")],
        vec![format!("Bearer {}", &pat[..pat.len() - 1])],
        vec!["Bearer gitpod_pat_".to_owned()],
        vec!["Bearer gitpod_pat_.".to_owned()],
        vec![format!("Bearer gitpod_pat_{}", "a".repeat(8000))],
        vec![basic(&pat, "")],
        vec![basic("oauth2", &forged(&pat))],
        vec!["Basic !".to_owned()],
        vec![bearer.clone(), bearer.clone()],
        vec![bearer.clone(), "Bearer other".to_owned()],
        vec![bearer.clone(), basic("oauth2", &pat)],
    ] {
        assert_refused(&with(&gateway, &bad).await, &format!("{bad:?}"));
    }
    gateway.stop().await;
}

pub(crate) async fn an_expired_pat_is_refused_though_it_is_remembered(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let pat = gateway.mint_for("user:ann", &[], Duration::from_secs(6)).await;
    assert_eq!(gateway.auth(&pat.token).await.status, 200);
    let refused = eventually(PATIENCE, async || {
        Some(gateway.auth(&pat.token).await).filter(|answer| answer.status != 200)
    });
    assert_refused(&refused.await, "expired");
    let shown = gateway.pats(Method::GET, &format!("/{}", pat.id), None).await;
    assert_eq!(shown.json()["status"], "expired");
    gateway.stop().await;
}

pub(crate) async fn a_deleted_or_regenerated_pat_is_refused_at_once(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let pat = gateway.mint().await;
    assert_eq!(gateway.auth(&pat.token).await.status, 200);
    let path = format!("/{}/regenerate", pat.id);
    let body = json!({ "expires_at": in_future(HOUR) });
    let renewed = gateway.pats(Method::POST, &path, Some(body)).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let token = renewed.json()["token"].as_str().unwrap().to_owned();
    assert_refused(&gateway.auth(&pat.token).await, "the former token");
    assert_eq!(gateway.auth(&token).await.status, 200);
    let deleted = gateway.pats(Method::DELETE, &format!("/{}", pat.id), None).await;
    assert!(deleted.status < 300, "{deleted:?}");
    assert_refused(&gateway.auth(&token).await, "the deleted token");
    gateway.stop().await;
}

pub(crate) async fn a_scope_is_asked_for_on_exactly_auth(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let pat = gateway.mint_for("user:ann", &["repo:read", "deploy"], HOUR).await;
    for (path, status) in [
        ("/auth?scope=deploy", 200),
        ("/auth?scope=deploy&scope=repo:read", 200),
        ("/auth?scope=deploy%20repo:read", 200),
        ("/auth?scope=", 200),
        ("/auth?other=x", 200),
        ("/auth?scope=admin", 403),
        ("/auth?scope=deploy&scope=admin", 403),
        ("/auth?scope=deploy%20admin", 403),
        ("/auth?scope=Deploy", 403),
        ("/auth?scope=%00", 403),
        ("/auth?scope=%ff", 403),
        ("/auth?%73cope=admin", 403),
        ("/auth/?scope=admin", 200),
        ("/auth/any/tail?scope=admin", 200),
        ("/auth/any/%00/%ff//tail", 200),
        ("/auth/assets/x", 200),
        ("/auth/as", 403),
        ("/auth/as/x", 403),
        ("/auth/as/x/any/tail", 403),
    ] {
        let answer = send(gateway.request(Method::GET, path).bearer_auth(&pat.token)).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        if status == 403 {
            let known = ["insufficient_scope", "unknown_profile"];
            assert!(known.contains(&answer.code().as_str()), "{path}");
        }
        // Who is not known learns nothing about scopes and profiles.
        assert_refused(&gateway.get(path).await, path);
    }
    gateway.stop().await;
}

pub(crate) async fn every_method_is_the_same_and_no_body_is_read(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let pat = gateway.mint().await.token;
    let methods =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "BREW"];
    for method in methods {
        for path in ["/auth", "/auth/any/tail"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let good = send(gateway.request(method.clone(), path).bearer_auth(&pat)).await;
            assert_eq!((good.status, good.header("x-auth-method")), (200, Some("pat")), "{method}");
            let bad = send(gateway.request(method.clone(), path)).await;
            assert_eq!(bad.status, 401, "{method}");
        }
    }
    // The body that is announced never comes.
    let (line, bearer) = ("POST /auth HTTP/1.1", format!("Authorization: Bearer {pat}"));
    let (status, _) =
        raw(gateway.address(), &[line, &bearer, "Content-Length: 1000000000"], []).await;
    assert_eq!(status, 200);
    gateway.stop().await;
}

/// Whatever comes, a proxy hears 200, 401, 403 or 503.
pub(crate) async fn garbage_is_refused_with_a_status_that_proxies_know(database: Database) {
    let gateway = TestGateway::start(&database, "").await;
    let mut noise = [0; 96];
    for n in 0..200 {
        SystemRandomness.fill(&mut noise);
        let token: String = noise.iter().map(|b| char::from(33 + b % 94)).collect();
        let path = noise.map(|b| format!("%{b:02x}")).concat();
        let request = match n % 4 {
            0 => gateway.request(Method::GET, "/auth").bearer_auth(format!("gitpod_pat_{token}")),
            1 => gateway.request(Method::GET, "/auth").header(AUTHORIZATION, token),
            2 => gateway.request(Method::GET, &format!("/auth/{path}")),
            _ => gateway.request(Method::GET, &format!("/auth?scope={path}&{path}")),
        };
        let answer = send(request).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    gateway.stop().await;
}
