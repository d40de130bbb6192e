//! A signature holds for one body, by one key, in one spelling.

use std::collections::BTreeMap;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use serde_json::Value;

use super::super::Programme;
use super::super::signature::{Claimed, PublicKey};
use super::{OF_GITHUB, OF_PYPI, Sample, pem};

fn key(sample: &Sample) -> PublicKey {
    PublicKey::from_pem(&pem(sample.key)).unwrap()
}

fn der(sample: &Sample) -> Vec<u8> {
    STANDARD.decode(sample.signature).unwrap()
}

fn holds(key: &PublicKey, sample: &Sample, der: &[u8]) -> bool {
    key.made(&STANDARD.encode(der), sample.body.as_bytes())
}

#[test]
fn what_was_published_holds() {
    for sample in [OF_PYPI, OF_GITHUB] {
        assert!(key(&sample).made(sample.signature, sample.body.as_bytes()));
    }
}

#[test]
fn no_bit_of_the_signature_may_differ() {
    for sample in [OF_PYPI, OF_GITHUB] {
        let key = key(&sample);
        let whole = der(&sample);
        for bit in 0..whole.len() * 8 {
            let mut other = whole.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!holds(&key, &sample, &other), "bit {bit}");
        }
        let text = sample.signature.as_bytes();
        for bit in 0..text.len() * 8 {
            let mut other = text.to_vec();
            other[bit / 8] ^= 1 << (bit % 8);
            // What is no text is no header.
            let Ok(other) = String::from_utf8(other) else { continue };
            assert!(!key.made(&other, sample.body.as_bytes()), "bit {bit} of base64");
        }
    }
}

#[test]
fn no_bit_of_the_body_may_differ() {
    for sample in [OF_PYPI, OF_GITHUB] {
        let key = key(&sample);
        for bit in 0..sample.body.len() * 8 {
            let mut other = sample.body.as_bytes().to_vec();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.made(sample.signature, &other), "bit {bit}");
        }
    }
}

#[test]
fn the_body_is_what_was_sent_and_not_what_it_means() {
    for sample in [OF_PYPI, OF_GITHUB] {
        let meant: Value = serde_json::from_str(sample.body).unwrap();
        let bodies = [
            String::new(),
            serde_json::to_string_pretty(&meant).unwrap(),
            sample.body.replace("\":\"", "\": \""),
            sample.body.replace('/', "\\/"),
            sample.body.replace("[{", "[ {"),
            format!("{}\n", sample.body),
            format!(" {}", sample.body),
            format!("\u{feff}{}", sample.body),
            sample.body[..sample.body.len() - 1].to_owned(),
            sample.body.repeat(2),
        ];
        for body in bodies {
            assert!(!key(&sample).made(sample.signature, body.as_bytes()), "{body}");
        }
    }
    let meant: Vec<BTreeMap<String, String>> = serde_json::from_str(OF_PYPI.body).unwrap();
    let again = serde_json::to_string(&meant).unwrap();
    assert_ne!(again, OF_PYPI.body, "the members come in another order");
    assert!(!key(&OF_PYPI).made(OF_PYPI.signature, again.as_bytes()));
}

#[test]
fn a_signature_has_one_spelling() {
    for sample in [OF_PYPI, OF_GITHUB] {
        let key = key(&sample);
        let whole = der(&sample);
        let signature = EcdsaSig::from_der(&whole).unwrap();
        let (r, s) = (signature.r(), signature.s());
        let fixed = [r.to_vec_padded(32).unwrap(), s.to_vec_padded(32).unwrap()].concat();
        let swapped =
            EcdsaSig::from_private_components(s.to_owned().unwrap(), r.to_owned().unwrap());
        // The length in two bytes, which BER allows and DER does not.
        let long = [&[0x30, 0x81, whole[1]], &whole[2..]].concat();
        let padded = [&[0x30, whole[1] + 1, 2, whole[3] + 1, 0], &whole[4..]].concat();
        let zeros = vec![0x30, 6, 2, 1, 0, 2, 1, 0];
        let more = [&whole[..], &[0]].concat();
        let cases = [fixed, swapped.unwrap().to_der().unwrap(), long, padded, zeros, more, vec![]];
        for (n, other) in cases.iter().enumerate() {
            assert!(!holds(&key, &sample, other), "case {n}");
        }
        for end in 0..whole.len() {
            assert!(!holds(&key, &sample, &whole[..end]), "cut at {end}");
        }
    }
}

#[test]
fn base64_is_standard_and_whole() {
    for sample in [OF_PYPI, OF_GITHUB] {
        let (der, made) =
            (der(&sample), |text: &str| key(&sample).made(text, sample.body.as_bytes()));
        assert!(!made(""));
        assert!(!made(&STANDARD_NO_PAD.encode(&der)), "no padding");
        assert!(!made(&hex_of(&der)));
        for text in [
            format!("{}\n", sample.signature),
            format!(" {}", sample.signature),
            format!("{}=", sample.signature),
            format!("{}A", sample.signature),
            sample.signature.to_lowercase(),
            sample.signature.replace("==", "\u{e9}="),
            format!("sha256={}", sample.signature),
            sample.signature.repeat(1000),
        ] {
            assert!(!made(&text), "{text:.120}");
        }
        let url_safe = URL_SAFE.encode(&der);
        assert_ne!(url_safe, sample.signature);
        assert!(!made(&url_safe));
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn another_key_did_not_make_it() {
    for (sample, other) in [(OF_PYPI, OF_GITHUB), (OF_GITHUB, OF_PYPI)] {
        assert!(!key(&other).made(sample.signature, sample.body.as_bytes()));
        assert!(!key(&sample).made(other.signature, sample.body.as_bytes()));
        assert!(!key(&sample).made(sample.signature, other.body.as_bytes()));
    }
}

#[test]
fn only_a_key_of_p_256_is_a_key() {
    let ec = |curve| {
        let group = EcGroup::from_curve_name(curve).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    let public = |key: &PKey<_>| String::from_utf8(key.public_key_to_pem().unwrap()).unwrap();
    let good = ec(Nid::X9_62_PRIME256V1);
    assert!(PublicKey::from_pem(&public(&good)).is_some());
    let private = String::from_utf8(good.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let rsa = PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let sample = pem(OF_PYPI.key);
    for bad in [
        String::new(),
        "not PEM at all".to_owned(),
        private,
        public(&ec(Nid::SECP384R1)),
        public(&ec(Nid::SECP256K1)),
        public(&rsa),
        public(&PKey::generate_ed25519().unwrap()),
        sample.replace("9MJJ", "9MJK"),
        sample.replace("BEGIN PUBLIC", "BEGIN RSA PUBLIC"),
        sample.replace("AA==\n", "\n"),
    ] {
        assert!(PublicKey::from_pem(&bad).is_none(), "{bad}");
    }
}

#[test]
fn a_header_comes_once_and_says_something() {
    let names = Programme::Github.headers();
    let headers = |values: &[(&str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Claimed::read(&headers, names).map(|claimed| claimed.signature.to_owned())
    };
    let (id, signature) = ("github-public-key-identifier", "github-public-key-signature");
    assert_eq!(headers(&[(id, "a"), (signature, "b")]), Ok("b".to_owned()));
    for (values, missing) in [
        (&[][..], names.identifier),
        (&[(id, "a")][..], names.signature),
        (&[(signature, "b")][..], names.identifier),
        (&[(id, "a"), (signature, "")][..], names.signature),
        (&[(id, ""), (signature, "b")][..], names.identifier),
        (&[(id, "a"), (id, "a"), (signature, "b")][..], names.identifier),
        (&[(id, "a"), (signature, "b"), (signature, "c")][..], names.signature),
        (&[(id, "a"), (signature, "é")][..], names.signature),
        (&[("gitlab-public-key-identifier", "a"), (signature, "b")][..], names.identifier),
    ] {
        assert_eq!(headers(values), Err(missing), "{values:?}");
    }
}
