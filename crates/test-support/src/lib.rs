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

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

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

/// A port of loopback that was free a moment ago, and that this process was not given before.
///
/// # Panics
/// Where there is none.
pub fn free_port() -> u16 {
    // The system may give the same one twice in a row, and who takes two wants two.
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        if GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return port;
        }
    }
}
