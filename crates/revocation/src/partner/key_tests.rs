use openssl::pkey::Public;
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use openssl::symm::Cipher;

use super::*;

fn curve(nid: Nid) -> EcKey<Private> {
    EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap()
}

fn p256() -> EcKey<Private> {
    curve(Nid::X9_62_PRIME256V1)
}

fn pkcs8(key: EcKey<Private>) -> Vec<u8> {
    PKey::from_ec_key(key).unwrap().private_key_to_pem_pkcs8().unwrap()
}

fn published(key: &PublicKey) -> PKey<Public> {
    PKey::public_key_from_pem(key.pem.as_bytes()).unwrap()
}

#[test]
fn a_key_is_the_same_however_it_is_written() {
    let key = p256();
    let whole = SigningKey::from_pem(&pkcs8(key.clone())).unwrap();
    let der = published(whole.public()).public_key_to_der().unwrap();
    assert_eq!(whole.public().identifier(), hex::encode(Sha256::digest(&der)));
    assert_eq!(der.len(), 91, "the curve by its name, the point whole");

    let sec1 = key.private_key_to_pem().unwrap();
    // As `openssl ecparam -genkey` writes it.
    let parameters =
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let with_parameters = [parameters.as_slice(), &sec1].concat();
    let mut explicit = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    explicit.set_asn1_flag(openssl::ec::Asn1Flag::EXPLICIT_CURVE);
    let spelt_out =
        EcKey::from_private_components(&explicit, key.private_key(), key.public_key()).unwrap();
    for pem in [&sec1, &with_parameters, &pkcs8(spelt_out)] {
        assert_eq!(SigningKey::from_pem(pem).unwrap().public(), whole.public());
        assert_eq!(&PublicKey::from_pem(pem).unwrap(), whole.public());
    }
    let public = key.public_key_to_pem().unwrap();
    assert_eq!(&PublicKey::from_pem(&public).unwrap(), whole.public());
    assert_eq!(SigningKey::from_pem(&public).unwrap_err(), KeyError::NoPrivateKey);
}

#[test]
fn other_keys_are_refused() {
    for nid in [Nid::SECP256K1, Nid::SECP384R1] {
        let key = curve(nid);
        assert_eq!(SigningKey::from_pem(&pkcs8(key.clone())).unwrap_err(), KeyError::Curve);
        let public = key.public_key_to_pem().unwrap();
        assert_eq!(PublicKey::from_pem(&public).unwrap_err(), KeyError::Curve);
    }
    let others =
        [PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), PKey::generate_ed25519().unwrap()];
    for key in others {
        let pem = key.private_key_to_pem_pkcs8().unwrap();
        assert_eq!(SigningKey::from_pem(&pem).unwrap_err(), KeyError::Curve);
        let pem = key.public_key_to_pem().unwrap();
        assert_eq!(PublicKey::from_pem(&pem).unwrap_err(), KeyError::Curve);
    }
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let (a, b) = (p256(), p256());
    let torn = EcKey::from_private_components(&group, a.private_key(), b.public_key());
    let torn = SigningKey::from_pem(&pkcs8(torn.unwrap()));
    assert_eq!(torn.unwrap_err(), KeyError::Damaged);
}

#[test]
fn what_is_no_key_or_is_locked_is_refused_and_nobody_is_asked() {
    let key = PKey::from_ec_key(p256()).unwrap();
    let locked = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"secret").unwrap();
    let cut = pkcs8(p256())[..80].to_vec();
    for pem in [locked, cut, Vec::new(), b"no key".to_vec(), vec![0xff; 5000]] {
        assert_eq!(SigningKey::from_pem(&pem).unwrap_err(), KeyError::NoPrivateKey);
        assert_eq!(PublicKey::from_pem(&pem).unwrap_err(), KeyError::NoKey);
    }
}

#[test]
fn a_signature_is_der_and_of_these_bytes_only() {
    let key = SigningKey::from_pem(&pkcs8(p256())).unwrap();
    let public = published(key.public());
    let signature = STANDARD.decode(key.sign(b"[1]").unwrap()).unwrap();
    openssl::ecdsa::EcdsaSig::from_der(&signature).unwrap();
    let verify = |bytes: &[u8]| {
        let mut verifier = Verifier::new(MessageDigest::sha256(), &public).unwrap();
        verifier.verify_oneshot(&signature, bytes).unwrap()
    };
    assert!(verify(b"[1]"));
    assert!(!verify(b"[1] "));
}

#[test]
fn each_key_is_published_once_and_current_ones_first() {
    let [a, b, c] = [(), (), ()].map(|()| SigningKey::from_pem(&pkcs8(p256())).unwrap().public);
    let text = document([(&a, false), (&b, true), (&c, false), (&a, true), (&b, false)]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entry = |key: &PublicKey, is_current: bool| {
        serde_json::json!({
            "key_identifier": key.identifier, "key": key.pem, "is_current": is_current,
        })
    };
    let expected =
        serde_json::json!({"public_keys": [entry(&a, true), entry(&b, true), entry(&c, false)]});
    assert_eq!(document, expected);
    assert_eq!(super::document([]), r#"{"public_keys":[]}"#);
}

#[test]
fn its_debug_shows_what_is_public() {
    let pem = pkcs8(p256());
    let key = SigningKey::from_pem(&pem).unwrap();
    assert_eq!(format!("{key:?}"), format!("SigningKey({:?})", key.public().identifier()));
}
