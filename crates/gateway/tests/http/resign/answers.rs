//! `POST /token`, as the origin answers it.

use portcullis_base::{Clock as _, SystemClock};
use portcullis_test_support::SigningKey;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::{World, post, verified};
use crate::oidc::Issuer;
use crate::support::{Database, send};

pub(crate) async fn what_comes_in_is_answered_as_by_the_origin(database: Database) {
    let world = World::start(&database, "").await;
    let good = json!({"token": world.token(json!({}))}).to_string();
    let token_as_form = format!("token={}", world.token(json!({})));
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", "x"] {
        for (body, status) in [
            (good.as_str(), 200),
            ("", 415),
            ("not JSON", 415),
            ("{\"token\":", 415),
            (&token_as_form, 415),
        ] {
            let request = world.gateway.request(Method::POST, "/token").header(CONTENT_TYPE, kind);
            let answer = send(request.body(body.to_owned())).await;
            assert_eq!(answer.status, status, "{kind} {body:.20}: {answer:?}");
            assert!(status == 200 || answer.code() == "unsupported_media_type");
        }
    }
    for body in ["{}", "[]", "null", "7", "\"x\"", r#"{"token":null}"#, r#"{"token":7}"#] {
        let answer = post(&world.gateway, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "no_token"), "{body}");
    }
    let empty = post(&world.gateway, r#"{"token":"","alg":"ES256"}"#).await;
    assert_eq!((empty.status, empty.code().as_str()), (400, "no_token"));
    for odd in [json!(null), json!(7), json!(["ES256"])] {
        let answer = world.post(json!({"token": world.token(json!({})), "alg": odd})).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "algorithm"), "{odd}");
    }
    let more = world.post(json!({"token": world.token(json!({})), "x": 1})).await;
    assert_eq!(more.status, 200);
    let large = post(&world.gateway, &json!({"token": "x".repeat(70_000)}).to_string()).await;
    assert_eq!(large.status, 413);
    world.gateway.stop().await;
}

pub(crate) async fn a_token_that_does_not_prove_is_refused(database: Database) {
    let world = World::start(&database, "").await;
    let now = SystemClock.now_ms() / 1000;
    for (over, code) in [
        (json!({"iss": "https://elsewhere.example"}), "invalid_token"),
        (json!({"iss": null}), "invalid_token"),
        (json!({"iss": format!("{}/", world.upstream.site.url())}), "invalid_token"),
        (json!({"exp": now - 60}), "invalid_token"),
        // Inside the leeway it proves, and ours would be dead.
        (json!({"exp": now - 5}), "invalid_token"),
        (json!({"exp": null}), "invalid_token"),
        (json!({"exp": "9999999999"}), "invalid_token"),
        (json!({"nbf": now + 600}), "invalid_token"),
        (json!({"iat": now + 600}), "invalid_token"),
        (json!({"aud": 7}), "invalid_token"),
        (json!({"nbf": null}), "claim_missing"),
        (json!({"iat": null}), "claim_missing"),
        (json!({"aud": null}), "claim_missing"),
        (json!({"aud": []}), "audience"),
    ] {
        assert_eq!(world.refused(over.clone()).await, code, "{over}");
    }
    let good = world.token(json!({}));
    let (other, cut) = (SigningKey::generate("RS256", "k1"), good.rsplit_once('.').unwrap().0);
    let unknown = SigningKey::generate("RS256", "k2");
    let claims = super::claims(&world.upstream, &json!({}));
    for (what, token) in [
        ("garbage", "a.b.c".to_owned()),
        ("no token at all", "x".to_owned()),
        ("another's key", other.sign(&claims)),
        ("an unknown key", unknown.sign(&claims)),
        ("no signature", format!("{cut}.")),
        ("one of ours", world.ours[0].sign(&claims)),
    ] {
        let answer = world.post(json!({"token": token})).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "invalid_token"), "{what}");
        assert!(!answer.text.contains(&token) || token.len() < 2, "{what}");
    }
    for algorithm in ["RS256", "HS256", "none", "es256", "", "ES384", "\u{0}"] {
        let answer = world.post(json!({"token": good, "alg": algorithm})).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "algorithm"), "{algorithm:?}");
    }
    world.gateway.stop().await;
}

pub(crate) async fn the_key_is_chosen_as_asked_as_signed_or_by_default(database: Database) {
    // The first two share their kid: the one whose algorithm fits is taken.
    let names = [("RS256", "a"), ("ES256", "a"), ("EdDSA", "b"), ("ES384", "c"), ("PS512", "d")];
    let ours = names.map(|(algorithm, kid)| SigningKey::generate(algorithm, kid)).to_vec();
    let second = Issuer::start("PS256");
    let rest = format!(
        "signing_key_ids = {{ RS256 = \"a\", ES256 = \"a\", EdDSA = \"b\", PS512 = \"d\" }}\n\
         signing_algs = [\"ES384\"]\ndefault_signing_alg = \"EdDSA\"\n\
         [[oidc_proxy.upstreams]]\nissuer = \"{}\"",
        second.site.url(),
    );
    let world = World::with(&database, ours, Issuer::start("RS256"), &rest).await;
    let first = world.token(json!({}));
    let second = second.key.sign(&super::claims(&second, &json!({})));
    for (token, asked, algorithm, kid) in [
        (&first, json!(null), "RS256", "a"),
        (&second, json!(null), "EdDSA", "b"),
        (&first, json!("ES256"), "ES256", "a"),
        (&second, json!("RS256"), "RS256", "a"),
        (&first, json!("EdDSA"), "EdDSA", "b"),
        (&first, json!("ES384"), "ES384", "c"),
        (&second, json!("PS512"), "PS512", "d"),
    ] {
        let mut body = json!({"token": token});
        if asked.is_string() {
            body["alg"] = asked.clone();
        }
        let answer = world.post(body).await;
        assert_eq!(answer.status, 200, "{asked}: {answer:?}");
        let claims = verified(&world.gateway, &answer.text).await;
        assert_eq!(claims.header().algorithm().name(), algorithm, "{asked}");
        assert_eq!(header(&answer.text), json!({"alg": algorithm, "kid": kid}));
    }
    world.gateway.stop().await;
}

/// Its header, all of it.
fn header(token: &str) -> Value {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    serde_json::from_slice(&json).unwrap()
}

pub(crate) async fn a_token_of_ours_has_these_claims(database: Database) {
    let world = World::start(&database, "").await;
    let before = SystemClock.now_ms() / 1000;
    let exp = before + 1234;
    for aud in [json!("one"), json!(["one"]), json!(["one", "two"])] {
        let over = json!({"aud": aud, "exp": exp, "iat": before - 20, "nbf": before - 10});
        let answer = world.post(json!({"token": world.token(over)})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/jwt"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let claims = verified(&world.gateway, &answer.text).await;
        let now = claims.get("iat").unwrap().as_i64().unwrap();
        assert!((before..=before + 60).contains(&now));
        let issuer = super::url(&world.gateway);
        let wanted = json!({"iss": issuer, "aud": aud, "exp": exp, "iat": now, "nbf": now});
        assert_eq!(Value::Object(claims.members().clone()), wanted);
    }
    world.gateway.stop().await;
}

pub(crate) async fn what_is_cloned_is_what_is_there(database: Database) {
    let cloned = "clone_upstream_claims = [\"sub\", \"groups\", \"ref\"]";
    let world = World::start(&database, cloned).await;
    let claims = world.resigned(json!({"groups": ["a", {"b": [1.5]}], "other": "x"})).await;
    assert_eq!(claims.subject(), Some("ann"));
    assert_eq!(claims.get("groups"), Some(&json!(["a", {"b": [1.5]}])));
    assert_eq!((claims.get("ref"), claims.get("other")), (None, None));
    // The test's own claims cannot hold null: this one is written by hand.
    let mut nulled = super::claims(&world.upstream, &json!({"sub": null, "ref": false}));
    nulled["groups"] = Value::Null;
    let answer = world.post(json!({"token": world.upstream.key.sign(&nulled)})).await;
    let claims = verified(&world.gateway, &answer.text).await;
    assert_eq!((claims.get("sub"), claims.get("groups")), (None, None));
    assert_eq!(claims.get("ref"), Some(&json!(false)));
    world.gateway.stop().await;
}
