//! A token that was proved once is remembered; that it is still good is not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_jwt_verify::sources::{Health, KeyError, KeySource};
use portcullis_jwt_verify::{Builder, KeySet, Unset, Verifier};
use portcullis_test_support::{SigningKey, jwks};
use serde_json::json;

use crate::support::*;

/// Keys that a test exchanges or takes away.
#[derive(Debug)]
struct Shelf(Mutex<Option<Arc<KeySet>>>);

impl Shelf {
    fn new(keys: KeySet) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Arc::new(keys)))))
    }

    fn put(&self, keys: Option<KeySet>) {
        *self.0.lock().unwrap() = keys.map(Arc::new);
    }
}

#[async_trait]
impl KeySource for Shelf {
    fn known(&self) -> Option<Arc<KeySet>> {
        self.0.lock().unwrap().clone()
    }

    async fn find(&self, _: Option<&str>) -> Result<Arc<KeySet>, KeyError> {
        self.known().ok_or(KeyError::Unreachable)
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

fn remembering(shelf: &Arc<Shelf>) -> Builder<Unset, Unset> {
    Verifier::builder(Arc::clone(shelf) as Arc<dyn KeySource>).clock(clock()).remember(100)
}

#[test]
fn a_remembered_token_expires() {
    let clock = clock();
    let verifier = usual(house()).clock(clock.clone()).remember(100).build();
    let token = RSA.sign(&claims());
    for (step, wanted) in [(0, VERIFIED), (330, VERIFIED), (1, "expired"), (1, "expired")] {
        clock.advance(Duration::from_secs(step));
        assert_eq!(verdict(&verifier, &token), wanted);
    }
}

#[test]
fn a_token_that_comes_too_early_is_good_in_time() {
    let clock = clock();
    let verifier = usual(house()).clock(clock.clone()).remember(100).build();
    let token = honest(claiming("nbf", &(NOW + 60).to_string()));
    for (step, wanted) in [(0, "not_yet_valid"), (29, "not_yet_valid"), (1, VERIFIED)] {
        clock.advance(Duration::from_secs(step));
        assert_eq!(verdict(&verifier, &token), wanted);
    }
}

#[test]
fn what_one_verifier_remembers_says_nothing_to_another() {
    let shelf = Shelf::new(house());
    let mine = remembering(&shelf).issuer(ISSUER).audience(AUDIENCE).build();
    let theirs = remembering(&shelf).issuer(ISSUER).audience("https://other.example.com").build();
    let abroad = remembering(&shelf).issuer("https://other.example.com").audience(AUDIENCE).build();
    let token = RSA.sign(&claims());
    for _ in 0..2 {
        assert_eq!(verdict(&mine, &token), VERIFIED);
        assert_eq!(verdict(&theirs, &token), "audience");
        assert_eq!(verdict(&abroad, &token), "issuer");
    }
}

#[test]
fn a_token_is_forgotten_with_its_key() {
    let shelf = Shelf::new(house());
    let verifier = remembering(&shelf).issuer(ISSUER).audience(AUDIENCE).build();
    let (token, other) = (RSA.sign(&claims()), EC.sign(&claims()));
    let is = |wanted: [&str; 2]| {
        assert_eq!([verdict(&verifier, &token), verdict(&verifier, &other)], wanted);
    };
    is([VERIFIED, VERIFIED]);
    shelf.put(Some(set_of(&jwks([&*EC]))));
    is(["key_unknown", VERIFIED]);
    // Another key under the same name.
    shelf.put(Some(set_of(&jwks([&*STRANGER, &*EC]))));
    is(["signature", VERIFIED]);
    // The same key for another algorithm, or for encryption.
    let mut changed = jwks([&*RSA, &*EC]);
    changed["keys"][0]["alg"] = json!("PS256");
    shelf.put(Some(set_of(&changed)));
    is(["key_mismatch", VERIFIED]);
    changed["keys"][0]["use"] = json!("enc");
    shelf.put(Some(set_of(&changed)));
    is(["key_unknown", VERIFIED]);
    shelf.put(None);
    is(["keys_unavailable", "keys_unavailable"]);
    shelf.put(Some(house()));
    is([VERIFIED, VERIFIED]);
}

/// The key of a token that names none is forgotten just the same.
#[test]
fn a_token_without_kid_is_forgotten_with_its_key() {
    let shelf = Shelf::new(house());
    let verifier = remembering(&shelf).issuer(ISSUER).audience(AUDIENCE).build();
    let token = RSA.clone().without_id().sign(&claims());
    assert_eq!(verdict(&verifier, &token), VERIFIED);
    shelf.put(Some(set_of(&jwks([&*STRANGER, &*EC]))));
    assert_eq!(verdict(&verifier, &token), "signature");
    let nameless = RSA.clone().without_id();
    shelf.put(Some(set_of(&jwks([&nameless]))));
    assert_eq!(verdict(&verifier, &token), VERIFIED);
    shelf.put(Some(set_of(&jwks([&STRANGER.clone().without_id()]))));
    assert_eq!(verdict(&verifier, &token), "signature");
}

/// A set that is fetched anew and holds the same key keeps what was proved with it; one that holds it
/// under another name or algorithm does not.
#[test]
fn a_set_that_is_fetched_again_reuses_the_very_same_keys_alone() {
    let shelf = Shelf::new(house());
    let verifier = remembering(&shelf).issuer(ISSUER).audience(AUDIENCE).build();
    let token = RSA.sign(&claims());
    assert_eq!(verdict(&verifier, &token), VERIFIED);
    let again = |keys: KeySet| shelf.put(Some(keys.reusing(&shelf.known().unwrap())));
    again(house());
    assert_eq!(verdict(&verifier, &token), VERIFIED);
    again(set_of(&jwks([&SigningKey::new(RSA.pkey().clone(), "RS512", "rsa-1")])));
    assert_eq!(verdict(&verifier, &token), "key_mismatch");
    again(set_of(&jwks([&SigningKey::new(RSA.pkey().clone(), "RS256", "rsa-2")])));
    assert_eq!(verdict(&verifier, &token), "key_unknown");
    again(set_of(&jwks([&*STRANGER])));
    assert_eq!(verdict(&verifier, &token), "signature");
}

/// The memory is bounded, and what falls out of it is proved anew.
#[test]
fn a_flood_of_tokens_changes_no_verdict() {
    let verifier = usual(house()).remember(3).build();
    let tokens: Vec<String> = (0..50)
        .map(|n| {
            let mut claims = claims();
            claims["jti"] = json!(n.to_string());
            ED.sign(&claims)
        })
        .collect();
    for _ in 0..2 {
        for token in &tokens {
            assert_eq!(verdict(&verifier, token), VERIFIED);
            assert_eq!(verdict(&verifier, &spoilt(token)), "signature");
        }
    }
}
