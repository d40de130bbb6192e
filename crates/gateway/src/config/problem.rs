//! Everything that is wrong with a configuration, gathered before anything is said.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// One thing that is wrong, and where. Never holds a secret's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The full key, such as `revocation_api.clients[0].token`, or the name of the file or variable.
    pub key: String,
    /// What is wrong, in one line.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// A key that this version reads, as met in one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The full key with `[]` for any entry of a list.
    pub key: String,
    /// Whether a value was given.
    pub given: bool,
    /// For a key with a default: whether the value in force equals it.
    pub default: Option<bool>,
    /// What a value has to be, for the reference: "a duration".
    pub what: &'static str,
    /// Between which values, where it is bounded: "from 1 to 100".
    pub range: Option<String>,
}

/// What gathers while a configuration is read.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
    pub(super) known: Vec<KnownKey>,
    /// Whether the file itself holds a secret, so that its mode matters.
    pub(super) inline_secret: bool,
    /// Variables that do not tell by their names which key they give, by the full key.
    origins: BTreeMap<String, String>,
}

impl Notes {
    pub(super) fn problem(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        let (key, mut problem) = (key.into(), problem.into());
        problem += &self.origin(&key);
        self.problems.push(Problem { key, problem });
    }

    pub(super) fn warn(&mut self, key: &str, warning: &str) {
        self.warnings.push(format!("{key}: {warning}{}", self.origin(key)));
    }

    /// From now on, whatever is said about `key` names `variable` as well.
    pub(super) fn came_from(&mut self, key: String, variable: &str) {
        self.origins.insert(key, variable.to_owned());
    }

    fn origin(&self, key: &str) -> String {
        self.origins.get(key).map(|variable| format!(" (from {variable})")).unwrap_or_default()
    }

    pub(super) fn known(
        &mut self,
        path: &str,
        given: bool,
        default: Option<bool>,
        what: &'static str,
    ) {
        self.known.push(KnownKey { key: pattern(path), given, default, what, range: None });
    }

    /// The bounds of a key that was met before.
    pub(super) fn bounded(&mut self, path: &str, range: String) {
        let key = pattern(path);
        if let Some(known) = self.known.iter_mut().rev().find(|known| known.key == key) {
            known.range = Some(range);
        }
    }
}

/// `a.b[3].c` as `a.b[].c`.
fn pattern(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|&c| {
            let keep = !(inside && c.is_ascii_digit());
            inside = c == '[' || (inside && c != ']');
            keep
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_forgets_which_entry_it_was() {
        assert_eq!(pattern("a2.b[13].c[0]"), "a2.b[].c[]");
    }
}
