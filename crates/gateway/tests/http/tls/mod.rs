//! Our listeners behind TLS, called by OpenSSL itself: what it offers is chosen here.

pub(crate) mod clients;
pub(crate) mod limits;
pub(crate) mod replaced;
mod wire;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use openssl::ssl::SslVersion;
use portcullis_base::http::{ClientOptions, client};
use portcullis_test_support::{Authority, Issued, Life};
use reqwest::Version;

use crate::abuse::connections::start_with_grace;
use crate::support::{ADMIN, Database, REPORTING, TestGateway};
use wire::Wire;

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// A CA, and where the files of the gateway lie.
pub(crate) struct World {
    ca: Authority,
    folder: PathBuf,
}

impl World {
    pub(crate) fn new(database: &Database) -> Self {
        Self { ca: Authority::new("a CA of these tests"), folder: database.folder().to_owned() }
    }

    fn issue(&self) -> Issued {
        self.ca.issue(&NAMES, Life::Days(60))
    }

    /// Whole, as certbot does it: a new file in the place of the old.
    fn write(&self, name: &str, content: &[u8]) {
        let new = self.folder.join("new");
        fs::write(&new, content).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, self.folder.join(name)).unwrap();
    }

    fn write_pair(&self, pair: &Issued) {
        self.write("tls.crt", &pair.certificate);
        self.write("tls.key", &pair.private_key);
    }

    /// A gateway of which both listeners speak TLS; with `client_ca`, that of operators asks for certificates.
    /// `rest` is more TOML.
    pub(crate) async fn start(
        &self,
        database: &Database,
        client_ca: bool,
        rest: &str,
    ) -> TestGateway {
        TestGateway::start(database, &(self.toml(client_ca) + rest)).await
    }

    /// Such a gateway's TOML, and what it needs.
    fn toml(&self, client_ca: bool) -> String {
        self.write_pair(&self.issue());
        let at = |name: &str| self.folder.join(name).display().to_string();
        let mut text = format!(
            "[server.tls]\ncertificate = \"{}\"\nprivate_key = \"{}\"\n",
            at("tls.crt"),
            at("tls.key")
        );
        if client_ca {
            let clients = at("clients.pem");
            text += &["[server.admin_tls]\nclient_ca = \"", &clients, "\"\n"].concat();
        }
        text
    }

    /// A client that believes the CA, and would speak HTTP/2 where it can.
    pub(crate) fn http(&self) -> reqwest::Client {
        let options = ClientOptions { ca_pem: Some(self.ca.pem()), ..ClientOptions::default() };
        client(&options).unwrap()
    }

    fn wire(&self) -> Wire {
        Wire::believing(&self.ca.pem())
    }
}

pub(crate) async fn both_listeners_speak_http_1_1(database: Database) {
    let world = World::new(&database);
    let gateway = world.start(&database, false, "").await;
    let http = world.http();
    for at in [gateway.address(), gateway.admin_address()] {
        let answer = http.get(format!("https://localhost:{}/ready", at.port())).send().await;
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_11));
        for alpn in [&b"\x08http/1.1"[..], b""] {
            let wire = Wire { alpn, ..world.wire() };
            assert_eq!(wire.get(at, "/ready", "").await.unwrap(), 200);
        }
        let refused = http.get(format!("https://127.0.0.2:{}/ready", at.port())).send().await;
        assert!(refused.is_err(), "the client looks at the name");
    }
    gateway.stop().await;
}

pub(crate) async fn old_versions_and_weak_suites_are_refused(database: Database) {
    let world = World::new(&database);
    let gateway = world.start(&database, false, "").await;
    let (one, two, three) = (SslVersion::TLS1_1, SslVersion::TLS1_2, SslVersion::TLS1_3);
    for (version, suites, good) in [
        (three, "DEFAULT", true),
        (two, "DEFAULT", true),
        (two, "ECDHE-ECDSA-AES128-GCM-SHA256", true),
        (two, "ECDHE-ECDSA-AES128-SHA@SECLEVEL=0", false),
        (two, "ECDHE-ECDSA-AES256-SHA384", false),
        (two, "AES128-GCM-SHA256", false),
        (two, "DHE-RSA-AES256-GCM-SHA384", false),
        (one, "ALL@SECLEVEL=0", false),
        (SslVersion::TLS1, "ALL@SECLEVEL=0", false),
    ] {
        let wire = Wire { version: Some(version), suites, ..world.wire() };
        let got = wire.get(gateway.address(), "/health", "").await;
        assert_eq!(got.is_ok(), good, "{version:?} {suites}: {got:?}");
    }
    for version in [two, three] {
        let wire = Wire { version: Some(version), ..world.wire() };
        wire.get(gateway.address(), "/health", "").await.unwrap();
        assert_eq!(wire.tickets(), 0, "nothing is given to resume with");
    }
    gateway.stop().await;
}

/// More of them than the library lets in at a time by itself.
pub(crate) async fn who_never_finishes_is_cut_off_and_keeps_nobody_out(database: Database) {
    let world = World::new(&database);
    let gateway = world.start(&database, false, "").await;
    // A handshake may take five seconds.
    let begun = tokio::time::Instant::now();
    let mut silent = Vec::new();
    for _ in 0..700 {
        silent.push(tokio::net::TcpStream::connect(gateway.address()).await.unwrap());
    }
    assert_eq!(world.wire().get(gateway.address(), "/health", "").await.unwrap(), 200);
    assert!(begun.elapsed().as_secs() < 5, "nobody waits for those who are silent");
    for stream in silent.iter_mut().step_by(100) {
        wire::assert_closed(stream).await;
    }
    drop(silent);
    gateway.stop().await;
}

pub(crate) async fn what_is_no_tls_is_answered_by_nothing(database: Database) {
    let world = World::new(&database);
    let gateway = world.start(&database, false, "").await;
    let garbage = [
        &b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\xff\xff\x01",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x80\x2e\x01\x03\x01",
        &[0; 16_000],
    ];
    for at in [gateway.address(), gateway.admin_address()] {
        // Some of it is waited for as long as a handshake may take.
        let told = futures_util::future::join_all(garbage.map(|bytes| wire::told(at, bytes)));
        for answer in told.await {
            assert!(!answer.starts_with(b"HTTP") && answer.len() < 64, "{answer:?}");
        }
        assert_eq!(world.wire().get(at, "/ready", "").await.unwrap(), 200);
    }
    gateway.stop().await;
}

pub(crate) async fn what_is_under_way_ends_well_when_it_stops(database: Database) {
    let world = World::new(&database);
    let gateway = start_with_grace(&database, "20s", &world.toml(false)).await;
    let at = gateway.address();
    let head = format!(
        "POST /v1/revoke_tokens HTTP/1.1\r\nHost: localhost\r\nAuthorization: {REPORTING}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n["
    );
    let (go, wait) = std::sync::mpsc::channel();
    let (begun, began) = tokio::sync::oneshot::channel();
    let wire = world.wire();
    let calling = tokio::task::spawn_blocking(move || {
        wire.call_in_two(at, head.as_bytes(), b"]", || {
            begun.send(()).unwrap();
            wait.recv().unwrap();
        })
    });
    began.await.unwrap();
    let idle = tokio::net::TcpStream::connect(at).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let going_on = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        go.send(()).unwrap();
        assert_eq!(calling.await.unwrap().unwrap(), 204);
    };
    tokio::join!(gateway.stop(), going_on);
    assert!(world.wire().get(at, "/health", "").await.is_err(), "nobody listens");
    drop(idle);
}
