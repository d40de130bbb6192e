use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use portcullis_base::SystemClock;
use portcullis_jwt_verify::rules::Rules;
use portcullis_jwt_verify::sources::StaticKeys;
use portcullis_jwt_verify::{Algorithm, KeySet, Verifier};
use portcullis_test_support::{SigningKey, jwks, private_jwks};
use serde_json::json;

use super::*;
use crate::keyring::{Choice, Keyring, Signing};
use crate::keys::OwnKeys;
use crate::record::{Decision, Issued, Origin, Record, RecordError};
use crate::resign::{Policy, Upstream};

const OURS: &str = "https://oidc.example.com";
const THEIRS: &str = "https://gitlab.internal";
const FAR: i64 = 4_102_444_800;

struct Forgetful;

#[async_trait]
impl Record for Forgetful {
    async fn issue(&self, _: &Issued<'_>) -> Result<Decision, RecordError> {
        Ok(Decision::Issue)
    }

    fn fresh_id(&self, _: &Origin<'_>) -> String {
        String::new()
    }
}

/// The keys of both, and one that is retired.
struct World {
    ours: SigningKey,
    retired: SigningKey,
    theirs: SigningKey,
}

impl World {
    fn new() -> Self {
        let key = |kid| SigningKey::generate("ES256", kid);
        Self { ours: key("ours"), retired: key("retired"), theirs: key("theirs") }
    }

    fn resigner(&self, clone: &[&str]) -> ReSigner {
        let mut set = private_jwks([&self.ours, &self.retired]);
        set["keys"][1]["exp"] = json!(1000);
        let signing = Signing {
            choices: [(Algorithm::Es256, Choice::Latest)].into(),
            default: Algorithm::Es256,
        };
        let keys = OwnKeys::read(set.to_string().as_bytes()).unwrap();
        let keyring = Keyring::new(keys, &signing, 2000).unwrap();
        assert!(!keyring.document().contains("retired"));
        let known = KeySet::from_jwks(jwks([&self.theirs]).to_string().as_bytes()).unwrap();
        let verifier = Verifier::builder(StaticKeys::new(known)).issuer(THEIRS).any_audience();
        let policy = Policy {
            clone_claims: clone.iter().map(|name| (*name).to_owned()).collect(),
            audiences: None,
            rules: Rules::new([]),
            subject: None,
            max_lifetime: None,
            token_id: false,
            once: false,
        };
        ReSigner::new(
            vec![Upstream { issuer: THEIRS.to_owned(), verifier: verifier.build() }],
            policy,
            Arc::new(ArcSwap::from_pointee(keyring)),
            Arc::new(Forgetful),
            Arc::new(SystemClock),
        )
    }
}

fn claims(issuer: &str, exp: i64) -> Value {
    json!({"iss": issuer, "sub": "s", "jti": "j", "exp": exp})
}

#[test]
fn what_our_keys_signed_is_ours_retired_and_expired_ones_too() {
    let world = World::new();
    let resigner = world.resigner(&[]);
    for key in [&world.ours, &world.retired] {
        for exp in [1, FAR] {
            let token = key.sign(&claims(OURS, exp));
            for issuer in [Some(OURS), None] {
                let Some(Recognised::Ours { subject, token_id, expires_at }) =
                    resigner.recognise(issuer, &token)
                else {
                    panic!("{exp}");
                };
                assert_eq!((subject.as_deref(), token_id.as_deref()), (Some("s"), Some("j")));
                assert_eq!(expires_at, Some(exp));
            }
        }
    }
    let token = world.ours.sign(&claims(OURS, FAR));
    let cloning = world.resigner(&["jti"]);
    let Some(Recognised::Ours { token_id: None, .. }) = cloning.recognise(None, &token) else {
        panic!("a cloned jti is the upstream's");
    };
}

#[test]
fn what_nobody_here_signed_is_not_known() {
    let world = World::new();
    let resigner = world.resigner(&[]);
    let stranger = SigningKey::generate("ES256", "ours");
    let good = world.ours.sign(&claims(OURS, FAR));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let other = world.ours.sign(&claims(OURS, 1));
    let payload = other.split('.').nth(1).unwrap();
    for token in [
        stranger.sign(&claims(OURS, FAR)),
        stranger.sign(&claims(THEIRS, FAR)),
        // Each may speak for itself alone.
        world.theirs.sign(&claims(OURS, FAR)),
        world.ours.sign(&claims(THEIRS, FAR)),
        world.ours.sign(&claims("https://other.example.com", FAR)),
        world.ours.sign(&json!({"sub": "s"})),
        world.ours.sign_text(&world.ours.header().to_string(), "no claims"),
        // Of an upstream's only what is good.
        world.theirs.sign(&claims(THEIRS, 1)),
        format!("{header}.{payload}.{signature}"),
        format!("{signed}."),
        signed.to_owned(),
        format!("{good}.x"),
        String::new(),
        "..".to_owned(),
        "\u{e4}.\u{e4}.\u{e4}".to_owned(),
        format!("{}.{}.{}", "a".repeat(9000), "b".repeat(9000), "c".repeat(9000)),
    ] {
        let found = resigner.recognise(Some(OURS), &token);
        assert!(found.is_none(), "{token:.80}: {found:?}");
    }
    assert!(resigner.recognise(Some(OURS), &good).is_some());
}

#[test]
fn an_upstreams_is_known_by_its_own_keys() {
    let world = World::new();
    let token = world.theirs.sign(&claims(THEIRS, FAR));
    for issuer in [Some(OURS), None] {
        let Some(Recognised::Upstream(claims)) = world.resigner(&[]).recognise(issuer, &token)
        else {
            panic!("{issuer:?}");
        };
        assert_eq!((claims.issuer(), claims.id()), (Some(THEIRS), Some("j")));
    }
}
