//! The environment as a layer over the file: `PORTCULLIS__SECTION__KEY`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::node::Node;
use super::problem::Notes;

const PREFIX: &str = "PORTCULLIS__";

// The deepest key of the file has four parts; a bound keeps a hostile name from deep recursion.
const DEEPEST: usize = 8;

/// The environment variables that a configuration is read from, given as a parameter so that tests
/// need not touch the process.
#[derive(Clone, Default)]
pub struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// The text of the variable `name`; `None` where it is not set, empty or not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        value.to_str().filter(|value| !value.is_empty())
    }

    /// All of them.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

/// Lays every `PORTCULLIS__…` variable over `root`. Names are lower-cased; a number names an entry
/// of a list, and the entry after the last one is new.
pub(super) fn lay_over(root: &mut Node, environment: &Environment, notes: &mut Notes) {
    let mut ours = Vec::new();
    for (name, value) in &environment.0 {
        let name = name.to_string_lossy();
        let Some(lower) = name.strip_prefix(PREFIX).map(str::to_lowercase) else { continue };
        let parts: Vec<String> = lower.split("__").map(str::to_owned).collect();
        match value.to_str() {
            _ if parts.len() > DEEPEST || parts.iter().any(String::is_empty) => {
                notes.problem(name, "this variable names no key");
            }
            None => notes.problem(name, "the value is not UTF-8"),
            Some(value) => ours.push((parts, name, value)),
        }
    }
    // A whole comes before its parts, and list entries come in their order.
    ours.sort_by(|(a, ..), (b, ..)| ranks(a).cmp(ranks(b)));
    for (parts, name, value) in ours {
        let leaf = Node::Text { text: value.to_owned(), variable: name.to_string() };
        if let Err(text) = place(root, &parts, leaf) {
            notes.problem(name, text);
        }
    }
}

fn ranks(parts: &[String]) -> impl Iterator<Item = (usize, &str)> {
    parts.iter().map(|part| rank(part))
}

fn rank(part: &str) -> (usize, &str) {
    (part.parse().unwrap_or(usize::MAX), part)
}

fn place(node: &mut Node, parts: &[String], leaf: Node) -> Result<(), String> {
    if matches!(node, Node::Text { .. }) {
        return Err("set twice, or both as a whole and in parts".into());
    }
    let [first, rest @ ..] = parts else {
        *node = leaf;
        return Ok(());
    };
    if matches!(node, Node::Absent | Node::Value(_)) {
        *node = match first.parse::<usize>() {
            Ok(0) => Node::List(Vec::new()),
            Ok(_) => return Err(gap(0)),
            Err(_) => Node::empty(),
        };
    }
    match node {
        Node::List(items) => place(entry(items, first)?, rest, leaf),
        Node::Table(entries) => {
            place(entries.entry(first.clone()).or_insert(Node::Absent), rest, leaf)
        }
        // Both were turned away or replaced above.
        Node::Absent | Node::Value(_) | Node::Text { .. } => Ok(()),
    }
}

fn entry<'a>(items: &'a mut Vec<Node>, part: &str) -> Result<&'a mut Node, String> {
    let index: usize =
        part.parse().map_err(|_| "an entry of a list is named by its number, from 0".to_owned())?;
    let length = items.len();
    if index == length {
        items.push(Node::Absent);
    }
    items.get_mut(index).ok_or_else(|| gap(length))
}

fn gap(length: usize) -> String {
    format!("leaves a gap: the list has {length} entries")
}

/// The table of `text`, or what is wrong with it. The parser's own rendering is not used: it quotes
/// the line, and the line may hold a secret.
pub(super) fn parse_file(text: &str) -> Result<BTreeMap<String, Node>, String> {
    match text.parse::<toml::Table>() {
        Ok(table) => Ok(table.into_iter().map(|(k, v)| (k, Node::from_toml(v))).collect()),
        Err(error) => Err(format!("{}not TOML: {}", line_of(text, &error), error.message())),
    }
}

fn line_of(text: &str, error: &toml::de::Error) -> String {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return String::new();
    };
    format!("line {}: ", before.matches('\n').count() + 1)
}
