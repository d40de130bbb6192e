//! `/auth` with the tokens of somebody else.

use portcullis_base::{Clock as _, SystemClock};
use portcullis_test_support::{Reply, SigningKey, Site, base64url, jwks};
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::auth::{assert_refused, basic, forged};
use crate::support::{Answer, Database, TestGateway, client_toml, eventually, send};

/// Whom tokens are for.
const AUDIENCE: &str = "https://gw.example.com";

/// An OIDC provider on loopback.
pub(crate) struct Issuer {
    pub(crate) site: Site,
    pub(crate) key: SigningKey,
}

impl Issuer {
    pub(crate) fn start(algorithm: &'static str) -> Self {
        let (site, key) = (Site::start(), SigningKey::generate(algorithm, "k1"));
        let document = json!({"issuer": site.url(), "jwks_uri": format!("{}/keys", site.url())});
        site.set("/.well-known/openid-configuration", Reply::json(document));
        site.set("/keys", Reply::json(jwks([&key])));
        Self { site, key }
    }

    pub(crate) fn toml(&self, rest: &str) -> String {
        entry(self.site.url(), rest)
    }

    /// Claims that pass, with these over them; null takes one away.
    pub(crate) fn claims(&self, over: Value) -> Value {
        claims(self.site.url(), over)
    }

    pub(crate) fn token(&self, over: Value) -> String {
        self.key.sign(&self.claims(over))
    }
}

fn entry(issuer: &str, rest: &str) -> String {
    format!("[[auth.oidc]]\nissuer = \"{issuer}\"\naudiences = [\"{AUDIENCE}\"]\n{rest}\n")
}

fn claims(issuer: &str, over: Value) -> Value {
    let now = SystemClock.now_ms() / 1000;
    let mut claims = json!({"iss": issuer, "sub": "ann", "aud": AUDIENCE, "exp": now + 600});
    let Value::Object(over) = over else { panic!("claims are an object") };
    for (name, value) in over {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(&name);
        } else {
            claims[name] = value;
        }
    }
    claims
}

/// The six headers, in the order of the documentation.
pub(crate) fn identity(answer: &Answer) -> [&str; 6] {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    ["identity", "email", "method", "scopes", "gerrit-account", "gerrit-change"]
        .map(|name| answer.header(&format!("x-auth-{name}")).expect("all six"))
}

pub(crate) async fn a_token_of_a_configured_issuer_passes(database: Database) {
    let issuers = [Issuer::start("RS256"), Issuer::start("ES256")];
    let rest = issuers.each_ref().map(|one| one.toml("")).concat();
    let gateway = TestGateway::start(&database, &rest).await;
    for issuer in &issuers {
        // At the first and at the second sight.
        for _ in 0..2 {
            let answer = gateway.auth(&issuer.token(json!({"email": "ann@example.com"}))).await;
            let name = format!("oidc:{}#ann", issuer.site.url());
            assert_eq!(identity(&answer), [name.as_str(), "", "oidc", "", "", ""]);
        }
        assert_eq!(issuer.site.count("/keys"), 1);
    }
    // One may not speak for the other, whatever it signs.
    let claims = issuers[1].claims(json!({}));
    assert_refused(&gateway.auth(&issuers[0].key.sign(&claims)).await, "another's name");
    gateway.stop().await;
}

pub(crate) async fn a_bad_token_is_refused(database: Database) {
    let issuer = Issuer::start("RS256");
    let gateway = TestGateway::start(&database, &issuer.toml("")).await;
    let (key, other) = (&issuer.key, SigningKey::generate("RS256", "k1"));
    let now = SystemClock.now_ms() / 1000;
    for over in [
        json!({"iss": "https://elsewhere.example"}),
        json!({"iss": null}),
        json!({"iss": format!("{}/", issuer.site.url())}),
        json!({"aud": "another"}),
        json!({"aud": null}),
        json!({"aud": [AUDIENCE, 1]}),
        json!({"exp": now - 60}),
        json!({"exp": null}),
        json!({"exp": "9999999999"}),
        json!({"nbf": now + 600}),
        json!({"iat": now + 600}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"sub": "ann\r\nX-Auth-Identity: root"}),
        json!({"sub": "ann\u{0}"}),
    ] {
        assert_refused(&gateway.auth(&issuer.token(over.clone())).await, &over.to_string());
    }
    let good = issuer.token(json!({}));
    let payload = issuer.claims(json!({})).to_string();
    let with = |header: Value| key.sign_text(&header.to_string(), &payload);
    let unsigned = format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url(&payload));
    for (what, token) in [
        ("another's key", other.sign(&issuer.claims(json!({})))),
        ("none", unsigned),
        ("HMAC", with(json!({"alg": "HS256", "kid": "k1"}))),
        ("another algorithm", with(json!({"alg": "PS256", "kid": "k1"}))),
        ("a key in the header", with(json!({"alg": "RS256", "kid": "x", "jwk": other.jwk()}))),
        ("critical", with(json!({"alg": "RS256", "kid": "k1", "crit": ["exp"]}))),
        ("a signature cut off", good.rsplit_once('.').unwrap().0.to_owned() + "."),
        ("no signature", good.rsplit_once('.').unwrap().0.to_owned()),
        ("too long", key.sign(&issuer.claims(json!({"x": "x".repeat(20_000)})))),
        ("no JWT", "a.b.c".to_owned()),
    ] {
        assert_refused(&gateway.auth(&token).await, what);
    }
    for value in [format!("Token {good}"), good.clone(), basic("oauth2", &good)] {
        let request = gateway.request(Method::GET, "/auth").header(AUTHORIZATION, value);
        assert_refused(&send(request).await, "not as a bearer");
    }
    assert_eq!(gateway.auth(&good).await.status, 200);
    gateway.stop().await;
}

/// What cannot be told in a header is refused, and never something like it told instead.
pub(crate) async fn a_name_is_told_whole_or_not_at_all(database: Database) {
    let issuer = Issuer::start("EdDSA");
    let gateway = TestGateway::start(&database, &issuer.toml("")).await;
    let verified = |email: &str| json!({"email": email, "email_verified": true});
    for over in [
        json!({"sub": "ann\u{e9}"}),
        json!({"sub": "\u{202e}nna"}),
        json!({"sub": "ann "}),
        json!({"sub": "a".repeat(2048)}),
        verified("ann@example.com\r\nX-Auth-Identity: root"),
        verified("\u{e4}nn@example.com"),
        verified("ann@example.com,root@example.com"),
        verified("no address"),
    ] {
        let answer = gateway.auth(&issuer.token(over.clone())).await;
        assert_eq!(answer.status, 403, "{over}: {answer:?}");
        assert_eq!(answer.code(), "unusable_identity", "{over}");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("x-auth-")), "{over}");
    }
    let odd = " a \"b\";c,d#e%0d%0a";
    let answer = gateway.auth(&issuer.token(json!({"sub": odd}))).await;
    assert_eq!(identity(&answer)[0], format!("oidc:{}#{odd}", issuer.site.url()));
    gateway.stop().await;
}

pub(crate) async fn an_address_is_told_where_the_issuer_vouches(database: Database) {
    let (strict, trusted) = (Issuer::start("ES256"), Issuer::start("ES256"));
    let rest = strict.toml("") + &trusted.toml("trust_email = true");
    let gateway = TestGateway::start(&database, &rest).await;
    let email = "ann@example.com";
    for (verified, by_strict) in [
        (json!(true), email),
        (json!(false), ""),
        (json!("true"), ""),
        (json!(1), ""),
        (json!(null), ""),
    ] {
        let over = json!({"email": email, "email_verified": verified});
        let answer = gateway.auth(&strict.token(over.clone())).await;
        assert_eq!(identity(&answer)[1], by_strict, "{over}");
        assert_eq!(identity(&gateway.auth(&trusted.token(over)).await)[1], email);
    }
    let nothing = json!({"email_verified": true});
    assert_eq!(identity(&gateway.auth(&strict.token(nothing)).await)[1], "");
    gateway.stop().await;
}

/// A method that was asked for and says no is the last one that is asked.
pub(crate) async fn what_asks_for_nothing_goes_on_to_the_next(database: Database) {
    let issuer = Issuer::start("ES256");
    for order in [r#"["pat", "oidc"]"#, r#"["oidc", "pat"]"#, r#"["oidc", "gerrit", "pat"]"#] {
        let rest = format!("[auth]\nmethods = {order}\n{}", issuer.toml(""));
        let gateway = TestGateway::start(&database, &rest).await;
        let (pat, jwt) = (gateway.mint().await.token, issuer.token(json!({})));
        assert_eq!(identity(&gateway.auth(&pat).await)[2], "pat");
        assert_eq!(identity(&gateway.auth(&jwt).await)[2], "oidc");
        assert_refused(&gateway.auth(&forged(&pat)).await, order);
        let both = gateway.request(Method::GET, "/auth").bearer_auth(&pat);
        assert_refused(&send(both.bearer_auth(&jwt)).await, "two headers");
        gateway.stop().await;
    }
    // A method that is left out is not there.
    let rest = format!("[auth]\nmethods = [\"oidc\"]\n{}", issuer.toml(""));
    let gateway = TestGateway::start(&database, &rest).await;
    let pat = gateway.mint().await.token;
    let refused = gateway.auth(&pat).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"portcullis\""));
    assert_eq!(gateway.auth(&issuer.token(json!({}))).await.status, 200);
    gateway.stop().await;
}

/// A token that nobody can judge is not refused, and everybody else is served.
pub(crate) async fn an_issuer_that_is_away_is_unavailable(database: Database) {
    let away = "http://127.0.0.1:1";
    let issuer = Issuer::start("ES256");
    let rest = issuer.toml("") + &entry(away, "");
    let gateway = TestGateway::start(&database, &rest).await;
    let key = SigningKey::generate("ES256", "k1");
    let answer = gateway.auth(&key.sign(&claims(away, json!({})))).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(gateway.auth(&gateway.mint().await.token).await.status, 200);
    assert_eq!(gateway.auth(&issuer.token(json!({}))).await.status, 200);
    let ready = gateway.get("/ready").await;
    assert_eq!((ready.status, ready.text.as_str()), (200, r#"{"ready":true}"#));
    let ready = send(gateway.admin_request(Method::GET, "/ready")).await.json();
    let [here, gone] = &ready["issuers"].as_array().unwrap()[..] else { panic!("{ready}") };
    assert_eq!((&here["issuer"], &here["keys"]), (&json!(issuer.site.url()), &json!(1)));
    assert_eq!((&gone["issuer"], &gone["keys"]), (&json!(away), &json!(0)));
    assert!(here["last_error"].is_null() && here["fetched_at"].is_string(), "{ready}");
    assert!(gone["last_error"]["error"].is_string() && gone["fetched_at"].is_null(), "{ready}");
    gateway.stop().await;
}

/// An issuer that does not answer keeps neither the start nor anybody else waiting; and one that comes
/// back is seen to be there before its first caller comes.
pub(crate) async fn an_issuer_that_hangs_or_comes_back_is_looked_after(database: Database) {
    // Takes connections, and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = format!("http://{}", silent.local_addr().unwrap());
    let late = Issuer::start("ES256");
    let keys = jwks([&late.key]);
    late.site.set("/keys", Reply::status(500));
    let rest = entry(&hanging, "") + &late.toml("");
    let gateway = TestGateway::start(&database, &rest).await;
    let ready = async || send(gateway.admin_request(Method::GET, "/ready")).await.json();
    // It is still being asked: the start did not wait for the end of that.
    assert!(ready().await["issuers"][0]["last_error"].is_null());
    let shown = async || {
        let late = ready().await["issuers"][1].clone();
        (late["keys"].clone(), late["last_error"].is_null())
    };
    let patience = std::time::Duration::from_mins(1);
    eventually(patience, async || Some(()).filter(|()| late.site.count("/keys") > 0)).await;
    late.site.set("/keys", Reply::json(keys));
    eventually(patience, async || Some(shown().await).filter(|it| *it == (json!(1), true))).await;
    assert_eq!(gateway.auth(&gateway.mint().await.token).await.status, 200);
    gateway.stop().await;
}

pub(crate) async fn keys_come_from_where_the_configuration_says(database: Database) {
    let (site, key) = (Site::start(), SigningKey::generate("PS256", "k1"));
    site.set("/certs", Reply::json(jwks([&key])));
    let file = database.folder().join("keys.json");
    std::fs::write(&file, jwks([&key]).to_string()).unwrap();
    let bare = Issuer::start("PS256");
    let rest = [
        entry("by-url", &format!("jwks_url = \"{}/certs\"", site.url())),
        entry("by-file", &format!("jwks_file = \"{}\"", file.display())),
        // As old GitLab tokens have it: the authority is an address, the issuer a bare host.
        entry("gitlab.example.com", &format!("authority = \"{}\"", bare.site.url())),
    ];
    let rest = rest.concat() + &client_toml("gitlab", "a-token-of-22-or-more-characters", "");
    let gateway = TestGateway::start(&database, &rest).await;
    for (issuer, key) in [("by-url", &key), ("by-file", &key), ("gitlab.example.com", &bare.key)] {
        let answer = gateway.auth(&key.sign(&claims(issuer, json!({})))).await;
        assert_eq!(identity(&answer)[0], format!("oidc:{issuer}#ann"));
    }
    assert_refused(&gateway.auth(&bare.token(json!({}))).await, "the authority is no issuer");
    gateway.stop().await;
}

pub(crate) async fn a_profile_asks_for_its_scopes(database: Database) {
    let issuer = Issuer::start("ES256");
    let rest = "[auth.profiles.deploy]\nscopes = [\"deploy\", \"read\"]\n\
                [auth.profiles.Read-only_1]\nscopes = [\"read\"]\n";
    let gateway = TestGateway::start(&database, &format!("{rest}{}", issuer.toml(""))).await;
    let hour = std::time::Duration::from_hours(1);
    let reader = gateway.mint_for("user:ann", &["read"], hour).await.token;
    let deployer = gateway.mint_for("user:bob", &["deploy", "read"], hour).await.token;
    let stranger = issuer.token(json!({}));
    let (all, none, unknown) = ([200, 200, 403], [403, 403, 403], "unknown_profile");
    let missing = "insufficient_scope";
    for (path, statuses, code) in [
        ("/auth/as/deploy", [403, 200, 403], missing),
        ("/auth/as/deploy/any/tail?scope=admin", [403, 200, 403], missing),
        ("/auth/as/Read-only_1", all, missing),
        ("/auth/as/%52ead%2donly_1/x", all, missing),
        ("/auth/%61s/deploy", [403, 200, 403], missing),
        ("/%61uth/as/deploy", [403, 200, 403], missing),
        ("/%61uth?scope=read", all, missing),
        ("/auth/as/read-only_1", none, unknown),
        ("/auth/as/%2552ead-only_1", none, unknown),
        ("/auth/as/deploy%2Fx", none, unknown),
        ("/auth/as/deploy%00", none, unknown),
        ("/auth/as/%ff", none, unknown),
        ("/auth/as/%zz", none, unknown),
        ("/auth/as//deploy", none, unknown),
        ("/auth/as/", none, unknown),
        ("/auth/as", none, unknown),
        ("/auth/as?scope=read", none, unknown),
    ] {
        for (token, status) in [&reader, &deployer, &stranger].into_iter().zip(statuses) {
            let answer = send(gateway.request(Method::GET, path).bearer_auth(token)).await;
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            assert!(status == 200 || answer.code() == code, "{path}: {answer:?}");
        }
        assert_refused(&gateway.get(path).await, path);
    }
    gateway.stop().await;
}
