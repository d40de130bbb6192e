//! Vendors whose call is known: one readable file, compiled in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::call::Description;

/// What is known of one vendor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// What it is called, for people.
    pub vendor: String,
    /// Where the description comes from.
    pub source: String,
    /// How well it is borne out, by the letters that the file explains.
    pub evidence: String,
    /// When it was last compared with its source: year and month.
    pub checked: String,
    /// What an operator should know of it before switching it on.
    #[serde(default)]
    pub notes: String,
    /// Scheme, host and port, where all its customers share them.
    pub base: Option<String>,
    /// The rest of the address.
    pub path: String,
    /// The request, and what the answers mean.
    pub call: Description,
    /// The types that it takes, each with its anchored format.
    pub types: BTreeMap<String, String>,
}

impl Preset {
    /// The preset of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.get(name)
    }

    /// All presets by name.
    pub fn all() -> &'static BTreeMap<String, Self> {
        &PRESETS
    }

    /// Whether it was written down from memory: such a one is used only by an operator who says so.
    pub fn is_recalled(&self) -> bool {
        self.evidence.split(' ').any(|letter| letter == "R")
    }

    /// The address of its call, below `base` where one is given.
    pub fn url(&self, base: Option<&str>) -> Option<String> {
        let base = base.or(self.base.as_deref())?;
        Some(format!("{}{}", base.trim_end_matches('/'), self.path))
    }
}

#[expect(clippy::expect_used, reason = "a test reads the file that is compiled in")]
static PRESETS: LazyLock<BTreeMap<String, Preset>> = LazyLock::new(|| {
    toml::from_str(include_str!("../../presets.toml")).expect("the presets are well formed")
});

#[cfg(test)]
mod tests;
