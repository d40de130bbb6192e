//! Files that cannot serve, and files that change.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use portcullis_base::{Clock as _, ManualClock, SystemClock};
use portcullis_test_support::{Authority, Issued, Life, scratch_dir};
use tempfile::TempDir;
use time::Duration;

use super::*;
use crate::config::Tls;

struct World {
    folder: TempDir,
    ca: Authority,
}

impl World {
    fn new() -> Self {
        Self { folder: scratch_dir(), ca: Authority::new("a CA of these tests") }
    }

    fn files(&self) -> Tls {
        let at = |name| self.folder.path().join(name);
        Tls { certificate: at("tls.crt"), private_key: at("tls.key"), client_ca: None }
    }

    fn write(&self, certificate: &[u8], private_key: &[u8]) {
        let files = self.files();
        fs::write(files.certificate, certificate).unwrap();
        fs::write(&files.private_key, private_key).unwrap();
        fs::set_permissions(files.private_key, Permissions::from_mode(0o600)).unwrap();
    }

    fn judged(&self) -> String {
        let judged = Material::read(&self.files()).and_then(|material| material.judge());
        judged.err().map_or("good".to_owned(), |faults| faults.to_string())
    }
}

fn fresh(ca: &Authority) -> Issued {
    ca.issue(&["gw.example.com"], Life::Days(60))
}

#[test]
fn each_pair_is_taken_or_told_why_not() {
    let world = World::new();
    let (one, two) = (fresh(&world.ca), fresh(&world.ca));
    let both = [&one.certificate[..], &two.certificate].concat();
    let cut = &one.certificate[..one.certificate.len() / 2];
    let key = PKey::private_key_from_pem(&one.private_key).unwrap();
    let locked = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"x").unwrap();
    let sec1 = key.ec_key().unwrap().private_key_to_pem().unwrap();
    for (certificate, private_key, told) in [
        (&one.certificate[..], &one.private_key[..], "good"),
        (&one.certificate, &sec1, "good"),
        (&both, &one.private_key, "good"),
        (
            &both,
            &two.private_key,
            "certificate has the certificate of the private key as number 2: it must be the first",
        ),
        (&one.certificate, &two.private_key, "private_key does not belong to the certificate"),
        (b"", &one.private_key, "certificate holds no certificate in PEM"),
        (b"\xff\0hello", &one.private_key, "certificate holds no certificate in PEM"),
        (cut, &one.private_key, "certificate holds a certificate that cannot be read"),
        (&one.certificate, b"", "private_key holds no private key in PEM"),
        (&one.certificate, &one.certificate, "private_key holds no private key in PEM"),
        (&one.certificate, &one.private_key[..60], "private_key holds no private key in PEM"),
        (
            b"x",
            b"x",
            "certificate holds no certificate in PEM; private_key holds no private key in PEM",
        ),
    ] {
        world.write(certificate, private_key);
        assert_eq!(world.judged(), told);
    }
    world.write(&one.certificate, &locked);
    assert!(world.judged().starts_with("private_key is encrypted, "), "{}", world.judged());
    fs::remove_file(world.files().certificate).unwrap();
    fs::remove_file(world.files().private_key).unwrap();
    let gone = "certificate cannot be read: entity not found; private_key cannot be read: entity not found";
    assert_eq!(world.judged(), gone);
}

#[test]
fn keys_that_clients_would_refuse_are_refused() {
    let world = World::new();
    let curve = |nid| {
        let group = EcGroup::from_curve_name(nid).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    let rsa = |bits| PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    for (key, told) in [
        (rsa(1024), "private_key is an RSA key of 1024 bits: 2048 at least"),
        (rsa(2048), "good"),
        (curve(Nid::SECP384R1), "good"),
        (
            curve(Nid::SECP256K1),
            "private_key must be RSA, ECDSA on P-256, P-384 or P-521, or Ed25519",
        ),
        (PKey::generate_ed25519().unwrap(), "good"),
        (
            PKey::generate_x25519().unwrap(),
            "private_key must be RSA, ECDSA on P-256, P-384 or P-521, or Ed25519",
        ),
    ] {
        let issued = world.ca.issue_to(&key, &["gw.example.com"], Life::Days(60));
        world.write(&issued.certificate, &issued.private_key);
        assert_eq!(world.judged(), told);
    }
}

#[test]
fn what_clients_will_not_like_is_warned_of() {
    let world = World::new();
    let names = &["gw.example.com"][..];
    for (names, life, told) in [
        (names, Life::Days(60), None),
        (names, Life::Days(9), Some("expires in ")),
        (names, Life::Over, Some("has expired on 1970-01-02")),
        (names, Life::ToCome(2), Some("is not valid before ")),
        (&[], Life::Days(60), Some("names no host")),
    ] {
        let issued = world.ca.issue(names, life);
        world.write(&issued.certificate, &issued.private_key);
        let served = Material::read(&world.files()).unwrap().judge().unwrap();
        let warning = served.warning(SystemClock.now());
        let fits = match (&warning, told) {
            (Some(warning), Some(told)) => warning.starts_with(told),
            (warning, told) => warning.is_none() && told.is_none(),
        };
        assert!(fits, "{warning:?} {told:?}");
    }
}

fn watched(world: &World) -> (Watched, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let watched = Watched::open("public", world.files(), clock.clone());
    (watched.unwrap_or_else(|faults| panic!("{faults}")), clock)
}

fn looks(watched: &Watched, times: usize) -> Option<String> {
    (0..times).for_each(|_| watched.refresh());
    watched.standing().fault
}

#[test]
fn a_pair_is_taken_whole_and_when_two_looks_saw_it() {
    let world = World::new();
    let (one, two) = (fresh(&world.ca), world.ca.issue(&["gw.example.com"], Life::Days(90)));
    world.write(&one.certificate, &one.private_key);
    let (watched, _) = watched(&world);
    assert!((59..=60).contains(&watched.standing().days_left));

    world.write(&two.certificate, &one.private_key);
    assert_eq!(looks(&watched, 1), None, "it may be about to be written");
    assert_eq!(
        looks(&watched, 1).as_deref(),
        Some("private_key does not belong to the certificate")
    );
    assert!(watched.standing().days_left <= 60, "the old one is served");

    world.write(&two.certificate, &two.private_key);
    assert!(looks(&watched, 1).is_some());
    assert_eq!(looks(&watched, 1), None);
    assert!(watched.standing().days_left > 60, "the new one is served");

    fs::remove_file(world.files().private_key).unwrap();
    assert!(looks(&watched, 2).is_some());
    world.write(&two.certificate, &two.private_key);
    assert_eq!(looks(&watched, 2), None, "what is served is there again");
}

#[test]
fn a_link_that_points_elsewhere_counts() {
    let world = World::new();
    let place = |name: &str, issued: &Issued| {
        let folder = world.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("tls.crt"), &issued.certificate).unwrap();
        fs::write(folder.join("tls.key"), &issued.private_key).unwrap();
    };
    place("one", &fresh(&world.ca));
    place("two", &world.ca.issue(&["gw.example.com"], Life::Days(90)));
    let data = world.folder.path().join("..data");
    let point = |to: &str| {
        let new = world.folder.path().join("..new");
        symlink(to, &new).unwrap();
        fs::rename(new, &data).unwrap();
    };
    point("one");
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), world.folder.path().join(name)).unwrap();
    }
    let (watched, _) = watched(&world);
    point("two");
    assert_eq!(looks(&watched, 2), None);
    assert!(watched.standing().days_left > 60);
}

#[test]
fn a_new_one_that_is_not_valid_waits_for_its_time() {
    let world = World::new();
    let (one, two) = (fresh(&world.ca), world.ca.issue(&["gw.example.com"], Life::ToCome(10)));
    world.write(&one.certificate, &one.private_key);
    let (watched, clock) = watched(&world);
    world.write(&two.certificate, &two.private_key);
    assert!(looks(&watched, 2).unwrap().contains("not yet valid"));
    clock.advance(std::time::Duration::from_hours(24 * 11 - 1));
    assert_eq!(looks(&watched, 1), None, "it is valid now");
    assert_eq!(watched.standing().days_left, 0);
    clock.advance(std::time::Duration::from_hours(2));
    assert_eq!(watched.standing().days_left, -1, "it is over");
    assert!(watched.standing().not_after < clock.now() + Duration::ZERO);
}

#[test]
fn a_listener_is_called_by_a_name_of_its_certificate() {
    let ca = Authority::new("a CA of these tests");
    let address = "127.0.0.1".parse().unwrap();
    for (names, host) in [
        (&["127.0.0.1", "gw.example.com"][..], None),
        (&["10.0.0.1", "gw.example.com", "b.example.com"], Some("gw.example.com")),
        (&["*.example.com"], Some("portcullis.example.com")),
        (&["10.0.0.1"], None),
        (&[], None),
    ] {
        let issued = ca.issue(names, Life::Days(1));
        let combined = [&issued.private_key[..], &issued.certificate].concat();
        let (alone, found) = call_name(&combined, address).unwrap();
        assert_eq!(found.as_deref(), host);
        assert_eq!(alone, issued.certificate, "and nothing of the key");
    }
    assert!(call_name(b"x", address).is_none());
}

/// All that is logged while `act` runs.
fn logged(act: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let to = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone());
    tracing::subscriber::with_default(subscriber.finish(), act);
    let lines = lines.0.lock().unwrap();
    String::from_utf8_lossy(&lines).lines().map(str::to_owned).collect()
}

#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_fault_and_its_end_are_told_once_each() {
    let world = World::new();
    let (one, two) = (fresh(&world.ca), fresh(&world.ca));
    world.write(&one.certificate, &one.private_key);
    let (watched, _) = watched(&world);
    world.write(&two.certificate, &one.private_key);
    let told = logged(|| drop(looks(&watched, 9)));
    assert!(told.len() == 1 && told[0].contains("ERROR"), "{told:?}");
    world.write(&two.certificate, &two.private_key);
    let told = logged(|| drop(looks(&watched, 9)));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("was read again") && told[1].contains("as they should be again"));
}

#[test]
fn its_end_is_told_once_a_day_and_louder_at_last() {
    let world = World::new();
    let issued = world.ca.issue(&["gw.example.com"], Life::Days(20));
    world.write(&issued.certificate, &issued.private_key);
    let (watched, clock) = watched(&world);
    let mut told = Vec::new();
    for _ in 0..22 {
        let day = logged(|| drop(looks(&watched, 3)));
        assert!(day.len() <= 1, "{day:?}");
        told.push(day.first().map(|line| line.split_whitespace().nth(1).unwrap().to_owned()));
        clock.advance(std::time::Duration::from_hours(24));
    }
    let count = |level: Option<&str>| told.iter().filter(|one| one.as_deref() == level).count();
    // 20 days at the start, or 19 and some hours: whole days are counted.
    assert_eq!((count(Some("WARN")), told.len()), (11, 22), "{told:?}");
    assert!(told[..5].iter().all(Option::is_none) && told[21].as_deref() == Some("ERROR"));
}
