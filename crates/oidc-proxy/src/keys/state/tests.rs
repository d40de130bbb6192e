use portcullis_test_support::SigningKey;
use serde_json::{Value, json};

use super::*;
use crate::keyring::{Keyring, Signing};

/// Keys by ES256 with these members over their own; null takes one away.
fn keys(all: &[(&str, Value)]) -> OwnKeys {
    let jwk = |(kid, over): &(&str, Value)| {
        let mut jwk = SigningKey::generate("ES256", kid).private_jwk();
        for (name, value) in over.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        jwk
    };
    let set: Vec<Value> = all.iter().map(jwk).collect();
    OwnKeys::read(json!({ "keys": set }).to_string().as_bytes()).unwrap()
}

fn choices(choice: Choice) -> BTreeMap<Algorithm, Choice> {
    [(Algorithm::Es256, choice)].into()
}

#[test]
fn every_state_is_told() {
    let keys = keys(&[
        ("retired", json!({"exp": 100})),
        ("before", json!({"nbf": 50, "exp": 300})),
        ("now", json!({"nbf": 100})),
        ("soon", json!({"nbf": 101})),
        ("public", json!({"d": null})),
        ("open", json!({"use": null})),
        ("enc", json!({"use": "enc", "alg": "ECDH-ES"})),
        ("always", json!({})),
    ]);
    let latest = choices(Choice::Latest);
    let mut wanted = vec![
        State::Retired,
        State::Published(Some(300)),
        State::Signs,
        State::SignsFrom(101),
        State::NoPrivateHalf,
        State::NotForSigning,
        State::NotForSigning,
        State::Published(None),
    ];
    assert_eq!(keys.states(&latest, 100), wanted);
    wanted[2] = State::Published(None);
    assert_eq!(keys.states(&BTreeMap::new(), 100), wanted);
    wanted[3] = State::Signs;
    assert_eq!(keys.states(&choices(Choice::Pinned("soon".to_owned())), 100), wanted);
}

#[test]
fn what_is_said_to_sign_is_what_signs() {
    let all = || {
        keys(&[
            ("a", json!({})),
            ("b", json!({})),
            ("c", json!({"nbf": 10, "exp": 20})),
            ("d", json!({"nbf": 10, "exp": 30})),
            ("e", json!({"nbf": 15, "exp": 18})),
        ])
    };
    let latest = choices(Choice::Latest);
    let signing = Signing { choices: latest.clone(), default: Algorithm::Es256 };
    for now in [0, 9, 10, 14, 15, 17, 18, 19, 20, 29, 30] {
        let states = all().states(&latest, now);
        let told: Vec<_> = all()
            .describe()
            .into_iter()
            .zip(states)
            .filter(|(_, state)| *state == State::Signs)
            .map(|(key, _)| key.id.unwrap())
            .collect();
        let ring = Keyring::new(all(), &signing, now).unwrap();
        assert_eq!(told, [ring.signs_now(now)[0].1], "{now}");
    }
}
