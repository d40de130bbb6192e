//! The reader of one table: takes its keys one by one, and at the end calls what is left unknown.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::node::Node;
use super::problem::Notes;
use super::setting::Setting;

/// One table being read. A bad value is noted and stands as absent, so that reading goes on and
/// every problem is found.
pub(super) struct Section<'n> {
    path: String,
    entries: BTreeMap<String, Node>,
    pub(super) notes: &'n mut Notes,
}

impl<'n> Section<'n> {
    /// Reads `entries` at `path` (empty for the whole file); what `read` leaves is a problem.
    pub(super) fn read<R>(
        path: String,
        entries: BTreeMap<String, Node>,
        notes: &'n mut Notes,
        read: impl FnOnce(&mut Section<'_>) -> R,
    ) -> R {
        let mut section = Section { path, entries, notes };
        let result = read(&mut section);
        for (key, node) in std::mem::take(&mut section.entries) {
            let from = node.variable().map(|v| format!(" (from {v})")).unwrap_or_default();
            let path = section.at(&key);
            section.notes.problem(path, format!("unknown key{from}"));
        }
        result
    }

    /// The full name of `key`.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a problem with `key`.
    pub(super) fn problem(&mut self, key: &str, problem: impl Into<String>) {
        let path = self.at(key);
        self.notes.problem(path, problem);
    }

    /// Notes a warning about `key`.
    pub(super) fn warn(&mut self, key: &str, warning: &str) {
        let path = self.at(key);
        self.notes.warn(&path, warning);
    }

    /// Notes that `key` exists, for readers that take it with [`Self::take`].
    pub(super) fn known(
        &mut self,
        key: &str,
        given: bool,
        default: Option<bool>,
        what: &'static str,
    ) {
        let path = self.at(key);
        self.notes.known(&path, given, default, what);
    }

    /// What is at `key`, which counts as read from now on.
    pub(super) fn take(&mut self, key: &str) -> Node {
        self.entries.remove(key).unwrap_or(Node::Absent)
    }

    /// Whether anything stands at `key`, not yet taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The names of the keys not yet taken, for tables under the operator's own.
    pub(super) fn names(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// Leaves the rest unread, where a problem noted already makes its keys meaningless.
    pub(super) fn ignore_rest(&mut self) {
        self.entries.clear();
    }

    /// A value that may be left out.
    pub(super) fn optional<T: Setting>(&mut self, key: &str) -> Option<T> {
        let node = self.take(key);
        self.known(key, !matches!(node, Node::Absent), None, T::WHAT);
        let path = self.at(key);
        value(self.notes, path, node)
    }

    /// A value that must be there; `None` only with a problem noted.
    pub(super) fn required<T: Setting>(&mut self, key: &str) -> Option<T> {
        if !self.has(key) {
            self.problem(key, "is required");
        }
        self.optional(key)
    }

    /// A value with a default.
    pub(super) fn or<T: Setting + PartialEq>(&mut self, key: &str, default: T) -> T {
        let node = self.take(key);
        let given = !matches!(node, Node::Absent);
        let path = self.at(key);
        let value = value(self.notes, path, node);
        let same = value.as_ref().is_none_or(|v| *v == default);
        self.known(key, given, Some(same), T::WHAT);
        value.unwrap_or(default)
    }

    /// A number with a default, inside `range`.
    pub(super) fn number(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let value = self.or(key, default);
        self.inside(key, value, range, u64::to_string)
    }

    /// A duration with a default, inside `range`.
    pub(super) fn duration(
        &mut self,
        key: &str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let value = self.or(key, default);
        self.inside(key, value, range, shown)
    }

    /// Notes a problem where `value` is not inside `range`, and gives it back.
    pub(super) fn inside<T: PartialOrd, D: Display>(
        &mut self,
        key: &str,
        value: T,
        range: RangeInclusive<T>,
        show: impl Fn(&T) -> D,
    ) -> T {
        let bounds = format!("from {} to {}", show(range.start()), show(range.end()));
        if !range.contains(&value) {
            self.problem(key, format!("must be {bounds}"));
        }
        self.notes.bounded(&self.at(key), bounds);
        value
    }

    /// A list of values, or `None` where it is left out.
    pub(super) fn list<T: Setting>(&mut self, key: &str) -> Option<Vec<T>> {
        let items = self.items(key)?;
        let path = self.at(key);
        let read = |(i, node)| value(self.notes, format!("{path}[{i}]"), node);
        Some(items.into_iter().enumerate().filter_map(read).collect())
    }

    /// A list of values, of which a single one may stand for itself.
    pub(super) fn one_or_list<T: Setting>(&mut self, key: &str) -> Option<Vec<T>> {
        let node = self.take(key).expanded();
        let is_list = matches!(node, Node::List(_));
        self.entries.insert(key.to_owned(), node);
        if is_list { self.list(key) } else { self.optional(key).map(|one| vec![one]) }
    }

    /// A list of values with a default.
    pub(super) fn or_list<T: Setting + PartialEq>(&mut self, key: &str, default: Vec<T>) -> Vec<T> {
        let given = self.list(key);
        let same = given.as_ref().is_none_or(|list| *list == default);
        self.known(key, given.is_some(), Some(same), "a list");
        given.unwrap_or(default)
    }

    /// The entries of a list, each read as a table.
    pub(super) fn tables<R>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&mut Section<'_>) -> R,
    ) -> Vec<R> {
        let path = self.at(key);
        let items = self.items(key).unwrap_or_default();
        let read = |(i, node)| table(format!("{path}[{i}]"), node, self.notes, &mut read);
        items.into_iter().enumerate().filter_map(read).collect()
    }

    /// A table; where it is left out, `read` sees an empty one.
    pub(super) fn table<R>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Section<'_>) -> R,
    ) -> Option<R> {
        let path = self.at(key);
        let node = self.take(key);
        table(path, node, self.notes, read)
    }

    /// Tables under the operator's own names, each read with its name.
    pub(super) fn named_tables<R>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&str, &mut Section<'_>) -> R,
    ) -> Vec<R> {
        let each = |section: &mut Section<'_>| {
            let entries = std::mem::take(&mut section.entries);
            let one = |(name, node): (String, Node)| {
                let path = section.at(&name);
                table(path, node, section.notes, |inner| read(&name, inner))
            };
            entries.into_iter().filter_map(one).collect()
        };
        self.table(key, each).unwrap_or_default()
    }

    /// A table whose keys are the operator's own names.
    pub(super) fn map<T: Setting>(&mut self, key: &str) -> BTreeMap<String, T> {
        let named = |section: &mut Section<'_>, (name, node): (String, Node)| {
            let path = section.at(&name);
            value(section.notes, path, node).map(|value| (name, value))
        };
        let read = |section: &mut Section<'_>, entries: BTreeMap<String, Node>| {
            entries.into_iter().filter_map(|entry| named(section, entry)).collect()
        };
        self.whole(key, read).unwrap_or_default()
    }

    /// A table of which `read` gets every entry, whatever it is called.
    pub(super) fn whole<R>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Section<'_>, BTreeMap<String, Node>) -> R,
    ) -> Option<R> {
        self.known(key, self.entries.contains_key(key), None, "a table");
        self.table(key, |section| {
            let entries = std::mem::take(&mut section.entries);
            read(section, entries)
        })
    }

    fn items(&mut self, key: &str) -> Option<Vec<Node>> {
        let node = self.take(key);
        self.known(key, !matches!(node, Node::Absent), None, "a list");
        match node.expanded() {
            Node::Absent => None,
            Node::List(items) => Some(items),
            Node::Table(_) | Node::Value(_) | Node::Text { .. } => {
                self.problem(key, "must be a list");
                None
            }
        }
    }
}

/// Whole days as days: whoever reads "365d" need not count months.
pub(super) fn shown(duration: &Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match (duration.as_secs(), duration.subsec_nanos()) {
        (seconds, 0) if seconds >= DAY && seconds % DAY == 0 => format!("{}d", seconds / DAY),
        _ => humantime::format_duration(*duration).to_string(),
    }
}

fn table<R>(
    path: String,
    node: Node,
    notes: &mut Notes,
    read: impl FnOnce(&mut Section<'_>) -> R,
) -> Option<R> {
    match node.expanded() {
        Node::Absent => Some(Section::read(path, BTreeMap::new(), notes, read)),
        Node::Table(entries) => Some(Section::read(path, entries, notes, read)),
        Node::List(_) | Node::Value(_) | Node::Text { .. } => {
            notes.problem(path, "must be a table");
            None
        }
    }
}

/// Reads one value. The text of a variable is tried as a string first, then as a TOML literal.
fn value<T: Setting>(notes: &mut Notes, path: String, node: Node) -> Option<T> {
    let result = match node {
        Node::Absent => return None,
        Node::Value(value) => T::read(&value),
        Node::Text { text, .. } => {
            let literal = text.parse::<toml::Value>();
            T::read(&toml::Value::String(text)).or_else(|error| match literal {
                Ok(literal) => T::read(&literal),
                Err(_) => Err(error),
            })
        }
        Node::Table(_) | Node::List(_) => Err("must be a single value".to_owned()),
    };
    result.map_err(|problem| notes.problem(path, problem)).ok()
}
