//! The audit log: what was done, in chains, each entry bound by a MAC to its place and to the one before.
//!
//! A process that writes begins a chain of its own ([`Store::begin_chain`]), so that writers never wait for one
//! another. From then on the store writes the ends of the queue into it by itself, each in the
//! transaction of the end; everything else is handed to [`Store::record`].
//!
//! [`Store::begin_chain`]: crate::Store::begin_chain
//! [`Store::record`]: crate::Store::record

pub(crate) mod append;
mod begin;
mod checkpoint;
pub(crate) mod ends;
mod key;
pub(crate) mod read;
pub(crate) mod retain;
mod snapshot;
pub mod verify;
mod walk;

pub use append::Batch;
pub use checkpoint::Checkpoint;
pub use ends::{Ends, Head, Unproven};
pub use key::{AuditKey, MAC, Mac, Running};
pub use read::{ChainRow, Row};
pub use retain::Retained;
pub use snapshot::Snapshot;

/// The identity of a chain: random.
pub type ChainId = [u8; 16];

/// What comes before the first entry of a chain.
pub const NOTHING_BEFORE: Mac = [0; MAC];

/// The event of a chain's first entry.
pub const OPEN: &str = "audit.open";
/// The event of the last entry of a chain whose process was stopped in order.
pub const CLOSE: &str = "audit.close";
/// The event of an entry that names the ends of other chains.
pub const HEADS: &str = "audit.heads";

/// What a closing entry begins with.
const CLOSING: &str = r#"{"event":"audit.close""#;

/// Something that happened, on its way into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// What: a JSON object whose first member is `event`. Never a secret.
    pub entry: String,
}

impl Told {
    /// An event with these members beside its name, which comes first.
    pub fn new(at: i64, event: &str, members: &serde_json::Map<String, serde_json::Value>) -> Self {
        let name = serde_json::Value::from(event);
        let mut entry = format!("{{\"event\":{name}");
        for (member, value) in members.iter().filter(|(member, _)| *member != "event") {
            entry += ",";
            entry += &serde_json::Value::from(member.as_str()).to_string();
            entry += ":";
            entry += &value.to_string();
        }
        entry.push('}');
        Self { at, entry }
    }
}
