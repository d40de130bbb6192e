//! `kind = "partner"`.

use std::path::{Path, PathBuf};

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

use super::{Setup, bad, good};
use crate::config::Provider;

const AT: &str = "revocation.providers[0]";

fn key(curve: Nid) -> EcKey<Private> {
    EcKey::generate(&EcGroup::from_curve_name(curve).unwrap()).unwrap()
}

fn sec1(curve: Nid) -> String {
    String::from_utf8(key(curve).private_key_to_pem().unwrap()).unwrap()
}

fn pkcs8() -> String {
    let key = PKey::from_ec_key(key(Nid::X9_62_PRIME256V1)).unwrap();
    String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap()
}

/// A vendor of one type, with `rest`.
fn partner(rest: &str) -> String {
    format!(
        "[[revocation.providers]]\nkind = \"partner\"\ntypes = [\"acme\"]\n{rest}\n\
         [revocation.formats]\nacme = \"^acme_[a-z]{{8}}$\"\n"
    )
}

fn inline(pem: &str) -> String {
    format!("signing_key = '''{pem}'''")
}

fn file(setup: &Setup, name: &str, content: &[u8], mode: u32) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = setup.0.path().join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn named(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

#[test]
fn a_vendor_is_told_with_a_key_from_here_or_from_a_file() {
    let (setup, pem, old) = (Setup::new(), pkcs8(), key(Nid::X9_62_PRIME256V1));
    let private = file(&setup, "key.pem", pem.as_bytes(), 0o600);
    let public = file(&setup, "old.pem", &old.public_key_to_pem().unwrap(), 0o644);
    let rest = format!(
        "url = \"https://acme.example/leaks\"\nsigning_key_file = {}\n\
         previous_key_files = [{}]\nrate = {{ requests = 10, per = \"1m\" }}",
        named(&private),
        named(&public),
    );
    let reading = setup.read(&partner(&rest), &[]);
    assert_eq!(reading.warnings, Vec::<String>::new());
    let config = reading.config.unwrap();
    let Provider::Partner(acme) = &config.revocation.providers[1] else { panic!("a partner") };
    assert_eq!((acme.name.as_str(), acme.previous.len()), ("acme.example", 1));
    assert_eq!(acme.rate.unwrap().requests, 10);
    assert!(!format!("{config:?}").contains("PRIVATE"));

    let loopback = format!("name = \"acme\"\nurl = \"http://127.0.0.1:1/\"\n{}", inline(&pem));
    let config = good(&partner(&loopback), &[]);
    let Provider::Partner(again) = &config.revocation.providers[1] else { panic!("a partner") };
    assert_eq!(again.name, "acme");
    assert_eq!(again.key.public(), acme.key.public());
}

#[test]
fn keys_that_others_can_read_are_heard() {
    let setup = Setup::new();
    let private = file(&setup, "key.pem", pkcs8().as_bytes(), 0o644);
    let old = file(&setup, "old.pem", sec1(Nid::X9_62_PRIME256V1).as_bytes(), 0o640);
    let rest = format!(
        "url = \"https://acme.example\"\nsigning_key_file = {}\nprevious_key_files = [{}]",
        named(&private),
        named(&old),
    );
    let reading = setup.read(&partner(&rest), &[]);
    reading.config.unwrap();
    let [first, second] = reading.warnings.as_slice() else { panic!("{:?}", reading.warnings) };
    assert!(first.contains("signing_key_file") && first.contains("chmod 600"), "{first}");
    assert!(second.contains("previous_key_files[0]") && second.contains("chmod 600"), "{second}");
}

#[test]
fn what_cannot_work_is_told_at_once_by_its_keys() {
    let one = |rest: &str| bad(&partner(rest), &[]);
    let (url, key) = ("url = \"https://acme.example\"", inline(&pkcs8()));
    assert_eq!(one(&key), [format!("{AT}.url")]);
    assert_eq!(one(url), [format!("{AT}.signing_key_file")]);
    for bad_url in [
        "http://acme.example/",
        "ftp://acme.example/",
        "https://ann@acme.example/",
        "https://ann:secret@acme.example/",
        "mailto:acme@acme.example",
    ] {
        assert_eq!(one(&format!("url = \"{bad_url}\"\n{key}")), [format!("{AT}.url")], "{bad_url}");
    }
    for pem in [sec1(Nid::SECP384R1), sec1(Nid::SECP256K1), "no key".to_owned(), String::new()] {
        let keys = one(&format!("{url}\n{}", inline(&pem)));
        assert_eq!(keys, [format!("{AT}.signing_key")], "{pem}");
    }
    assert_eq!(one(&format!("{url}\n{key}\nname = \"gitlab\"")), [format!("{AT}.name")]);
    assert_eq!(
        one(&format!("{url}\n{key}\nrate = {{ requests = 0 }}")),
        [format!("{AT}.rate.requests")]
    );
    assert_eq!(one(&format!("{url}\n{key}\nbody = \"x\"")), [format!("{AT}.body")]);
    let mut all = one("url = \"http://acme.example\"\nsigning_key_file = \"/none\"\n\
                   previous_key_files = [\"/none\"]\nname = \"a b\"");
    all.sort_unstable();
    assert_eq!(
        all,
        [
            format!("{AT}.name"),
            format!("{AT}.previous_key_files[0]"),
            format!("{AT}.signing_key_file"),
            format!("{AT}.url"),
        ]
    );
}

#[test]
fn types_and_their_formats_are_said() {
    let rest = format!("url = \"https://acme.example\"\n{}", inline(&pkcs8()));
    let without = format!("[[revocation.providers]]\nkind = \"partner\"\n{rest}\n");
    assert_eq!(bad(&without, &[]), [format!("{AT}.types")]);
    let unknown = format!("{without}types = [\"acme\"]\n");
    assert_eq!(bad(&unknown, &[]), ["revocation.formats.acme"]);
    good(&format!("{without}types = [\"gitleaks_rule_id_gitlab_deploy_token\"]\n"), &[]);
    let twice = format!("{}{without}types = [\"acme\"]\nname = \"other\"\n", partner(&rest));
    assert_eq!(bad(&twice, &[]), ["revocation.providers[1].types"]);
}
