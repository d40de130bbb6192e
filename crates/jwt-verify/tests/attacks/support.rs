//! The house under attack: one issuer with three honest keys, and a verifier of its tokens.

use std::fmt::Display;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use portcullis_base::ManualClock;
use portcullis_jwt_verify::sources::{KeySource, StaticKeys};
use portcullis_jwt_verify::{Builder, Chosen, KeySet, Unset, Verifier};
use portcullis_test_support::{SigningKey, base64url, jwks};
use serde_json::{Value, json};
use time::OffsetDateTime;

pub(crate) const ISSUER: &str = "https://gitlab.example.com";
pub(crate) const AUDIENCE: &str = "https://gw.example.com";
/// Seconds since 1970.
pub(crate) const NOW: i64 = 1_780_000_000;
/// What a verdict is where there is no error.
pub(crate) const VERIFIED: &str = "verified";

pub(crate) static RSA: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate("RS256", "rsa-1"));
pub(crate) static EC: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate("ES256", "ec-1"));
pub(crate) static ED: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate("EdDSA", "ed-1"));
/// Somebody else's.
pub(crate) static STRANGER: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate("RS256", "rsa-1"));

pub(crate) fn set_of(jwks: &Value) -> KeySet {
    KeySet::from_jwks(jwks.to_string().as_bytes()).unwrap()
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(OffsetDateTime::from_unix_timestamp(NOW).unwrap()))
}

/// Keys that never change, and the time standing still.
pub(crate) fn builder(keys: KeySet) -> Builder<Unset, Unset> {
    Verifier::builder(Arc::new(StaticKeys::new(keys)) as Arc<dyn KeySource>).clock(clock())
}

/// What nearly every test asks for: this issuer, this audience, and nothing said of the rest.
pub(crate) fn usual(keys: KeySet) -> Builder<Chosen, Chosen> {
    builder(keys).issuer(ISSUER).audience(AUDIENCE)
}

pub(crate) fn house() -> KeySet {
    set_of(&jwks([&*RSA, &*EC, &*ED]))
}

/// A verifier that does not remember, and one that does and has seen honest tokens of every key.
pub(crate) struct Judges([Verifier; 2]);

impl Judges {
    pub(crate) fn of(keys: impl Fn() -> KeySet) -> Self {
        let judges = Self([usual(keys()).build(), usual(keys()).remember(100).build()]);
        for signer in [&*RSA, &*EC, &*ED] {
            // Where the key is not in the set this proves nothing, and need not.
            drop(at_once(judges.0[1].verify(&signer.sign(&claims()))));
        }
        judges
    }

    /// The code of the error that everybody has for this token, at first and second sight.
    pub(crate) fn verdict(&self, token: &str) -> &'static str {
        let verdicts: Vec<&str> =
            [0, 0, 1, 1].into_iter().map(|judge| verdict(&self.0[judge], token)).collect();
        assert!(verdicts.iter().all(|one| *one == verdicts[0]), "{verdicts:?} on {token:.300}");
        verdicts[0]
    }

    /// Each of these tokens gets the verdict beside it. All that do not are told.
    pub(crate) fn agree<N: Display>(
        &self,
        cases: impl IntoIterator<Item = (N, String, &'static str)>,
    ) {
        let mut wrong = Vec::new();
        for (name, token, wanted) in cases {
            let verdict = self.verdict(&token);
            if verdict != wanted {
                wrong.push(format!("{name}: {verdict}, not {wanted}: {token:.200}"));
            }
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    /// The same for tokens that the issuer did sign: it is the policy that refuses them. Their
    /// signature holds, and without it nothing would be said of their claims.
    pub(crate) fn agree_on_honest<N: Display>(
        &self,
        cases: impl IntoIterator<Item = (N, String, &'static str)>,
    ) {
        for (name, token, wanted) in cases {
            let payload = at_once(self.0[0].verify_payload(&token));
            assert!(payload.is_ok(), "{name}: is not honest: {payload:?}");
            self.agree([(format!("{name}, unsigned"), spoilt(&token), "signature")]);
            self.agree([(name, token, wanted)]);
        }
    }
}

/// Judges of the house.
pub(crate) fn judges() -> Judges {
    Judges::of(house)
}

pub(crate) fn verdict(verifier: &Verifier, token: &str) -> &'static str {
    at_once(verifier.verify(token)).map_or_else(|error| error.code(), |_| VERIFIED)
}

/// What a future that has nothing to wait for comes to. Keys that are known are never waited for.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something"),
    }
}

/// The claims of an honest token.
pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "project_path:infra/a:ref_type:branch:ref:main",
        "exp": NOW + 300, "nbf": NOW - 10, "iat": NOW - 10, "jti": "a7a1", "project_path": "infra/a",
        "user_id": "7"})
}

/// The text of the honest claims without this one, and with these members (as they are) after them.
pub(crate) fn claims_text(without: &str, members: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(without);
    let text = claims.to_string();
    let comma = if members.is_empty() { "" } else { "," };
    format!("{}{comma}{members}}}", text.strip_suffix('}').unwrap())
}

/// The text of the honest claims in which one has this value, written as it is.
pub(crate) fn claiming(name: &str, value: &str) -> String {
    claims_text(name, &format!("\"{name}\":{value}"))
}

/// A token that the issuer's RSA key signed over this payload.
pub(crate) fn honest(payload: impl AsRef<[u8]>) -> String {
    let header = base64url(RSA.header().to_string());
    RSA.sign_segments(&format!("{header}.{}", base64url(payload)))
}

/// A token that the issuer's RSA key signed under this header.
pub(crate) fn honest_under(header: impl AsRef<[u8]>) -> String {
    RSA.sign_segments(&format!("{}.{}", base64url(header), base64url(claims().to_string())))
}

/// The text of the usual header with these members (as they are) after it.
pub(crate) fn header_with(signer: &SigningKey, members: &str) -> String {
    let header = signer.header().to_string();
    format!("{},{members}}}", header.strip_suffix('}').unwrap())
}

/// The same token with another signature of the same length.
pub(crate) fn spoilt(token: &str) -> String {
    let (signed, mut signature) = taken_apart(token);
    signature[0] ^= 1;
    format!("{signed}.{}", base64url(signature))
}

/// What was signed, and the signature's bytes.
pub(crate) fn taken_apart(token: &str) -> (String, Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (signed.to_owned(), decoded(signature))
}

pub(crate) fn decoded(segment: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(segment).unwrap()
}

/// The same bytes by another last character: one bit that no byte has is set in it.
pub(crate) fn loosened(segment: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = segment.chars().last().unwrap();
    let next = alphabet.find(last).unwrap() + 1;
    format!("{}{}", &segment[..segment.len() - 1], &alphabet[next..=next])
}

#[test]
fn the_honest_tokens_verify() {
    let judges = judges();
    for signer in [&*RSA, &*EC, &*ED] {
        assert_eq!(judges.verdict(&signer.sign(&claims())), VERIFIED, "{}", signer.header());
    }
    assert_eq!(judges.verdict(&honest(claims_text("", ""))), VERIFIED);
    assert_eq!(judges.verdict(&honest_under(RSA.header().to_string())), VERIFIED);
    assert_eq!(judges.verdict(&STRANGER.sign(&claims())), "signature");
}
