//! The header chooses the algorithm, and the attacker writes the header.

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use portcullis_jwt_verify::Algorithm;
use portcullis_test_support::{SigningKey, base64url, jwks};
use serde_json::{Value, json};

use crate::support::*;

/// No signature at all: the third segment is empty, or another token's.
#[test]
fn none_is_no_algorithm_however_it_is_spelled() {
    let spellings =
        ["none", "None", "NONE", "nOnE", "nonE", " none", "none ", "", "null", "no\u{200b}ne"];
    let (honest, judges) = (honest(claims().to_string()), judges());
    for alg in spellings {
        for header in [json!({"alg": alg}), json!({"alg": alg, "typ": "JWT", "kid": "rsa-1"})] {
            let header = base64url(header.to_string());
            let mut segments = honest.split('.').skip(1);
            let (payload, signature) = (segments.next().unwrap(), segments.next().unwrap());
            judges.agree([
                (alg, format!("{header}.{payload}."), "algorithm"),
                (alg, format!("{header}.{payload}.{signature}"), "algorithm"),
            ]);
        }
    }
}

#[test]
fn an_algorithm_is_a_text_and_there() {
    let odd = ["null", "256", "true", "[\"RS256\"]", "{\"RS256\":1}", "[]", "{}", "1e1"];
    judges().agree(odd.map(|alg| {
        let header = format!("{{\"alg\":{alg},\"kid\":\"rsa-1\"}}");
        (alg, honest_under(header), "algorithm")
    }));
    judges().agree([("missing", honest_under("{\"kid\":\"rsa-1\"}"), "algorithm")]);
}

#[test]
fn names_that_only_look_like_one_are_none() {
    let alike =
        ["rs256", "Rs256", "RS256 ", " RS256", "ＲＳ256", "RS256\0", "RS\u{0662}56", "RS-256"];
    let other =
        ["HS1", "RS1", "ES256K", "Ed25519", "eddsa", "PBES2-HS256+A128KW", "dir", "RSA-OAEP"];
    judges().agree(alike.into_iter().chain(other).map(|alg| {
        (alg, honest_under(json!({"alg": alg, "kid": "rsa-1"}).to_string()), "algorithm")
    }));
    // An escape is another spelling of the same JSON text, and of the same algorithm.
    let escaped = honest_under("{\"alg\":\"\\u0052S256\",\"kid\":\"rsa-1\"}");
    assert_eq!(judges().verdict(&escaped), VERIFIED);
}

fn by_mac(algorithm: &'static str, kid: &str, secret: &[u8]) -> String {
    let digest = match algorithm {
        "HS384" => MessageDigest::sha384(),
        "HS512" => MessageDigest::sha512(),
        _ => MessageDigest::sha256(),
    };
    let header = json!({"alg": algorithm, "typ": "JWT", "kid": kid});
    let signed = format!("{}.{}", base64url(header.to_string()), base64url(claims().to_string()));
    let key = PKey::hmac(secret).unwrap();
    let mac = Signer::new(digest, &key).unwrap().sign_oneshot_to_vec(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url(mac))
}

/// Everything public about a key that a careless verifier may take for the secret of a MAC.
fn public_texts(signer: &SigningKey) -> Vec<Vec<u8>> {
    let pem = signer.pkey().public_key_to_pem().unwrap();
    let trimmed = pem.trim_ascii_end().to_vec();
    let mut texts = vec![
        [b"\n", pem.as_slice()].concat(),
        pem,
        trimmed,
        signer.pkey().public_key_to_der().unwrap(),
        signer.jwk().to_string().into_bytes(),
    ];
    if let Ok(rsa) = signer.pkey().rsa() {
        texts.push(rsa.public_key_to_pem_pkcs1().unwrap());
        texts.push(rsa.public_key_to_der_pkcs1().unwrap());
        texts.push(rsa.n().to_vec());
    }
    let jwk = signer.jwk();
    texts.extend(["n", "x", "y"].iter().filter_map(|name| Some(jwk[name].as_str()?.into())));
    texts
}

fn without_alg(signers: &[&SigningKey]) -> Value {
    let mut jwks = jwks(signers.iter().copied());
    for jwk in jwks["keys"].as_array_mut().unwrap() {
        jwk.as_object_mut().unwrap().remove("alg");
    }
    jwks
}

/// The public key as the secret of a MAC. No MAC is an algorithm here, whatever a JWK leaves unsaid.
#[test]
fn a_public_key_is_no_secret() {
    for judges in [judges(), Judges::of(|| set_of(&without_alg(&[&RSA, &EC, &ED])))] {
        for (signer, kid) in [(&*RSA, "rsa-1"), (&*EC, "ec-1"), (&*ED, "ed-1")] {
            for secret in public_texts(signer) {
                for algorithm in ["HS256", "HS384", "HS512"] {
                    judges.agree([(kid, by_mac(algorithm, kid, &secret), "algorithm")]);
                }
            }
        }
    }
}

#[test]
fn weak_secrets_open_nothing() {
    let secrets: [&[u8]; 6] = [b"secret", b"1", b"\0", b"changeme", &[0; 32], b" "];
    for secret in secrets {
        judges().agree([("weak", by_mac("HS256", "rsa-1", secret), "algorithm")]);
    }
    // OpenSSL makes no key of nothing; a MAC under no key is one under a block of zeros.
    judges().agree([("blank", by_mac("HS256", "rsa-1", &[0; 64]), "algorithm")]);
}

/// The same hand under another algorithm: honest, and not what the key is for.
#[test]
fn a_key_does_what_its_jwk_says_and_no_more() {
    let same_key = |algorithm| SigningKey::new(RSA.pkey().clone(), algorithm, "rsa-1");
    for algorithm in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = same_key(algorithm).sign(&claims());
        judges().agree([(algorithm, token.clone(), "key_mismatch")]);
        // A JWK without `alg` is for all that its type can do (RFC 7517, section 4.4: it is optional).
        let open = Judges::of(|| set_of(&without_alg(&[&RSA])));
        open.agree([(algorithm, token, VERIFIED)]);
        let renamed =
            RSA.sign_text(&same_key(algorithm).header().to_string(), &claims().to_string());
        open.agree([(algorithm, renamed, "signature")]);
    }
}

#[test]
fn a_key_of_another_type_is_not_tried() {
    let cases = [("ES256", "rsa-1"), ("EdDSA", "rsa-1"), ("RS256", "ec-1"), ("EdDSA", "ec-1")];
    let more = [("RS256", "ed-1"), ("ES256", "ed-1"), ("ES384", "ec-1"), ("ES512", "ec-1")];
    for (alg, kid) in cases.into_iter().chain(more) {
        let header = json!({"alg": alg, "typ": "JWT", "kid": kid}).to_string();
        for signer in [&*RSA, &*EC, &*ED] {
            let token = signer.sign_text(&header, &claims().to_string());
            judges().agree([(format!("{alg} by {kid}"), token, "key_mismatch")]);
        }
    }
}

/// A curve may be right and its size wrong: one key, one algorithm.
#[test]
fn a_curve_goes_with_its_digest_alone() {
    let p384 = SigningKey::generate("ES384", "p384");
    let judges = Judges::of(|| set_of(&jwks([&*EC, &p384])));
    let odd = |signer: &SigningKey, algorithm| {
        SigningKey::new(signer.pkey().clone(), algorithm, signer.header()["kid"].as_str().unwrap())
    };
    judges.agree([
        ("P-384", p384.sign(&claims()), VERIFIED),
        ("ES256 by P-384", by_any_width(&odd(&p384, "ES256")), "key_mismatch"),
        ("ES384 by P-256", odd(&EC, "ES384").sign(&claims()), "key_mismatch"),
        ("ES512 by P-256", odd(&EC, "ES512").sign(&claims()), "key_mismatch"),
    ]);
}

/// A signature of a wider curve under the header of a narrower one, r and s as wide as they are.
fn by_any_width(signer: &SigningKey) -> String {
    let header = signer.header().to_string();
    let wide = SigningKey::new(signer.pkey().clone(), "ES384", "");
    wide.sign_text(&header, &claims().to_string())
}

#[test]
fn what_a_verifier_does_not_allow_is_refused_before_any_key_is_touched() {
    let only = usual(house()).algorithms([Algorithm::Es256]).build();
    assert_eq!(verdict(&only, &EC.sign(&claims())), VERIFIED);
    assert_eq!(verdict(&only, &RSA.sign(&claims())), "algorithm_not_allowed");
    assert_eq!(verdict(&only, &ED.sign(&claims())), "algorithm_not_allowed");
    assert_eq!(verdict(&only, &by_mac("HS256", "ec-1", b"secret")), "algorithm");
    let nothing = usual(house()).algorithms([]).build();
    assert_eq!(verdict(&nothing, &EC.sign(&claims())), "algorithm_not_allowed");
}
