//! The cases of LUCI's own method, and what is ours on top.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::x509::{X509Builder, X509NameBuilder};
use portcullis_base::ManualClock;
use portcullis_jwt_verify::sources::{Health, KeyError, KeySource, StaticKeys};
use portcullis_jwt_verify::{
    AuthMethod as _, Gerrit, GerritCaller, GerritConfigError, GerritError, GerritLimits,
    GerritOptions, KeySet, Outcome,
};
use portcullis_test_support::SigningKey;
use serde_json::{Value, json};
use time::OffsetDateTime;

const SIGNER: &str = "gerrit@example.iam.gserviceaccount.com";
const AUDIENCE: &str = "https://gw.example.com";
const NOW: i64 = 1_700_000_000;

fn certificate(key: &SigningKey) -> String {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", SIGNER).unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key.pkey()).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(key.pkey(), MessageDigest::sha256()).unwrap();
    String::from_utf8(builder.build().to_pem().unwrap()).unwrap()
}

fn keys(key: &SigningKey) -> Arc<dyn KeySource> {
    let certificates = json!({"one": certificate(key), "broken": "-----"});
    let set = KeySet::from_certificates(certificates.to_string().as_bytes()).unwrap();
    assert_eq!((set.len(), set.skipped().len()), (1, 1));
    Arc::new(StaticKeys::new(set))
}

fn options(key: &SigningKey) -> GerritOptions {
    GerritOptions {
        signers: vec![(SIGNER.into(), keys(key))],
        audiences: vec!["https://other.example.com".into(), AUDIENCE.into()],
        clock: Arc::new(ManualClock::at(OffsetDateTime::from_unix_timestamp(NOW).unwrap())),
        ..GerritOptions::default()
    }
}

fn claims() -> Value {
    json!({
        "iss": SIGNER, "aud": AUDIENCE, "exp": NOW + 300,
        "asserted_user": {
            "account_id": 12, "emails": ["a@example.com", "b@example.com"],
            "preferred_email": "b@example.com"
        },
        "asserted_change": {"host": "review.example.com", "repository": "x/y", "change_number": 34}
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut claims = claims();
    *claims.pointer_mut(path).unwrap() = value;
    claims
}

async fn ask(gerrit: &Gerrit, jwts: &[&str]) -> Outcome<GerritCaller, GerritError> {
    let mut headers = HeaderMap::new();
    for jwt in jwts {
        let name = HeaderName::from_static("x-gerrit-auth");
        headers.append(name, HeaderValue::from_bytes(jwt.as_bytes()).unwrap());
    }
    gerrit.authenticate(&headers).await
}

/// How one token fails.
async fn failure(gerrit: &Gerrit, jwt: &str) -> GerritError {
    let Outcome::Failed(error) = ask(gerrit, &[jwt]).await else { panic!("it is taken") };
    let text = error.to_string();
    let begins = if error.is_unavailable() {
        "could not fetch Gerrit public keys"
    } else {
        "bad Gerrit JWT"
    };
    assert!(text.starts_with(begins), "{text}");
    error
}

async fn identity(gerrit: &Gerrit, jwt: &str) -> String {
    match ask(gerrit, &[jwt]).await {
        Outcome::Authenticated(caller) => caller.identity,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_caller_has_an_identity_a_user_and_a_change() {
    let key = SigningKey::generate("RS256", "one");
    let gerrit = Gerrit::new(options(&key)).unwrap();
    let jwt = key.sign(&claims());
    let Outcome::Authenticated(caller) = ask(&gerrit, &[&jwt]).await else { panic!() };
    assert_eq!(
        (caller.identity.as_str(), caller.email.as_str()),
        ("user:b@example.com", "b@example.com")
    );
    assert_eq!((caller.user.account_id, caller.user.emails.len()), (12, 2));
    assert_eq!(
        (caller.change.host.as_str(), caller.change.change_number),
        ("review.example.com", 34)
    );
    assert!(!format!("{caller:?}").contains(&jwt));

    for audience in [json!(["z", AUDIENCE]), json!("https://other.example.com")] {
        let jwt = key.sign(&with("/aud", audience));
        assert_eq!(identity(&gerrit, &jwt).await, "user:b@example.com");
    }
    let no_preference = key.sign(&with("/asserted_user/preferred_email", json!("")));
    assert_eq!(identity(&gerrit, &no_preference).await, "user:a@example.com");
}

#[tokio::test]
async fn a_request_without_the_header_or_a_method_without_signers_asks_for_nothing() {
    let key = SigningKey::generate("RS256", "one");
    let gerrit = Gerrit::new(options(&key)).unwrap();
    assert!(matches!(ask(&gerrit, &[]).await, Outcome::NotRequested));
    assert!(matches!(ask(&gerrit, &[""]).await, Outcome::NotRequested));
    let elsewhere = GerritOptions { header: "X-Elsewhere".into(), ..options(&key) };
    let elsewhere = Gerrit::new(elsewhere).unwrap();
    assert!(matches!(ask(&elsewhere, &["ignored"]).await, Outcome::NotRequested));
    let off = Gerrit::new(GerritOptions::default()).unwrap();
    assert!(matches!(ask(&off, &[&key.sign(&claims())]).await, Outcome::NotRequested));
}

#[tokio::test]
async fn a_header_that_is_bad_fails_and_never_falls_through() {
    let key = SigningKey::generate("RS256", "one");
    let gerrit = Gerrit::new(options(&key)).unwrap();
    let good = key.sign(&claims());
    for (jwt, code) in [
        ("garbage".into(), "segments"),
        ("blah.blah.blah".into(), "header_json"),
        (key.sign(&with("/iss", json!("Gerrit@example.iam.gserviceaccount.com"))), "issuer"),
        (key.sign(&with("/exp", Value::Null)), "claim"),
        (key.sign(&with("/iss", json!("eve@example.iam.gserviceaccount.com"))), "issuer"),
        (key.sign(&with("/iss", json!(1))), "issuer"),
        (key.sign(&with("/aud", json!("https://eve.example.com"))), "audience"),
        (key.sign(&with("/exp", json!(NOW - 31))), "expired"),
        (SigningKey::generate("RS256", "one").sign(&claims()), "signature"),
        (SigningKey::generate("RS256", "two").sign(&claims()), "key_unknown"),
        (key.clone().without_id().sign(&claims()), "key_id_missing"),
        (
            SigningKey::new(key.pkey().clone(), "PS256", "one").sign(&claims()),
            "algorithm_not_allowed",
        ),
        (key.sign(&with("/asserted_user", json!({"account_id": 1}))), "gerrit_no_email"),
        (key.sign(&with("/asserted_user/preferred_email", json!("no email"))), "gerrit_email"),
        (key.sign(&with("/asserted_user/preferred_email", json!("a@b\n"))), "gerrit_email"),
        (key.sign(&with("/asserted_user/preferred_email", Value::Null)), "gerrit_claims"),
        (
            key.sign(&with("/asserted_user", json!({"emails": [], "preferred_email": ""}))),
            "gerrit_no_email",
        ),
        (key.sign(&with("/asserted_user", json!([12, ["a@b"], "a@b"]))), "gerrit_claims"),
        (key.sign(&with("/asserted_user", Value::Null)), "gerrit_claims"),
        (key.sign(&with("/asserted_change", json!([]))), "gerrit_claims"),
        (key.sign(&with("/asserted_user/emails", json!("a@b"))), "gerrit_claims"),
        (key.sign(&with("/asserted_change/change_number", json!("34"))), "gerrit_claims"),
        (format!(" {good}"), "base64"),
    ] {
        assert_eq!(failure(&gerrit, &jwt).await.code(), code, "{jwt}");
    }
    assert!(matches!(ask(&gerrit, &[&good, &good]).await, Outcome::Failed(GerritError::Header)));
    for bytes in [&b"\xff"[..], "ä".as_bytes()] {
        let name = HeaderName::from_static("x-gerrit-auth");
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_bytes(bytes).unwrap())]);
        assert!(matches!(gerrit.authenticate(&headers).await, Outcome::Failed(_)), "{bytes:?}");
    }
}

#[tokio::test]
async fn clocks_may_differ_by_thirty_seconds() {
    let key = SigningKey::generate("RS256", "one");
    let gerrit = Gerrit::new(options(&key)).unwrap();
    for (path, seconds) in [("/exp", NOW - 30), ("/exp", NOW)] {
        identity(&gerrit, &key.sign(&with(path, json!(seconds)))).await;
    }
    for (claim, code) in [("nbf", "not_yet_valid"), ("iat", "issued_in_future")] {
        let mut claims = claims();
        claims[claim] = json!(NOW + 30);
        identity(&gerrit, &key.sign(&claims)).await;
        claims[claim] = json!(NOW + 31);
        assert_eq!(failure(&gerrit, &key.sign(&claims)).await.code(), code);
    }
}

#[tokio::test]
async fn limits_hold_host_repository_and_change() {
    let key = SigningKey::generate("RS256", "one");
    let limited = |limits| Gerrit::new(GerritOptions { limits, ..options(&key) }).unwrap();
    let jwt = key.sign(&claims());
    let list = |one: &str| vec!["z".to_owned(), one.to_owned()];
    let fitting = GerritLimits {
        hosts: list("review.example.com"),
        repositories: list("x/y"),
        changes: vec![1, 34],
    };
    identity(&limited(fitting.clone()), &jwt).await;
    for limits in [
        GerritLimits { hosts: list("example.com"), ..fitting.clone() },
        GerritLimits { repositories: list("x"), ..fitting.clone() },
        GerritLimits { changes: vec![3], ..fitting.clone() },
    ] {
        assert_eq!(failure(&limited(limits), &jwt).await.code(), "gerrit_limit");
    }
    let mut silent = claims();
    silent.as_object_mut().unwrap().remove("asserted_change");
    assert_eq!(failure(&limited(fitting), &key.sign(&silent)).await.code(), "gerrit_limit");
    identity(&limited(GerritLimits::default()), &key.sign(&silent)).await;
}

#[test]
fn an_audience_is_required_once_there_are_signers() {
    let key = SigningKey::generate("RS256", "one");
    for audiences in [vec![], vec![String::new()]] {
        let error = Gerrit::new(GerritOptions { audiences, ..options(&key) }).unwrap_err();
        assert_eq!(error, GerritConfigError::Audience);
    }
    let header = "not a header".to_owned();
    let error = Gerrit::new(GerritOptions { header, ..options(&key) }).unwrap_err();
    assert_eq!(error, GerritConfigError::Header);
}

#[test]
fn options_that_cannot_be_meant_are_refused() {
    let key = SigningKey::generate("RS256", "one");
    for account in [SIGNER, ""] {
        let mut options = options(&key);
        options.signers.push((account.into(), keys(&key)));
        assert_eq!(Gerrit::new(options).unwrap_err(), GerritConfigError::Signer);
    }
    for limits in [
        GerritLimits { hosts: vec![String::new()], ..GerritLimits::default() },
        GerritLimits { repositories: vec![String::new()], ..GerritLimits::default() },
        GerritLimits { changes: vec![0], ..GerritLimits::default() },
    ] {
        let error = Gerrit::new(GerritOptions { limits, ..options(&key) }).unwrap_err();
        assert_eq!(error, GerritConfigError::Limit);
    }
}

/// Google is down; how often it was asked.
#[derive(Debug, Default)]
struct Down(AtomicUsize);

#[async_trait]
impl KeySource for Down {
    fn known(&self) -> Option<Arc<KeySet>> {
        None
    }

    async fn find(&self, _: Option<&str>) -> Result<Arc<KeySet>, KeyError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(KeyError::Status(503))
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_had_say_nothing_about_the_token() {
    let key = SigningKey::generate("RS256", "one");
    let mut options = options(&key);
    let other = "other@example.iam.gserviceaccount.com".to_owned();
    let dead = Arc::new(Down::default());
    options.signers = vec![
        (SIGNER.into(), Arc::clone(&dead) as Arc<dyn KeySource>),
        ("good".into(), keys(&key)),
        (other.clone(), Arc::new(Down::default())),
    ];
    let gerrit = Gerrit::new(options).unwrap();
    let error = gerrit.warm_up().await.unwrap_err();
    let down = KeyError::Status(503);
    assert_eq!(error.failures(), [(SIGNER.to_owned(), down.clone()), (other, down.clone())]);
    assert_eq!(
        error.to_string(),
        "could not fetch Gerrit public keys: gerrit@example.iam.gserviceaccount.com: \
         answered with status 503; other@example.iam.gserviceaccount.com: answered with status 503"
    );
    assert_eq!(failure(&gerrit, &key.sign(&claims())).await, GerritError::Keys(down));
    identity(&gerrit, &key.sign(&with("/iss", json!("good")))).await;

    // Who is no signer makes nobody fetch anything.
    let asked = dead.0.load(Ordering::Relaxed);
    assert_eq!(asked, 2);
    failure(&gerrit, &key.sign(&with("/iss", json!("eve")))).await;
    failure(&gerrit, &key.clone().without_id().sign(&claims())).await;
    assert_eq!(dead.0.load(Ordering::Relaxed), asked);
}

#[tokio::test]
async fn a_signer_signs_for_itself_alone() {
    let (one, two) = (SigningKey::generate("RS256", "one"), SigningKey::generate("RS256", "one"));
    let mut options = options(&one);
    options.signers.push(("two".into(), keys(&two)));
    let gerrit = Gerrit::new(options).unwrap();
    let as_two = with("/iss", json!("two"));
    identity(&gerrit, &two.sign(&as_two)).await;
    assert_eq!(failure(&gerrit, &one.sign(&as_two)).await.code(), "signature");
    assert_eq!(failure(&gerrit, &two.sign(&claims())).await.code(), "signature");
}

#[tokio::test]
async fn what_is_remembered_still_expires() {
    let key = SigningKey::generate("RS256", "one");
    let clock = Arc::new(ManualClock::at(OffsetDateTime::from_unix_timestamp(NOW).unwrap()));
    let options = GerritOptions { remember: 8, clock: clock.clone(), ..options(&key) };
    let gerrit = Gerrit::new(options).unwrap();
    let jwt = key.sign(&claims());
    for _ in 0..2 {
        identity(&gerrit, &jwt).await;
    }
    clock.advance(Duration::from_secs(331));
    assert_eq!(failure(&gerrit, &jwt).await.code(), "expired");
}
