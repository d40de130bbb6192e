//! Gateways behind TLS, believed or not.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};
use portcullis_test_support::scratch_dir;

use crate::binary::{Said, private_file, run};
use crate::support::ADMIN;

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

/// A certificate for this address that its own key has signed.
fn certificate(address: &str, key: &PKey<Private>) -> X509 {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "a gateway of these tests").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.append_extension(BasicConstraints::new().ca().build().unwrap()).unwrap();
    let mut names = SubjectAlternativeName::new();
    let names = names.ip(address).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(key, MessageDigest::sha256()).unwrap();
    builder.build()
}

/// A server with an empty list of PATs behind a certificate for `address`: its URL, and the
/// certificate as PEM.
pub(crate) fn server(address: &str) -> (String, Vec<u8>) {
    let key = key();
    let certificate = certificate(address, &key);
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&key).unwrap();
    acceptor.set_certificate(&certificate).unwrap();
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Whoever does not believe the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream.unwrap()) else { continue };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 23\r\n\
                  Connection: close\r\n\r\n{\"pats\":[],\"next\":null}",
            );
        }
    });
    (url, certificate.to_pem().unwrap())
}

/// `pats list` with the token of a configuration that believes `ca`.
fn list(url: &str, ca: Option<&[u8]>) -> Said {
    let folder = scratch_dir();
    let ca = ca.map_or(String::new(), |pem| {
        let file = folder.path().join("ca.pem");
        fs::write(&file, pem).unwrap();
        format!("[http]\nca_file = \"{}\"\n", file.display())
    });
    let text = format!("[secrets]\nadmin_tokens = [\"{ADMIN}\"]\n{ca}");
    private_file(folder.path(), "p.toml", &text);
    run(folder.path(), &["pats", "list", "--url", url, "--config", "p.toml"])
}

#[test]
fn a_certificate_that_is_not_believed_names_what_would_make_it() {
    let (url, pem) = server("127.0.0.1");
    let said = list(&url, Some(&pem));
    assert_eq!((said.code, said.err.as_str()), (0, "there are no such tokens\n"), "{said:?}");

    let start = format!("error: tls: the certificate of {url} is not believed (self");
    let (_, other) = server("127.0.0.1");
    for (ca, hint) in [
        (None, "a private CA is named by ca_file of [http] in the configuration\n"),
        (Some(&*other), "nor is it from the CA that ca_file of [http] names\n"),
    ] {
        let error = list(&url, ca).bad();
        assert!(error.starts_with(&start) && error.ends_with(hint), "{error}");
        assert!(!error.contains("ssl"), "none of OpenSSL's source files: {error}");
    }

    let folder = scratch_dir();
    private_file(folder.path(), "token", ADMIN);
    let place = ["--url", &url, "--token-file", "token"];
    let said = run(
        folder.path(),
        &[&["revocations", "retry", "01234567", "89abcdef"], &place[..]].concat(),
    );
    let lines: Vec<&str> = said.err.lines().collect();
    let hint = "no configuration is read, and so no ca_file of [http]";
    assert!(lines[0].starts_with("error: tls: 01234567: ") && lines[0].ends_with(hint), "{said:?}");
    assert_eq!(lines[1..], ["error: not-tried: 89abcdef: not tried after the error before"]);
}

#[test]
fn a_certificate_for_another_address_is_not_for_want_of_a_ca() {
    let (url, pem) = server("127.0.0.2");
    let error = list(&url, Some(&pem)).bad();
    let told =
        format!("error: tls: the certificate of {url} is not believed (IP address mismatch)\n");
    assert_eq!(error, told);
}

#[test]
fn what_speaks_no_tls_is_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (stream, n) in listener.incoming().zip(0..) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            if n == 0 {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            }
        }
    });
    let error = list(&url, None).bad();
    assert_eq!(error, format!("error: tls: what answers at {url} does not speak TLS\n"));
    let error = list(&url, None).bad();
    assert!(error.starts_with(&format!("error: tls: no TLS connection to {url} came about (")));
}

#[test]
fn the_keys_of_a_programme_are_asked_for_behind_a_private_ca() {
    let (url, pem) = server("127.0.0.1");
    let folder = scratch_dir();
    fs::write(folder.path().join("ca.pem"), pem).unwrap();
    let ca = format!("[http]\nca_file = \"{}/ca.pem\"\n", folder.path().display());
    for (ca, told) in [(&*ca, "the answer has no usable key"), ("", "the keys cannot be reached")] {
        let text = format!("{ca}[partners.gitlab]\nkeys_url = \"{url}/keys\"\n");
        private_file(folder.path(), "p.toml", &text);
        let said = run(folder.path(), &["check", "--online", "--config", "p.toml"]);
        assert!(said.out.contains(&format!("bad  partners.gitlab, keys: {told}\n")), "{said:?}");
    }
}

#[test]
fn a_report_goes_to_whom_its_ca_file_believes() {
    let (url, pem) = server("127.0.0.1");
    let folder = scratch_dir();
    fs::write(folder.path().join("leaks.json"), "[]").unwrap();
    fs::write(folder.path().join("ca.pem"), pem).unwrap();
    private_file(folder.path(), "token", ADMIN);
    let report = ["report", "leaks.json", "--url", &url, "--token-file", "token"];
    let said = run(folder.path(), &report);
    assert!(
        said.code == 2 && said.err.ends_with("a private CA is named by --ca-file\n"),
        "{said:?}"
    );
    let said = run(folder.path(), &[&report[..], &["--ca-file", "ca.pem"]].concat());
    assert!(said.code == 2 && said.err.starts_with("error: not-a-gateway: "), "{said:?}");
}
