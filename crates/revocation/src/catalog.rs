//! Which types are offered, who handles each, and how.

use std::collections::BTreeMap;

use crate::formats::Format;

/// What is done with a type's secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Revoked at once.
    #[default]
    Revoke,
    /// Held until somebody approves.
    Approve,
    /// People are told; nothing is revoked.
    Notify,
    /// Goes through everything but the call.
    DryRun,
}

impl Mode {
    /// The name in configuration and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Approve => "approve",
            Self::Notify => "notify",
            Self::DryRun => "dry-run",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Revoke, Self::Approve, Self::Notify, Self::DryRun]
            .into_iter()
            .find(|mode| mode.as_str() == name)
    }
}

/// How one type is handled.
#[derive(Debug, Clone)]
pub struct Handling {
    /// The provider's name.
    pub provider: String,
    /// What is done.
    pub mode: Mode,
    /// What a secret of this type looks like. The reporter's type is a claim, not a command: what
    /// does not look like it is sent nowhere.
    pub format: Format,
}

/// All types that are taken, and which of them are offered.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    types: BTreeMap<String, Handling>,
    names: Vec<String>,
}

impl Catalog {
    /// Adds a type; `false` where there is one of that name already.
    pub fn add(&mut self, token_type: &str, handling: Handling) -> bool {
        let added = self.add_unlisted(token_type, handling);
        if added {
            let at = self.names.partition_point(|name| name.as_str() < token_type);
            self.names.insert(at, token_type.to_owned());
        }
        added
    }

    /// The same of a type that is taken and not offered.
    pub fn add_unlisted(&mut self, token_type: &str, handling: Handling) -> bool {
        if self.types.contains_key(token_type) {
            return false;
        }
        self.types.insert(token_type.to_owned(), handling);
        true
    }

    /// How this type is handled, where it is taken.
    pub fn handling(&self, token_type: &str) -> Option<&Handling> {
        self.types.get(token_type)
    }

    /// The types that are offered, sorted.
    pub fn types(&self) -> &[String] {
        &self.names
    }
}
