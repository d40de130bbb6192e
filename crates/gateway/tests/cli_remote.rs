//! The commands that talk to a running gateway, as the real binary.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "cli_remote/binary.rs"]
mod binary;
#[path = "cli_remote/doctor.rs"]
mod doctor;
#[path = "cli_remote/health.rs"]
mod health;
#[path = "cli_remote/own_tls.rs"]
mod own_tls;
#[path = "cli_remote/pats.rs"]
mod pats;
#[path = "cli_remote/places.rs"]
mod places;
#[path = "cli_remote/report/mod.rs"]
mod report;
#[path = "cli_remote/revocations.rs"]
mod revocations;
#[expect(dead_code, reason = "these tests need a part of it")]
mod support;
#[path = "cli_remote/tls.rs"]
mod tls;
#[path = "cli_remote/trouble.rs"]
mod trouble;
