//! `/auth` behind a Gerrit.

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::x509::X509;
use portcullis_base::{Clock as _, SystemClock};
use portcullis_test_support::{Reply, SigningKey, Site};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::auth::{basic, forged};
use crate::oidc::{Issuer, identity};
use crate::support::{Answer, Database, TestGateway, send};

const SIGNER: &str = "gerrit@example.iam.gserviceaccount.com";
const AUDIENCE: &str = "https://gw.example.com";

/// A Gerrit, and the place where Google publishes the certificates of its signer.
struct Review {
    site: Site,
    key: SigningKey,
}

impl Review {
    fn start() -> Self {
        let (site, key) = (Site::start(), SigningKey::generate("RS256", "k1"));
        let mut certificate = X509::builder().unwrap();
        certificate.set_pubkey(key.pkey()).unwrap();
        certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        certificate.sign(key.pkey(), MessageDigest::sha256()).unwrap();
        let pem = certificate.build().to_pem().unwrap();
        let set = json!({ "k1": String::from_utf8(pem).unwrap() });
        site.set(&format!("/x509/{SIGNER}"), Reply::json(set));
        Self { site, key }
    }

    fn toml(&self, rest: &str) -> String {
        let certs = format!("{}/x509/", self.site.url());
        format!(
            "[gerrit]\nsigner_accounts = [\"{SIGNER}\"]\naudience = \"{AUDIENCE}\"\n\
             certs_url = \"{certs}\"\n{rest}\n"
        )
    }

    /// Ann on change 34, with these claims over it.
    fn token(&self, over: &Value) -> String {
        let mut claims = json!({
            "iss": SIGNER, "aud": AUDIENCE, "exp": SystemClock.now_ms() / 1000 + 300,
            "asserted_user": {
                "account_id": 12, "emails": ["a@example.com"], "preferred_email": "ann@example.com"
            },
            "asserted_change": {"host": "review", "repository": "infra/go", "change_number": 34}
        });
        for (name, value) in over.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.key.sign(&claims)
    }
}

async fn ask(gateway: &TestGateway, headers: &[(&str, &str)]) -> Answer {
    let request = gateway.request(Method::GET, "/auth");
    let with = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    send(headers.iter().fold(request, with)).await
}

fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{what}");
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("x-auth-")), "{what}");
}

pub(crate) async fn a_gerrit_lets_its_users_in(database: Database) {
    let review = Review::start();
    let gateway = TestGateway::start(&database, &review.toml("")).await;
    let ann = "ann@example.com";
    for (over, expected) in [
        (json!({}), ["user:ann@example.com", ann, "gerrit", "", "12", "review/infra/go~34"]),
        (json!({"asserted_change": {}}), ["user:ann@example.com", ann, "gerrit", "", "12", ""]),
        (
            json!({"asserted_user": {"emails": ["b@example.com", "a@example.com"]}}),
            ["user:b@example.com", "b@example.com", "gerrit", "", "", "review/infra/go~34"],
        ),
    ] {
        for _ in 0..2 {
            let answer = ask(&gateway, &[("x-gerrit-auth", &review.token(&over))]).await;
            assert_eq!(identity(&answer), expected, "{over}");
        }
    }
    assert_eq!(review.site.requests().len(), 1, "the certificates are fetched once");
    let path = "/auth?scope=deploy";
    let request =
        gateway.request(Method::GET, path).header("x-gerrit-auth", review.token(&json!({})));
    assert_eq!(send(request).await.code(), "insufficient_scope");
    for repository in ["infra\u{e9}", "infra\r\nX-Auth-Identity: root", "a".repeat(3000).as_str()] {
        let change = json!({"host": "review", "repository": repository, "change_number": 34});
        let token = review.token(&json!({ "asserted_change": change }));
        let answer = ask(&gateway, &[("x-gerrit-auth", &token)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "unusable_identity"));
    }
    gateway.stop().await;
}

pub(crate) async fn a_bad_gerrit_header_is_refused_whatever_comes_with_it(database: Database) {
    let (review, issuer) = (Review::start(), Issuer::start("ES256"));
    let limits = "hosts = [\"review\"]\nrepositories = [\"r\"]\nchanges = [7]";
    let rest = review.toml(limits) + &issuer.toml("");
    let gateway = TestGateway::start(&database, &rest).await;
    let pat = gateway.mint().await.token;
    let of = |host, repository, number| {
        let change = json!({"host": host, "repository": repository, "change_number": number});
        review.token(&json!({ "asserted_change": change }))
    };
    let inside = of("review", "r", 7);
    assert_eq!(ask(&gateway, &[("x-gerrit-auth", &inside)]).await.status, 200);
    let outside = [of("elsewhere", "r", 7), of("review", "s", 7), of("review", "r", 8)];
    let stranger = issuer.token(json!({}));
    let ours = inside;
    let cut = &ours[..ours.len() - 2];
    let [host, repository, change] = &outside;
    let others = ["x", "a.b.c", &pat, &stranger, cut, &format!("Bearer {ours}")];
    for bad in others.into_iter().chain([host.as_str(), repository, change]) {
        for good in [&pat, &stranger] {
            let good = format!("Bearer {good}");
            let both = [("x-gerrit-auth", bad), ("authorization", good.as_str())];
            assert_refused(&ask(&gateway, &both).await, bad);
        }
    }
    assert_refused(
        &ask(&gateway, &[("x-gerrit-auth", &ours), ("x-gerrit-auth", &ours)]).await,
        "2",
    );
    // Some proxies send the header along empty where the client sent none.
    let both = [("x-gerrit-auth", ""), ("authorization", &format!("Bearer {pat}"))];
    assert_eq!(ask(&gateway, &both).await.status, 200);
    // As a bearer it is nobody's: its issuer is none of the OIDC ones.
    assert_refused(&gateway.auth(&ours).await, "as a bearer");
    let refused = gateway.get("/auth").await;
    let challenges: Vec<_> = refused.headers.get_all("www-authenticate").iter().collect();
    let wanted = [
        "Basic realm=\"portcullis\"",
        "Bearer realm=\"portcullis\"",
        "Gerrit realm=\"portcullis\", header=\"X-Gerrit-Auth\"",
    ];
    assert_eq!(challenges, wanted);
    gateway.stop().await;
}

/// Who is meant first decides, for good and for ill.
pub(crate) async fn the_order_of_methods_decides(database: Database) {
    let (review, issuer) = (Review::start(), Issuer::start("ES256"));
    for (order, first) in [
        (r#"["gerrit", "pat", "oidc"]"#, "gerrit"),
        (r#"["pat", "gerrit", "oidc"]"#, "pat"),
        (r#"["oidc", "pat", "gerrit"]"#, "pat"),
    ] {
        let rest = format!("[auth]\nmethods = {order}\n{}{}", issuer.toml(""), review.toml(""));
        let gateway = TestGateway::start(&database, &rest).await;
        let pat = gateway.mint().await.token;
        let ours = review.token(&json!({}));
        let both = async |authorization: &str| {
            let name = AUTHORIZATION.as_str();
            ask(&gateway, &[("x-gerrit-auth", &ours), (name, authorization)]).await
        };
        assert_eq!(identity(&both(&format!("Bearer {pat}")).await)[2], first, "{order}");
        assert_eq!(identity(&both(&basic("git", &pat)).await)[2], first, "{order}");
        for bad in [format!("Bearer {}", forged(&pat)), "Bearer".to_owned(), "Basic !".to_owned()] {
            let answer = both(&bad).await;
            if first == "gerrit" {
                assert_eq!(identity(&answer)[2], "gerrit", "{order}: it was asked before");
            } else {
                assert_refused(&answer, &format!("{order}: {bad}"));
            }
        }
        // Meant for nobody, so Gerrit is asked in any order.
        let unsigned = issuer.key.sign(&json!({"iss": "https://elsewhere.example"}));
        for other in [format!("Bearer {unsigned}"), "Bearer x".to_owned(), "Digest x".to_owned()] {
            assert_eq!(identity(&both(&other).await)[2], "gerrit", "{order}: {other}");
        }
        // Broken, and still meant for `oidc`.
        let expired = issuer.token(json!({"exp": 1}));
        let none =
            issuer.key.sign_text("{\"alg\":\"none\"}", &issuer.claims(json!({})).to_string());
        let (header, claims) =
            (issuer.key.header().to_string(), issuer.claims(json!({})).to_string());
        let twice = claims.replacen('{', "{\"iss\":\"https://elsewhere.example\",", 1);
        let twice = issuer.key.sign_text(&header, &twice);
        let longer = format!("{}.x", issuer.token(json!({})));
        for bad in [expired, none, twice, longer] {
            let answer = both(&format!("Bearer {bad}")).await;
            let asked_first = order.starts_with("[\"oidc\"");
            assert_eq!(answer.status, if asked_first { 401 } else { 200 }, "{order}");
        }
        let name = AUTHORIZATION.as_str();
        let twice = [("x-gerrit-auth", ours.as_str()), (name, "Digest x"), (name, "Digest x")];
        assert_refused(&ask(&gateway, &twice).await, "two of them, in any order");
        gateway.stop().await;
    }
}

pub(crate) async fn a_signer_that_is_away_is_unavailable(database: Database) {
    let review = Review::start();
    review.site.set(&format!("/x509/{SIGNER}"), Reply::status(500));
    let gateway = TestGateway::start(&database, &review.toml("")).await;
    let pat = format!("Bearer {}", gateway.mint().await.token);
    let ours = review.token(&json!({}));
    let answer = ask(&gateway, &[("x-gerrit-auth", &ours), ("authorization", &pat)]).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    assert!(answer.header("retry-after").is_some());
    // What is wrong with or without keys is said at once.
    assert_refused(&ask(&gateway, &[("x-gerrit-auth", "a.b.c")]).await, "no token");
    assert_eq!(ask(&gateway, &[("authorization", &pat)]).await.status, 200);
    let ready = send(gateway.admin_request(Method::GET, "/ready")).await.json();
    assert_eq!((&ready["issuers"][0]["issuer"], &ready["ready"]), (&json!(SIGNER), &json!(true)));
    assert!(ready["issuers"][0]["last_error"]["error"].is_string(), "{ready}");
    gateway.stop().await;
}
