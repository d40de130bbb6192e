//! The life of the data, with the shipped binary as a process: the master key changed and the change cut off
//! anywhere, backups restored by the lines of the guide, the configuration read again under way.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "life/backup.rs"]
mod backup;
#[path = "life/gateway.rs"]
mod gateway;
#[path = "life/master_key.rs"]
mod master_key;
#[path = "life/reload.rs"]
mod reload;
