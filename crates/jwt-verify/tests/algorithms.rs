//! Each algorithm, from a key of its own to the claims.

use std::sync::Arc;

use portcullis_jwt_verify::sources::{Health, KeyError, KeySource, StaticKeys};
use portcullis_jwt_verify::{Algorithm, Error, KeySet, Verifier};
use portcullis_test_support::{SigningKey, jwks};
use serde_json::json;

fn keys(signers: &[&SigningKey]) -> Arc<dyn KeySource> {
    let set = KeySet::from_jwks(jwks(signers.iter().copied()).to_string().as_bytes()).unwrap();
    assert_eq!(set.skipped(), []);
    Arc::new(StaticKeys::new(set))
}

#[tokio::test]
async fn a_token_verifies_by_its_key_and_algorithm_alone() {
    let signers = SigningKey::one_for_each(Algorithm::ALL.map(Algorithm::name));
    let claims =
        json!({"iss": "i", "aud": "a", "sub": "s", "exp": 253_402_300_799_i64, "x": {"y": 1}});
    let all: Vec<&SigningKey> = signers.iter().collect();
    let verifier = Verifier::builder(keys(&all)).issuer("i").audience("a").build();
    for signer in &signers {
        let proved = verifier.verify(&signer.sign(&claims)).await.unwrap();
        assert_eq!(proved.header().algorithm().name(), signer.header()["alg"]);
        assert_eq!((proved.subject(), proved.get("x")), (Some("s"), Some(&json!({"y": 1}))));
        for other in &signers {
            // The same hand, under the name of another key or algorithm.
            let stolen = signer.sign_text(&other.header().to_string(), &claims.to_string());
            let verdict = verifier.verify(&stolen).await.map(|_| ());
            let wanted =
                if signer.header() == other.header() { Ok(()) } else { Err(Error::Signature) };
            assert_eq!(verdict, wanted, "{} as {}", signer.header(), other.header());
        }
    }
}

/// One that has no keys unless it is waited for.
#[derive(Debug)]
struct Late(Arc<dyn KeySource>);

#[async_trait::async_trait]
impl KeySource for Late {
    fn known(&self) -> Option<Arc<KeySet>> {
        None
    }

    async fn find(&self, kid: Option<&str>) -> Result<Arc<KeySet>, KeyError> {
        self.0.find(kid).await
    }

    fn health(&self) -> Health {
        self.0.health()
    }
}

#[tokio::test]
async fn who_does_not_wait_is_answered_by_the_keys_that_are_there() {
    let (signer, stranger) =
        (SigningKey::generate("ES256", "k"), SigningKey::generate("ES256", "k"));
    let source = keys(&[&signer]);
    let verifier = Verifier::builder(Arc::clone(&source)).issuer("i").any_audience().build();
    let claims = |exp: i64| json!({"iss": "i", "sub": "s", "exp": exp});
    let good = signer.sign(&claims(253_402_300_799));
    assert_eq!(verifier.verify_now(&good).unwrap().subject(), Some("s"));
    let forged = stranger.sign(&claims(253_402_300_799));
    assert_eq!(verifier.verify_now(&forged).map(drop), Err(Error::Signature));
    assert_eq!(verifier.verify_now(&signer.sign(&claims(1))).map(drop), Err(Error::Expired));
    let narrow = Verifier::builder(Arc::clone(&source)).issuer("i").any_audience();
    let narrow = narrow.algorithms([Algorithm::Rs256]).build();
    assert_eq!(narrow.verify_now(&good).map(drop), Err(Error::AlgorithmNotAllowed));
    let late: Arc<dyn KeySource> = Arc::new(Late(source));
    let late = Verifier::builder(late).issuer("i").any_audience().build();
    assert_eq!(late.verify_now(&good).map(drop), Err(Error::KeyUnknown));
    assert!(late.verify(&good).await.is_ok());
}

#[test]
fn a_set_proves_any_payload_by_its_own_keys() {
    let (signer, stranger) =
        (SigningKey::generate("ES256", "k"), SigningKey::generate("ES256", "k"));
    let set = KeySet::from_jwks(jwks([&signer]).to_string().as_bytes()).unwrap();
    let token = signer.sign_text(&signer.header().to_string(), "any text");
    assert_eq!(set.payload_of(&token).unwrap(), b"any text");
    let forged = stranger.sign_text(&signer.header().to_string(), "any text");
    assert_eq!(set.payload_of(&forged), Err(Error::Signature));
    assert_eq!(set.payload_of("a.b"), Err(Error::Segments));
    assert_eq!(KeySet::default().payload_of(&token), Err(Error::KeyUnknown));
}
