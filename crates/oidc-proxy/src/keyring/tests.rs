use portcullis_test_support::{SigningKey, private_jwks};
use serde_json::{Value, json};

use super::*;

/// Keys by algorithm, `kid`, and when they sign and retire.
fn keys(all: &[(&'static str, &str, Option<i64>, Option<i64>)]) -> OwnKeys {
    let jwk = |(algorithm, kid, from, until): &(&'static str, &str, _, _)| {
        let mut jwk = SigningKey::generate(algorithm, kid).private_jwk();
        let mut put = |name: &str, at: &Option<i64>| {
            if let Some(at) = at {
                jwk[name] = json!(at);
            }
        };
        put("nbf", from);
        put("exp", until);
        jwk
    };
    let set: Vec<Value> = all.iter().map(jwk).collect();
    OwnKeys::read(json!({ "keys": set }).to_string().as_bytes()).unwrap()
}

fn signing(choices: &[(Algorithm, Choice)], default: Algorithm) -> Signing {
    Signing { choices: choices.iter().cloned().collect(), default }
}

fn pinned(kid: &str) -> Choice {
    Choice::Pinned(kid.to_owned())
}

const ES256: Algorithm = Algorithm::Es256;

#[test]
fn the_key_whose_time_came_last_signs_until_it_retires() {
    let all = [
        ("ES256", "always", None, None),
        ("ES256", "first", Some(100), Some(400)),
        ("ES256", "second", Some(200), Some(300)),
        ("ES256", "future", Some(900), None),
    ];
    let ring = Keyring::new(keys(&all), &signing(&[(ES256, Choice::Latest)], ES256), 0).unwrap();
    for (now, kid) in [
        (0, "always"),
        (99, "always"),
        (100, "first"),
        (199, "first"),
        (200, "second"),
        (299, "second"),
        (300, "first"),
        (400, "always"),
        (899, "always"),
        (900, "future"),
    ] {
        assert_eq!(ring.signs_now(now), [(ES256, kid)], "{now}");
        assert_eq!(ring.choose(None, ES256, now).unwrap().kid, kid, "{now}");
    }
}

#[test]
fn of_two_with_the_same_time_the_last_of_the_file_signs() {
    for from in [None, Some(5)] {
        let all = [("ES256", "a", from, None), ("ES256", "b", from, None)];
        let signing = signing(&[(ES256, Choice::Latest)], ES256);
        let ring = Keyring::new(keys(&all), &signing, 10).unwrap();
        assert_eq!(ring.signs_now(10), [(ES256, "b")]);
    }
}

#[test]
fn a_pinned_key_signs_for_as_long_as_it_is_published() {
    let all = [("ES256", "new", None, None), ("ES256", "old", Some(900), Some(1000))];
    let pinned = signing(&[(ES256, pinned("old"))], ES256);
    for now in [0, 950, 999] {
        let ring = Keyring::new(keys(&all), &pinned, now).unwrap();
        // Until there is another ring this one signs and publishes on.
        for later in [now, 950, 2000] {
            assert_eq!(ring.signs_now(later), [(ES256, "old")]);
        }
        assert!(ring.document().contains("\"old\""));
    }
    let late = Keyring::new(keys(&all), &pinned, 1000).map(drop);
    assert_eq!(late, Err(KeyringError::Retired("old".to_owned())));
}

#[test]
fn of_keys_that_share_a_kid_the_one_that_fits_signs() {
    let all = [("EdDSA", "k", None, None), ("ES256", "k", None, None)];
    let both = signing(&[(ES256, pinned("k")), (Algorithm::EdDsa, pinned("k"))], ES256);
    let ring = Keyring::new(keys(&all), &both, 0).unwrap();
    for (asked, upstream, signs) in [
        (None, Algorithm::Rs256, ES256),
        (None, Algorithm::EdDsa, Algorithm::EdDsa),
        (Some("ES256"), Algorithm::EdDsa, ES256),
        (Some("EdDSA"), ES256, Algorithm::EdDsa),
    ] {
        let key = ring.choose(asked, upstream, 0).unwrap();
        let signed = (key.kid.as_str(), key.signer.algorithm());
        assert_eq!(signed, ("k", signs), "{asked:?} {upstream}");
        assert_eq!(key.header, format!(r#"{{"alg":"{signs}","kid":"k"}}"#));
    }
    for asked in ["RS256", "none", "HS256", "es256", ""] {
        assert!(ring.choose(Some(asked), ES256, 0).is_none(), "{asked}");
    }
    assert_eq!(ring.algorithms(), ["ES256", "EdDSA"]);
}

#[test]
fn keys_and_choices_have_to_go_together() {
    let all = [("ES256", "k", Some(100), Some(200)), ("EdDSA", "o", None, None)];
    let make = |choices: &[(Algorithm, Choice)], default, now| {
        Keyring::new(keys(&all), &signing(choices, default), now).map(drop)
    };
    let missing =
        |algorithm, kid: &str| Err(KeyringError::NoKey { algorithm, kid: kid.to_owned() });
    assert_eq!(make(&[(ES256, pinned("x"))], ES256, 0), missing(ES256, "x"));
    assert_eq!(make(&[(ES256, pinned("o"))], ES256, 0), missing(ES256, "o"));
    let es384 = Algorithm::Es384;
    assert_eq!(make(&[(es384, pinned("k"))], es384, 0), missing(es384, "k"));
    for (now, good) in [(99, false), (100, true), (199, true), (200, false)] {
        let wanted = if good { Ok(()) } else { Err(KeyringError::NoneSigns(ES256)) };
        assert_eq!(make(&[(ES256, Choice::Latest)], ES256, now), wanted, "{now}");
    }
    let default = Err(KeyringError::Default(Algorithm::EdDsa));
    assert_eq!(make(&[(ES256, pinned("k"))], Algorithm::EdDsa, 0), default);
    assert_eq!(make(&[], ES256, 0), Err(KeyringError::Default(ES256)));
}

#[test]
fn another_document_has_another_tag() {
    let all = [("ES256", "a", None, None), ("ES256", "b", None, Some(100))];
    let own = keys(&all);
    let signing = signing(&[(ES256, pinned("a"))], ES256);
    let ring = Keyring::new(own, &signing, 0).unwrap();
    assert!(!ring.is_stale(99) && ring.is_stale(100));
    let set = private_jwks([&SigningKey::generate("ES256", "a")]).to_string();
    let other = Keyring::new(OwnKeys::read(set.as_bytes()).unwrap(), &signing, 0).unwrap();
    assert_ne!(ring.tag(), other.tag());
    assert_ne!(ring.document(), other.document());
}
