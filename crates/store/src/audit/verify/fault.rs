//! What can be wrong with the log, and what is told of a chain.

use crate::audit::ChainId;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Entries from here up to this one are not there.
    Missing {
        /// The last of them.
        to: i64,
    },
    /// It was changed after it was written: the entry, or its time.
    Edited,
    /// It has a MAC that this log's key never made for it: written with another key, or changed together
    /// with its MAC.
    Foreign,
    /// It was written elsewhere.
    Moved {
        /// In this chain.
        chain: ChainId,
        /// As this entry.
        seq: i64,
    },
    /// It is whole, and names another one as the one before.
    Unlinked,
    /// An entry of this number came before.
    Repeated,
    /// Entries from here up to this one are not there, of which an exported head or another chain knows.
    Cut {
        /// The last of which something is known.
        to: i64,
    },
    /// The chain is not there, of which the order of chains, an exported head or another chain knows.
    NoChain,
    /// The chains from here up to this one are not there, of which the order of chains knows.
    NoChains {
        /// The number of the last of them.
        to: i64,
    },
    /// It is whole, and not the entry that was there when a head was exported.
    Rewritten,
    /// Its chain is not registered.
    Unregistered,
    /// What retention left was not sealed for this chain.
    BadCheckpoint,
    /// The first entry names another number, or another chain before its own, than the register has.
    Misplaced,
    /// When the ends of the chains were named, those from here up to this chain were not ours, or not there. What
    /// was cut off of them since the last time that they were named, nobody can tell.
    Hidden {
        /// The last of them.
        to: i64,
    },
}

impl Fault {
    /// Stable, for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Edited => "edited",
            Self::Foreign => "foreign",
            Self::Moved { .. } => "moved",
            Self::Unlinked => "unlinked",
            Self::Repeated => "repeated",
            Self::Cut { .. } => "cut",
            Self::NoChain | Self::NoChains { .. } => "no_chain",
            Self::Rewritten => "rewritten",
            Self::Unregistered => "unregistered",
            Self::BadCheckpoint => "bad_checkpoint",
            Self::Misplaced => "misplaced",
            Self::Hidden { .. } => "hidden",
        }
    }
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The chain's number, as far as it has one.
    pub number: Option<i64>,
    /// The chain, as far as it is known.
    pub chain: Option<Vec<u8>>,
    /// The entry.
    pub seq: Option<i64>,
    /// When the entry, or the one behind the gap, or the one that tells of it, says that it was written.
    pub at: Option<i64>,
    /// What is wrong.
    pub fault: Fault,
}

/// A chain that was gone along.
#[derive(Debug, Clone)]
pub struct Passed {
    /// Its number.
    pub number: i64,
    /// The chain.
    pub chain: ChainId,
    /// Its last entry.
    pub seq: i64,
    /// Its last entry that retention took, if any.
    pub removed: Option<i64>,
    /// Whether its process was stopped in order.
    pub closed: bool,
    /// When its last whole entry was written.
    pub at: Option<i64>,
}
