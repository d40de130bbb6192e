#![doc = include_str!("../README.md")]
#![expect(clippy::expect_used, reason = "for tests, where a panic is how a failure is told")]

mod cluster;
mod database;
mod programs;

use std::net::{Ipv4Addr, TcpListener};

pub use cluster::Cluster;
pub use database::{PgDatabase, postgres};

/// A folder that is removed when dropped.
///
/// # Panics
/// Where none can be made.
pub fn scratch_dir() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("portcullis-test-").tempdir().expect("a scratch folder")
}

/// A port of loopback that was free a moment ago.
///
/// # Panics
/// Where there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
