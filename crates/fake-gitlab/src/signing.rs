//! The keys that tokens of jobs are signed with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Signer;
use serde_json::{Value, json};

const BITS: u32 = 2048;

struct SigningKey {
    kid: String,
    key: PKey<Private>,
    jwk: Value,
}

/// The present key, which is the last, and those before it. Made at the first need, since making one
/// takes time.
#[derive(Default)]
pub(crate) struct SigningKeys(Vec<SigningKey>);

impl SigningKeys {
    /// Signs with another key from now on.
    pub(crate) fn rotate(&mut self) {
        self.current();
        self.0.push(fresh());
    }

    /// Leaves only the key that signs.
    pub(crate) fn forget_old(&mut self) {
        let old = self.0.len().saturating_sub(1);
        self.0.drain(..old);
    }

    /// What is published of them.
    pub(crate) fn jwks(&mut self) -> Value {
        self.current();
        json!({ "keys": self.0.iter().map(|key| &key.jwk).collect::<Vec<_>>() })
    }

    /// The claims as a JWT in the compact form.
    #[expect(clippy::expect_used, reason = "an RSA key signs whatever it is given")]
    pub(crate) fn sign(&mut self, claims: &Value) -> String {
        let key = self.current();
        let header = json!({ "kid": key.kid, "typ": "JWT", "alg": "RS256" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = rs256(&key.key, signed.as_bytes()).expect("OpenSSL signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn current(&mut self) -> &SigningKey {
        if self.0.is_empty() {
            self.0.push(fresh());
        }
        &self.0[self.0.len() - 1]
    }
}

fn rs256(key: &PKey<Private>, data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let mut signer = Signer::new(MessageDigest::sha256(), key)?;
    signer.sign_oneshot_to_vec(data)
}

#[expect(clippy::expect_used, reason = "a test or a demo cannot go on without")]
fn fresh() -> SigningKey {
    let rsa = Rsa::generate(BITS).expect("OpenSSL makes a key");
    let (n, e) =
        (URL_SAFE_NO_PAD.encode(rsa.n().to_vec()), URL_SAFE_NO_PAD.encode(rsa.e().to_vec()));
    // RFC 7638: these members, in this order, without a space.
    let thumbprint = sha256(format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#).as_bytes());
    let kid = URL_SAFE_NO_PAD.encode(thumbprint);
    let jwk = json!({ "kty": "RSA", "n": n, "e": e, "kid": kid, "use": "sig", "alg": "RS256" });
    SigningKey { kid, key: PKey::from_rsa(rsa).expect("an RSA key is a key"), jwk }
}
