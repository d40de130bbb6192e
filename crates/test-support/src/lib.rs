#![doc = include_str!("../README.md")]
#![expect(clippy::expect_used, reason = "for tests, where a panic is how a failure is told")]

mod authority;
mod cluster;
mod database;
mod inbox;
mod programs;
mod signer;
mod site;
mod vendor;

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

pub use authority::{Authority, Issued, Life};
pub use cluster::Cluster;
pub use database::{PgDatabase, execute, postgres};
pub use inbox::{Inbox, Post};
pub use signer::{SigningKey, base64url, jwks, private_jwks};
pub use site::{Reply, Site};
pub use vendor::{Act, Asked, Vendor};

/// Everything in a database as text, as `pg_dump` writes it: to search it for what must not be there.
///
/// # Panics
/// Where `pg_dump` is not installed or fails.
pub fn dump(url: &str) -> String {
    let output = std::process::Command::new(programs::folder().join("pg_dump"))
        .arg(url)
        .output()
        .expect("pg_dump runs");
    assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder that is removed when dropped.
///
/// # Panics
/// Where none can be made.
pub fn scratch_dir() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("portcullis-test-").tempdir().expect("a scratch folder")
}

/// Where systems choose no port by themselves, as they do for who binds 0 or connects: what is free here stays free
/// until who was given it binds it, also where that is a program that starts slowly or was killed meanwhile.
const LEFT_ALONE: Range<u16> = 10_000..30_000;

/// A port of loopback that was free a moment ago, and that this process was not given before.
///
/// # Panics
/// Where there is none.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Processes that run at a time begin at different places.
    let places = LEFT_ALONE.len();
    let first = std::process::id() as usize * 101;
    for _ in 0..places {
        let place = (first + usize::from(GIVEN.fetch_add(1, Ordering::Relaxed))) % places;
        let port = LEFT_ALONE.start + u16::try_from(place).expect("the ports are below 30 000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
