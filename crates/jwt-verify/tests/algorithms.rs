//! Each algorithm, from a key of its own to the claims.

use std::sync::Arc;

use portcullis_jwt_verify::sources::{KeySource, StaticKeys};
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
