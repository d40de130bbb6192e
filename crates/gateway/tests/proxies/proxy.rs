//! The real proxies, with the very files of the documentation.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use portcullis_test_support::{free_port, scratch_dir};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::process::Process;

const NGINX: &str = include_str!("../../../../docs/proxies/nginx.conf");
const FRONT: &str = include_str!("../../../../docs/proxies/nginx-front.conf");
const CADDY: &str = include_str!("../../../../docs/proxies/Caddyfile");

/// Somebody else may take a port between its choice and its use.
const ATTEMPTS: u32 = 10;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Caddy,
    /// nginx in front of the gateway itself, with no service.
    Front,
}

/// A proxy in front of a service, gone when dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    // The process ends before its folder goes.
    _process: Process,
    _folder: TempDir,
}

impl Proxy {
    /// Starts one that asks `gateway` and passes on to `service`.
    pub(crate) async fn start(kind: Kind, gateway: SocketAddr, service: SocketAddr) -> Self {
        for _ in 0..ATTEMPTS {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            let folder = scratch_dir();
            let mut process = match kind {
                Kind::Nginx => nginx(folder.path(), address, gateway, service),
                Kind::Front => front(folder.path(), address, gateway),
                Kind::Caddy => caddy(folder.path(), address, gateway, service),
            };
            if listens(&mut process, address).await {
                return Self { address, _process: process, _folder: folder };
            }
            assert!(is_taken(&process), "{}", process.log());
        }
        panic!("no free port for {kind:?}");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Whether it says that somebody else has its port. nginx tries for a while before it ends.
fn is_taken(process: &Process) -> bool {
    process.log().to_lowercase().contains("address already in use")
}

/// Whether it came up; `false` where it has ended instead, or cannot have its port.
async fn listens(process: &mut Process, address: SocketAddr) -> bool {
    for _ in 0..1500 {
        if process.is_gone() {
            return false;
        }
        if TcpStream::connect(address).await.is_ok() {
            // It may have been somebody else, who has the port that this one now fails to get.
            tokio::time::sleep(Duration::from_millis(100)).await;
            return !process.is_gone() && !is_taken(process);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not listen: {}", process.log());
}

/// The file with other addresses. Each old one is there as often as said, or the file is not the one that
/// these tests are about.
fn at(file: &str, changes: &[(&str, usize, String)]) -> String {
    changes.iter().fold(file.to_owned(), |text, (old, times, new)| {
        assert_eq!(text.matches(old).count(), *times, "{old} in {text}");
        text.replace(old, new)
    })
}

/// One process that keeps what it writes in its folder.
fn nginx(folder: &Path, own: SocketAddr, gateway: SocketAddr, service: SocketAddr) -> Process {
    let service = ("http://127.0.0.1:3000;", 2, format!("http://{service};"));
    any_nginx(folder, own, gateway, NGINX, &[service])
}

fn front(folder: &Path, own: SocketAddr, gateway: SocketAddr) -> Process {
    any_nginx(folder, own, gateway, FRONT, &[])
}

fn any_nginx(
    folder: &Path,
    own: SocketAddr,
    gateway: SocketAddr,
    file: &str,
    more: &[(&str, usize, String)],
) -> Process {
    let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {what}; "))
        .concat();
    let changes = [
        ("\nhttp {\n", 1, format!("\nhttp {{ access_log off; {places}\n")),
        ("listen 80;", 1, format!("listen {own};")),
        ("server 127.0.0.1:8080;", 1, format!("server {gateway};")),
    ];
    let text = at(&at(file, &changes), more);
    fs::write(folder.join("nginx.conf"), text).unwrap();
    let prefix = folder.to_str().unwrap();
    let alone = "daemon off; master_process off; pid nginx.pid; error_log stderr;";
    let file = format!("{prefix}/nginx.conf");
    Process::start(folder, &["nginx", "-p", prefix, "-e", "stderr", "-c", &file, "-g", alone])
}

fn caddy(folder: &Path, own: SocketAddr, gateway: SocketAddr, service: SocketAddr) -> Process {
    let options = "{\n\tadmin off\n\tauto_https off\n}\n";
    let text = at(
        CADDY,
        &[
            ("\n:80 {\n", 1, format!("\nhttp://:{} {{\n\tbind {}\n", own.port(), own.ip())),
            ("127.0.0.1:8080 {\n", 2, format!("{gateway} {{\n")),
            ("reverse_proxy 127.0.0.1:3000\n", 1, format!("reverse_proxy {service}\n")),
        ],
    );
    let file = folder.join("Caddyfile");
    fs::write(&file, format!("{options}{text}")).unwrap();
    let file = file.to_str().unwrap();
    Process::start(folder, &["caddy", "run", "--adapter", "caddyfile", "--config", file])
}
